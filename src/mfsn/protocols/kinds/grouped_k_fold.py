"""Divide the speakers into k groups; each group is the test data of one fold."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mfsn.errors import ProtocolError
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.division import Division, numbered
from mfsn.protocols.fold import require_known
from mfsn.protocols.speaker_groups import speaker_groups


def grouped_k_fold(
    manifest: pd.DataFrame,
    config: ProtocolConfig,
    workspace: Path,  # noqa: ARG001
) -> Division:
    """Make groups of about the same size; see `speaker_groups`.

    Raises:
        ProtocolError: if a speaker is unknown, or there are fewer speakers than folds.
    """
    require_known(manifest, "speaker", config.name)
    speakers = manifest["speaker"].nunique()
    if speakers < config.folds:
        raise ProtocolError(
            f"{config.name}: {config.folds} folds need at least as many speakers, and the corpus "
            f"has {speakers}; lower protocol.folds"
        )
    return Division(numbered(speaker_groups(manifest, config.folds, config.seed)))
