"""The two encoders of params.yaml: whether they fit together, and whether one pass serves both."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pandas as pd

from mfsn.features.base import Extractor, SharesPass
from mfsn.features.extraction.notes import Check
from mfsn.features.extraction.together import extract_together
from mfsn.features.registry import make_extractor
from mfsn.models.frames import joins_frames, refuse_unlike_frames
from mfsn.params import load_params
from mfsn.store.digest import Digest
from mfsn.training.system import get_system

_OTHER = {"sec": "tec", "tec": "sec"}


def refuse_unlike_encoders(workspace: Path, extractor: Extractor) -> None:
    """Raise an error if SEC and TEC must be joined frame by frame, but their frames differ.

    This reads parameters that `extract@NAME` does not declare in dvc.yaml. It may do so, because
    they decide only whether rows are worth computing, never what a row contains.

    Args:
        workspace: the folder with params.yaml, which names the other encoder.
        extractor: the extractor that is about to run; only SEC and TEC are checked.

    Raises:
        ConfigError: in the same cases as `mfsn.models.frames.refuse_unlike_frames`.
        ModelLoadError: if the other encoder cannot be loaded.
    """
    other = _OTHER.get(extractor.name)
    if other is None:
        return
    params = load_params(workspace)
    parts = get_system(params.system).network
    if parts is None or not joins_frames(parts, params.model):
        return
    segment = params.segment
    cut = (segment.sample_rate_hz, segment.samples, segment.reading)
    both = {extractor.name: extractor, other: make_extractor(other, params.section(other), *cut)}
    frames = {name: each.arrays[-1].shape[0] for name, each in both.items()}
    refuse_unlike_frames(parts, params.model, frames)


def extract_both(
    workspace: Path, extractor: Extractor, segments: pd.DataFrame, store_root: Path
) -> Digest | None:
    """Extract SEC and TEC at once, if one pass gives the rows of both.

    Whichever of the two stages runs first makes the rows of the other one too, and notes that they
    are there. It reads parameters that `extract@NAME` does not declare in dvc.yaml, and may: they
    decide what else is brought into the store, never what the digest of this extractor says.

    Args:
        workspace: folder with params.yaml, which names the other encoder.
        extractor: about to run.
        segments: the segment table (`mfsn.manifest.SEGMENTS`), its waves in the store.
        store_root: root of the feature cache.

    Returns:
        The digest of the extractor. None if it needs a pass of its own, or the system does not
        read the other one; nothing is done then.

    Raises:
        MfsnError: as `mfsn.features.extraction.together.extract_together`.
    """
    other = _OTHER.get(extractor.name)
    if other is None:
        return None
    params = load_params(workspace)
    if other not in params.read:
        return None
    together = cast(SharesPass, extractor).together_with(other, params.section(other))
    if together is None:
        return None
    found = extract_together(together, segments, params.segment, store_root)
    for each in together.extractors:
        if each.name in found:
            check = Check.of(each.name, params.section(each.name), params.segment, store_root)
            check.note(each, found[each.name])
    return found[extractor.name]
