"""What a corpus reader is, and where to find each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Protocol, runtime_checkable

from mfsn import plugins
from mfsn.corpora.facts import CorpusFacts, load_facts
from mfsn.errors import CorpusError


@dataclass(frozen=True)
class Utterance:
    """What a corpus says about one utterance; the columns of the manifest, audio left out."""

    utterance_id: str
    path: str
    """Path of the audio relative to the corpus root, with forward slashes."""
    emotion: str
    licence: str
    speaker: str | None = None
    session: str | None = None
    gender: str | None = None
    """`female`, `male` or None."""
    valence: float | None = None
    arousal: float | None = None
    dominance: float | None = None
    transcript: str | None = None
    split: str | None = None
    """The official one: `train`, `dev`, `test` or None."""
    congruent: bool | None = None
    """Demo only: whether words and prosody express the same emotion."""
    soft_label: Mapping[str, float] | None = None
    """Where the raters did not agree: the share of each emotion in their votes, adding up to 1."""


class Reader(Protocol):
    """Understands the layout and the labels of one corpus."""

    @property
    def facts(self) -> CorpusFacts:
        """What is published about the corpus."""

    def files(self, root: Path) -> list[str]:
        """Every file that the corpus consists of, annotations included.

        Args:
            root: the corpus folder, which exists.

        Returns:
            Paths relative to `root` with forward slashes, sorted; empty when there is no corpus.

        Raises:
            CorpusError: if an annotation file cannot be understood.
        """

    def utterances(self, root: Path, files: Sequence[str]) -> list[Utterance]:
        """The utterances with their labels.

        Args:
            root: the corpus folder.
            files: what `files` returned.

        Raises:
            CorpusError: if a file name or an annotation cannot be understood, or if a label is
                unknown; all of them in one message.
        """


@runtime_checkable
class RatedReader(Reader, Protocol):
    """The reader of a corpus that publishes what each rater said."""

    def votes(self, root: Path) -> dict[str, dict[str, float]]:
        """Utterance id to the share of each emotion in the raters' votes, adding up to 1.

        Args:
            root: the corpus folder.

        Raises:
            CorpusError: if an annotation cannot be understood; all of them in one message.
        """


def get_reader(name: str) -> Reader:
    """The reader of a corpus layout.

    Args:
        name: one of those that `corpus.reader` may name, such as `ravdess`.

    Raises:
        ConfigError: if there is no such reader.
    """
    made = plugins.load("corpora", name)
    reader: Reader = made() if plugins.origin("corpora", name) else made(load_facts(name))
    return reader


def file_name(path: PurePath) -> str:
    """The last part of a path."""
    return path.name


def audio_below(
    root: Path, suffixes: Sequence[str], name_of: Callable[[PurePath], str] = file_name
) -> list[str]:
    """The audio files in a folder and its subfolders, one a name.

    Hidden files are left out (macOS adds `._*` beside every file). Of files with the same name the
    first of the least nested ones is taken, because some copies of RAVDESS hold it twice.

    Args:
        root: the corpus folder.
        suffixes: lower-case endings, such as ".wav".
        name_of: path relative to `root` to the name that tells recordings apart.

    Returns:
        Paths relative to `root` with forward slashes, sorted.
    """
    found = (path.relative_to(root) for path in root.rglob("*") if path.suffix.lower() in suffixes)
    visible = (path for path in found if not any(part.startswith(".") for part in path.parts))
    by_name: dict[str, str] = {}
    for path in sorted(visible, key=lambda path: (len(path.parts), path.parts)):
        by_name.setdefault(name_of(path), path.as_posix())
    return sorted(by_name.values())


def refuse(problems: Sequence[str], what: str, advice: str, shown: int = 20) -> None:
    """Raise one error for a list of problems, if there are any.

    Args:
        problems: one line each.
        what: the sentence before the list.
        advice: what to do next.
        shown: how many are listed; the rest is counted.

    Raises:
        CorpusError: if `problems` is not empty.
    """
    if problems:
        raise CorpusError(f"{what}: {enumerate_first(problems, shown)}; {advice}")


def enumerate_first(names: Sequence[str], shown: int = 20) -> str:
    """The first names, separated by commas, and a count of the others."""
    others = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {others} more" if others > 0 else "")
