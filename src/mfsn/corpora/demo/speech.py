"""Speak the demo corpus into its folder: whole or not at all, and only if necessary."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import hashlib
import io
import json
import shutil
import wave
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from mfsn.base.files import explain_full_disk, read_json, write_json, write_text
from mfsn.corpora.demo.plan import Spoken, plan_demo, read_recipe
from mfsn.corpora.demo.reader import METADATA
from mfsn.errors import CorpusError
from mfsn.workspace import corpus_variable

if TYPE_CHECKING:
    from mfsn.base.arrays import Int16

MARKER = "spoken.json"
"""The file that holds the recipe with which the folder was spoken; it is written last."""

Recipe = Mapping[str, Any]

_FIRST: Recipe = {
    "version": 1,
    "parameters": "d2155b5165f55652f9eb44221e3fe7c0e5a501e6a903df9aaa286ab1e1f50fce",
}
_AS_HASHES = dict.fromkeys(
    (
        "3bd53d49c1adafd11488c3672ba85626723c9995583f7fcc360a45085835902e",
        "44cf26fa6abf3b2cb6938cebf153239d8c971f009a51225e4b939dc7ebfd67a1",
        "bb7fe68c680df54a86fdd3e71bfe9f05e98209d7d24af3d40d65bd5b60669398",
        "7eca2fb01f81c81839b11c3edc16b43073fa570377ff82793121f4a162e7739f",
    ),
    _FIRST,
)
"""What older code wrote into `MARKER`: hashes of its own text, though all speak the same."""


def ensure_spoken(root: Path, *, named: bool = False) -> str | None:
    """Speak the demo, unless it has been spoken with the present recipe.

    If the process is killed, the folder stays as it was. Two processes wait for each other.

    Args:
        root: the corpus folder of the demo.
        named: whether somebody chose this folder; then nothing in it is replaced.

    Returns:
        What was done, in a few words; None if the demo was there.

    Raises:
        CorpusError: if eSpeak NG is not installed, or as `refuse_folder` says.
        StorageFullError: if the disk is full.
    """
    if _is_spoken(root):
        return None
    with _alone(root):
        if _is_spoken(root):
            return None
        refuse_folder(root, named=named)
        replaced = _holds_files(root)
        _replace(root)
    return f"{'replaced' if replaced else 'spoke'} the demo in {root}"


def refuse_folder(root: Path, *, named: bool) -> None:
    """Check that the demo is in a folder, or may be spoken into it.

    Args:
        root: the corpus folder of the demo.
        named: whether somebody chose this folder; then nothing in it is replaced.

    Raises:
        CorpusError: if the folder contains other files; or if somebody chose it, and it contains
            a demo that is incomplete or was spoken with another recipe.
    """
    if _is_spoken(root) or not _holds_files(root):
        return
    elsewhere = f"set {corpus_variable('demo')} to another folder"
    if not (root / MARKER).is_file():
        raise CorpusError(
            f"{root} holds files that are not the demo's; move them elsewhere, or {elsewhere}"
        )
    if named or root.is_symlink():
        raise CorpusError(
            f"{root} holds a demo that is incomplete or was spoken with another recipe; delete "
            f"this folder, so that the next run speaks it again, or {elsewhere}"
        )


def write_demo(folder: Path, plan: Sequence[Spoken]) -> None:
    """Speak utterances into a folder: <speaker>/<utterance id>.wav and metadata.csv.

    Args:
        folder: the target folder; it is created.
        plan: what to say; each recording depends only on its own entry.

    Raises:
        CorpusError: if eSpeak NG is not installed.
    """
    from mfsn.corpora.demo.voice import utter  # imports numpy and eSpeak, only if there is work

    rate = read_recipe()["sample_rate_hz"]
    for spoken in tqdm(plan, desc="speak the demo", unit="utterance", disable=None):
        _write_wav(folder / _file(spoken), utter(spoken, rate), rate)
    write_text(folder / METADATA, _metadata(plan))


def _replace(root: Path) -> None:
    new, old = (root.with_name(f".{root.name}.{state}") for state in ("partial", "old"))
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    plan = plan_demo()
    with explain_full_disk(root):
        write_demo(new, plan)
        write_json(new / MARKER, {"recipe": _recipe(), "recordings": len(plan)})
    if root.exists():
        root.rename(old)
    new.rename(root)
    shutil.rmtree(old, ignore_errors=True)


def _recipe() -> Recipe:
    """The version of the demo's sound, and a hash of the parameters beside it in speech.yaml."""
    parameters = dict(read_recipe())
    version = parameters.pop("version")
    text = json.dumps(parameters, sort_keys=True)
    return {"version": version, "parameters": hashlib.sha256(text.encode()).hexdigest()}


def _is_spoken(root: Path) -> bool:
    try:
        marker = read_json(root / MARKER)
        recipe, recordings = marker["recipe"], int(marker["recordings"])
    except (OSError, ValueError, TypeError, KeyError):
        return False
    spoken_with = _AS_HASHES.get(recipe) if isinstance(recipe, str) else recipe
    return bool(spoken_with == _recipe() and recordings <= sum(1 for _ in root.glob("*/*.wav")))


def _holds_files(root: Path) -> bool:
    return root.is_dir() and any(root.iterdir())


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    root.parent.mkdir(parents=True, exist_ok=True)
    with root.with_name(f".{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _file(spoken: Spoken) -> str:
    return f"{spoken.speaker}/{spoken.name}.wav"


def _write_wav(path: Path, samples: Int16, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, len(samples), "NONE", "not compressed"))
        file.writeframes(samples.tobytes())


def _metadata(plan: Sequence[Spoken]) -> str:
    rows = [
        {
            "utterance_id": spoken.name,
            "path": _file(spoken),
            "speaker": spoken.speaker,
            "session": spoken.session,
            "gender": spoken.gender,
            "emotion": spoken.emotion,
            "sentence_emotion": spoken.sentence_emotion,
            "transcript": spoken.text,
            **spoken.ratings,
        }
        for spoken in plan
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
