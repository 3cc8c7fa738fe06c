"""What a corpus reader is, and how readers are found by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Protocol, runtime_checkable

from mfsn import plugins
from mfsn.corpora.facts import CorpusFacts, load_facts
from mfsn.errors import ConfigError, CorpusError


@dataclass(frozen=True)
class Utterance:
    """What a corpus says about one utterance: the columns of the manifest except those on audio."""

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
    """The split that the corpus was published with: `train`, `dev`, `test` or None."""
    congruent: bool | None = None
    """For the demo only: whether words and prosody express the same emotion."""
    soft_label: Mapping[str, float] | None = None
    """If the raters did not agree: the share of each emotion in their votes; the sum is 1."""


@runtime_checkable
class Reader(Protocol):
    """Understands the layout and the labels of one corpus; stage `prepare` asks it for utterances.

    A plug-in adds a reader by an entry point in the group `mfsn.corpora`. The entry point names a
    class, or a function, that takes no arguments and gives the reader:

        class MyCorpus:
            facts = CorpusFacts(title="My corpus", licence="CC BY 4.0", obtain="ask me for it")

            def files(self, root):
                return audio_below(root, (".wav",))

            def utterances(self, root, files):
                return [Utterance(Path(f).stem, f, "angry", self.facts.licence) for f in files]

    `corpus.reader` in params.yaml then names the entry point. A reader only lists files and
    understands labels: mfsn decodes the recordings, leaves out the silent ones, merges emotions and
    checks the corpus against its facts. All three members are needed; `votes` of `RatedReader` is
    for a corpus that publishes what each rater said.
    """

    @property
    def facts(self) -> CorpusFacts:
        """What is published about the corpus: title, licence and how to get it, at least.

        mfsn compares what it finds with the counts that are given here, and does without those that
        are left out.
        """

    def files(self, root: Path) -> list[str]:
        """List every file that the corpus consists of, including its annotations.

        Stage `scan` hashes these files to see whether the corpus has changed.

        Args:
            root: the corpus folder, which exists.

        Returns:
            Paths relative to `root` with forward slashes, sorted; empty when there is no corpus.

        Raises:
            CorpusError: if an annotation file cannot be understood.
        """

    def utterances(self, root: Path, files: Sequence[str]) -> list[Utterance]:
        """List the utterances with their labels; no recording is decoded here.

        Args:
            root: the corpus folder.
            files: what `files` returned.

        Raises:
            CorpusError: if a file name or an annotation cannot be understood, or if a label is
                unknown; one message names all of them (`refuse` writes it).
        """


@runtime_checkable
class RatedReader(Reader, Protocol):
    """The reader of a corpus that publishes what each rater said."""

    def votes(self, root: Path) -> dict[str, dict[str, float]]:
        """Give the share of each emotion in the raters' votes, for each utterance id.

        The shares of one utterance add up to 1.

        Args:
            root: the corpus folder.

        Raises:
            CorpusError: if an annotation cannot be understood; one message names all of them.
        """


@runtime_checkable
class MakingReader(Reader, Protocol):
    """The reader of a corpus that mfsn makes on this machine, as the demo."""

    extra: tuple[str, str]
    """The module that makes it, and the extra of mfsn that installs this module."""

    def make(self, root: Path, *, named: bool) -> str | None:
        """Make the corpus in its folder, unless it is there.

        Args:
            root: the corpus folder; it may be missing.
            named: whether somebody chose this folder; then nothing in it may be replaced.

        Returns:
            What was done, in a few words; None if the corpus was there.

        Raises:
            CorpusError: if it cannot be made, or as `refuse_folder` says.
        """

    def refuse_folder(self, root: Path, *, named: bool) -> None:
        """Check that the corpus is in a folder, or may be made there.

        Args:
            root: the corpus folder; it may be missing.
            named: whether somebody chose this folder.

        Raises:
            CorpusError: if the folder contains something that must not be replaced.
        """

    def planned(self) -> tuple[int, float]:
        """The number of utterances, and about how many seconds they last together."""


def get_reader(name: str) -> Reader:
    """Make the reader of a corpus layout.

    A reader of mfsn is made with its facts, which are in data/NAME.yaml beside it; the reader of a
    plug-in brings its own.

    Args:
        name: one of those that `corpus.reader` may name, such as `ravdess`.

    Raises:
        ConfigError: if there is no such reader, or a plug-in's reader lacks what a reader needs.
    """
    make, added = plugins.load("corpora", name), plugins.origin("corpora", name)
    reader = make() if added else make(load_facts(name))
    if not isinstance(reader, Reader) or not isinstance(reader.facts, CorpusFacts):
        raise ConfigError(
            f"corpus reader {name} of the distribution {added.get('distribution', 'mfsn')} is not "
            "complete: a reader has facts (mfsn.corpora.facts.CorpusFacts), files and utterances; "
            "correct it there"
        )
    return reader


def file_name(path: PurePath) -> str:
    """The last part of a path."""
    return path.name


def audio_below(
    root: Path, suffixes: Sequence[str], name_of: Callable[[PurePath], str] = file_name
) -> list[str]:
    """List the audio files in a folder and its subfolders, one per name.

    Hidden files are left out, because macOS adds `._*` beside every file. If several files have the
    same name, the one in the fewest folders is taken (of several such files the first by path),
    because some copies of RAVDESS contain every file twice.

    Args:
        root: the corpus folder.
        suffixes: lower-case endings, such as ".wav".
        name_of: gives the name of a recording from its path relative to `root`; two recordings
            with one name are the same.

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
        problems: one line per problem.
        what: what is wrong; it stands before the list.
        advice: what to do next; it stands after the list.
        shown: how many problems are listed; the others are counted.

    Raises:
        CorpusError: if `problems` is not empty.
    """
    if problems:
        raise CorpusError(f"{what}: {enumerate_first(problems, shown)}; {advice}")


def enumerate_first(names: Sequence[str], shown: int = 20) -> str:
    """Join the first names with commas, and add how many others there are."""
    others = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {others} more" if others > 0 else "")
