"""Protocol `rotation`: the speakers in turn, `folds` groups of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.division import Division


def rotation(
    manifest: pd.DataFrame,
    config: ProtocolConfig,
    workspace: Path,
) -> Division:
    """The first speaker is in the first group, the second in the second, and so on."""
    group = {s: i % config.folds for i, s in enumerate(sorted(manifest["speaker"].unique()))}
    groups = manifest["speaker"].map(group)
    ids = manifest["utterance_id"]
    return Division({f"turn{number}": set(ids[groups == number]) for number in range(config.folds)})
