"""What a corpus reader is, and how readers are found by name."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    stated_s: float | None = None
    """The duration in seconds that the corpus states, where it does. It is only compared with that
    of the recording."""


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
class NotingReader(Reader, Protocol):
    """A reader that says what it found and did not use."""

    def notes(self, root: Path) -> list[str]:
        """One sentence per thing that was found and is not used, for people to read.

        Args:
            root: the corpus folder.
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

    Folders that are links are entered, each folder once. Names are compared in their composed form
    (NFC), since macOS writes another one. Hidden files are left out, because macOS adds `._*`
    beside every file. If several files have the same name, the one in the fewest folders is taken
    (of several such files the first by path), because some copies of RAVDESS contain every file
    twice.

    Args:
        root: the corpus folder.
        suffixes: lower-case endings, such as ".wav".
        name_of: gives the name of a recording from its path relative to `root`; two recordings
            with one name are the same.

    Returns:
        Paths relative to `root` with forward slashes, sorted.
    """
    found = (path for path in files_below(root) if path.suffix.lower() in suffixes)
    by_name: dict[str, str] = {}
    for path in sorted(found, key=lambda path: (len(path.parts), path.parts)):
        by_name.setdefault(_composed(name_of(path)), path.as_posix())
    return sorted(by_name.values())


def files_below(root: Path) -> Iterator[PurePath]:
    """Everything in a folder and its subfolders that is neither a folder nor hidden.

    Folders that are links are entered after the others. No folder is entered twice, so a link to a
    folder that contains it does no harm.

    Args:
        root: the folder.

    Returns:
        Paths relative to `root`.

    Raises:
        CorpusError: if a folder cannot be read.
    """
    entered: set[tuple[int, int]] = set()
    folders, links = [root], list[Path]()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        try:
            identity = folder.stat()
            if (identity.st_dev, identity.st_ino) in entered:
                continue
            entered.add((identity.st_dev, identity.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise CorpusError(
                f"{folder} cannot be read ({error.strerror}); give this user the right to read it"
            ) from error
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                (links if entry.is_symlink() else folders).append(Path(entry.path))
            else:
                yield Path(entry.path).relative_to(root)


def on_disk(paths: Iterable[str], there: Iterable[str]) -> dict[str, str]:
    """The names that files have on disk: those that a table gives, or the same in other Unicode.

    Args:
        paths: as the table gives them.
        there: the paths that exist.

    Returns:
        For each path that exists, its name on disk. Names are compared in the composed form of
        Unicode (NFC) where none is exactly the same.
    """
    exact = set(there)
    composed = {_composed(path): path for path in sorted(exact, reverse=True)}
    named = {path: path if path in exact else composed.get(_composed(path)) for path in paths}
    return {path: name for path, name in named.items() if name is not None}


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def plain(name: str) -> str:
    """What stays the same where a name is spelt with other capitals or spaces."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


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
