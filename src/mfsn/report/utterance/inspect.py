"""`mfsn inspect`: pictures of utterances as PNG, and an interactive page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from mfsn.base.files import replacing, write_bytes
from mfsn.errors import ConfigError
from mfsn.report.utterance.source import Source
from mfsn.report.utterance.utterance import gather

NAME_LENGTH = 100


def draw_pictures(source: Source, ids: Sequence[str], out: Path | None = None) -> list[Path]:
    """Draw waveform, spectrogram, MFCC, activity of each level, and the prediction if there is one.

    Args:
        source: the tables and features of the experiment.
        ids: the utterances.
        out: the PNG file if there is one utterance, or the folder of the pictures, which are named
            after their utterances; by default `inspect_folder`.

    Returns:
        The paths of the pictures, in the order of `ids`. A picture is written whole or not at all.

    Raises:
        ManifestError: if there is no such utterance (the message names similar ids).
        CacheError: if rows are missing from the store or damaged.
        ConfigError: if `out` is a file and there are several utterances.
        StorageFullError: if the disk is full.
    """
    from mfsn.report.utterance.picture import draw_png

    paths = _picture_paths(out or inspect_folder(source), ids, is_named=out is not None)
    for name, path in zip(tqdm(ids, "inspect", unit="picture", disable=None), paths, strict=True):
        write_bytes(path, draw_png(gather(source, name)))
    return paths


def write_page(
    source: Source, ids: Sequence[str], is_playable: Callable[[str], bool], out: Path | None = None
) -> Path:
    """Write one self-contained HTML page about utterances; it needs no server and no network.

    Args:
        source: the tables and features of the experiment.
        ids: the utterances, in the order in which the page lists them.
        is_playable: given a licence, whether the page may contain recordings under it.
        out: the file of the page, or the folder for its `index.html`; by default
            `inspect_folder`.

    Returns:
        The path of the page, which is written whole or not at all.

    Raises:
        ManifestError: if there is no such utterance, or it has no segments.
        CacheError: if rows are missing from the store or damaged.
        StorageFullError: if the disk is full.
    """
    from mfsn.report.browser.page import render

    path = out or inspect_folder(source)
    if out is None or path.is_dir():
        path /= "index.html"
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(render(source, ids, is_playable))
    return path


def inspect_folder(source: Source) -> Path:
    """The folder for pictures and the page; it lies in data/, which git ignores."""
    outputs = source.outputs
    return outputs.workspace / "data" / "inspect" / outputs.corpus / outputs.experiment


def _picture_paths(out: Path, ids: Sequence[str], is_named: bool) -> list[Path]:
    if is_named and len(ids) == 1 and not out.is_dir():
        return [out]
    if out.is_file():
        raise ConfigError(f"{out} is a file; give a folder for the {len(ids)} pictures")
    return [out / file_name(name) for name in ids]


def file_name(utterance_id: str) -> str:
    """The file name of a picture: the id if it is a safe name, else a unique name made from it."""
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in utterance_id)[:NAME_LENGTH]
    if safe != utterance_id or safe.startswith("."):
        safe = f"{safe.lstrip('.')}-{hashlib.sha256(utterance_id.encode()).hexdigest()[:8]}"
    return f"{safe}.png"
