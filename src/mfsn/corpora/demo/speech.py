"""Speak the demo corpus into its folder: whole or not at all, and only if necessary."""

from __future__ import annotations

import ast
import contextlib
import csv
import fcntl
import hashlib
import io
import shutil
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from mfsn.base.files import explain_full_disk, read_json, write_json, write_text
from mfsn.base.fingerprint import meaning
from mfsn.corpora.demo.plan import RECIPE, Spoken, plan_demo, read_recipe
from mfsn.corpora.demo.reader import METADATA
from mfsn.errors import CorpusError
from mfsn.workspace import corpus_variable

if TYPE_CHECKING:
    from mfsn.base.arrays import Int16

MARKER = "spoken.json"
"""The file that holds the recipe with which the folder was spoken; it is written last."""

_MODULES = ("plan", "speech", "voice", "espeak")


def ensure_spoken(root: Path) -> bool:
    """Speak the demo, unless it has been spoken with the present recipe.

    If the process is killed, the folder stays as it was. Two processes wait for each other.

    Args:
        root: the corpus folder of the demo.

    Returns:
        Whether the demo was spoken now.

    Raises:
        CorpusError: if eSpeak NG is not installed, or if the folder contains other files.
        StorageFullError: if the disk is full.
    """
    recipe = _recipe()
    if _is_spoken(root, recipe):
        return False
    with _alone(root):
        if _is_spoken(root, recipe):
            return False
        if root.is_dir() and any(root.iterdir()) and not (root / MARKER).is_file():
            raise CorpusError(
                f"{root} holds files that are not the demo's; move them elsewhere, or set "
                f"{corpus_variable('demo')} to another folder"
            )
        _replace(root, recipe)
    return True


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


def _replace(root: Path, recipe: str) -> None:
    new, old = (root.with_name(f".{root.name}.{state}") for state in ("partial", "old"))
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    plan = plan_demo()
    with explain_full_disk(root):
        write_demo(new, plan)
        write_json(new / MARKER, {"recipe": recipe, "recordings": len(plan)})
    if root.exists():
        root.rename(old)
    new.rename(root)
    shutil.rmtree(old, ignore_errors=True)


def _recipe() -> str:
    # The hash includes the code, so that a change of the code cannot be overlooked.
    digest = hashlib.sha256(RECIPE.read_bytes())
    for module in _MODULES:
        source = Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
        digest.update(meaning(ast.parse(source)).encode())
    return digest.hexdigest()


def _is_spoken(root: Path, recipe: str) -> bool:
    try:
        marker = read_json(root / MARKER)
    except (OSError, ValueError):
        return False
    recordings = sum(1 for _ in root.glob("*/*.wav"))
    return bool(marker["recipe"] == recipe and marker["recordings"] <= recordings)


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
