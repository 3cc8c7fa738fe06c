"""Use the division into train, dev and test that the corpus was published with."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mfsn.errors import ProtocolError
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.division import Division
from mfsn.protocols.fold import SPLITS, require_known


def official_split(
    manifest: pd.DataFrame,
    config: ProtocolConfig,
    workspace: Path,  # noqa: ARG001
) -> Division:
    """Make one fold; it is speaker-independent if all speakers are known and in one split each.

    Raises:
        ProtocolError: if the corpus does not divide all utterances into train, dev and test.
    """
    require_known(manifest, "split", config.name)
    ids = {split: set(part) for split, part in manifest.groupby("split")["utterance_id"]}
    if set(ids) != set(SPLITS):
        raise ProtocolError(
            f"{config.name} needs the splits train, dev and test, and the corpus has "
            f"{', '.join(sorted(map(str, ids)))}; name all three there, or write a fold file"
        )
    speakers = manifest.drop_duplicates(["speaker", "split"])["speaker"]
    independent = bool(speakers.notna().all() and speakers.is_unique)
    return Division(
        {"official": ids["test"]}, {"official": ids["dev"]}, speaker_independent=independent
    )
