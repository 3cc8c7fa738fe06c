"""`mfsn inspect`: the picture of one utterance, as PNG."""

from __future__ import annotations

from pathlib import Path

from mfsn.files import write_bytes
from mfsn.params import Params
from mfsn.report.picture import draw_png
from mfsn.report.utterance import gather


def inspect_utterance(workspace: Path, params: Params, utterance_id: str, out: Path) -> None:
    """Draw waveform, spectrogram, MFCC, activity of each level, and the prediction if there is one.

    Args:
        workspace: the checkout.
        params: its parameters; they say which corpus and experiment.
        utterance_id: as in the manifest.
        out: the PNG to write, whole or not at all.

    Raises:
        ManifestError: if there is no such utterance (close ones are named), or a table is missing.
        CacheError: if a digest is missing or the store lacks or has damaged rows.
        StorageFullError: if the disk is full.
    """
    write_bytes(out, draw_png(gather(workspace, params, utterance_id)))
