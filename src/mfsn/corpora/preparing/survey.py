"""Survey a corpus: what it contains, what the experiment uses, and everything that is wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mfsn.base.quantities import counted
from mfsn.corpora.base import RatedReader, Reader, Utterance, enumerate_first, get_reader
from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.corpora.facts import CorpusFacts
from mfsn.corpora.labels import (
    rating_problems,
    select_classes,
    select_rated,
    soften,
)
from mfsn.corpora.preparing.completeness import describe_shortage
from mfsn.corpora.preparing.decoding import Hear, Sound, listen
from mfsn.corpora.preparing.scan import ScannedFile
from mfsn.errors import CorpusError
from mfsn.workspace import corpus_variable

_WAY_ROUND = ", or set prepare.require_complete to false to use what is there"


@dataclass(frozen=True)
class Survey:
    """The result of `survey_corpus`."""

    found: list[Utterance] = field(default_factory=list)
    """All utterances, with their own emotions."""
    audible: list[Utterance] = field(default_factory=list)
    """The utterances of the requested part that are neither known to be bad nor silent."""
    used: list[Utterance] = field(default_factory=list)
    """The utterances of the experiment; their emotions are classes."""
    sounds: dict[str, Sound] = field(default_factory=dict)
    """For each path, what the recording holds."""
    excluded: list[str] = field(default_factory=list)
    """Ids on the corpus's list of bad clips."""
    silent: list[str] = field(default_factory=list)
    """Ids of silent clips."""
    identical: list[list[str]] = field(default_factory=list)
    """Groups of used ids whose recordings have the same bytes."""
    other_emotions: dict[str, int] = field(default_factory=dict)
    """Numbers of utterances with emotions that are not classes."""
    unrated: list[str] = field(default_factory=list)
    """Ids of utterances that lack a value for a dimension which is to be predicted."""
    other_parts: int = 0
    """Number of utterances that are not in the requested part of the corpus."""
    shortage: str | None = None
    """One sentence that names what is missing from the corpus; None if it is complete."""
    problems: list[str] = field(default_factory=list)
    """The reasons why the corpus cannot be used."""


@dataclass(frozen=True)
class Surveyed:
    """A corpus that is to be surveyed."""

    config: CorpusConfig
    labels: LabelsConfig
    """Which emotions are classes."""
    prepare: PrepareConfig
    """What is excluded, and whether missing recordings are a problem."""
    root: Path
    """The corpus folder."""
    files: Sequence[ScannedFile]
    """What `scan_corpus` found there."""
    hear: Hear = listen
    """How recordings are examined."""


def survey_corpus(corpus: Surveyed) -> Survey:
    """Read the labels of a corpus and decode all its recordings.

    Returns:
        The survey; its `problems` list everything that is wrong, except for classes that the corpus
        does not have (see `survey_any`).
    """
    config, labels, prepare = corpus.config, corpus.labels, corpus.prepare
    root, files = corpus.root, corpus.files
    reader = get_reader(config.reader)
    facts = reader.facts
    try:
        found = _read(reader, config, root, [file.path for file in files])
        wanted = select_part(found, config, facts)
    except CorpusError as error:
        return Survey(problems=[str(error)])
    good = [u for u in wanted if u.utterance_id not in facts.bad_clips]
    sounds, unusable = corpus.hear(
        root, (u.path for u in good), {file.path: file for file in files}
    )
    silent = {path for path, sound in sounds.items() if sound.peak <= prepare.silence_peak}
    audible = [u for u in good if u.path not in silent]
    of_classes, other_emotions = select_classes(audible, labels)
    used, unrated = select_rated(of_classes, labels)
    shortage = describe_shortage(config, facts, found)
    return Survey(
        found=found,
        audible=audible,
        used=used,
        sounds=sounds,
        excluded=sorted(u.utterance_id for u in wanted if u.utterance_id in facts.bad_clips),
        silent=sorted(u.utterance_id for u in good if u.path in silent),
        identical=same_audio(used, files),
        other_emotions=other_emotions,
        unrated=unrated,
        other_parts=len(found) - len(wanted),
        shortage=shortage,
        problems=[
            *repeated_ids(found),
            *([shortage + _WAY_ROUND] if shortage and prepare.require_complete else []),
            *([_name_unusable(root, unusable)] if unusable else []),
            *contradictions(used, files),
            *rating_problems(of_classes, used, labels),
        ],
    )


def no_utterances(config: CorpusConfig, root: Path) -> CorpusError:
    """The error for a corpus folder that the reader understands, but that lists no utterances."""
    return CorpusError(
        f"corpus {config.name}: {root} lists no utterances; fill its table, or set "
        f"{corpus_variable(config.name)} to another folder"
    )


def select_part(
    utterances: Sequence[Utterance], config: CorpusConfig, facts: CorpusFacts
) -> list[Utterance]:
    """The utterances of the part that `corpus.part` names; all utterances if it is null.

    Raises:
        CorpusError: if the corpus has no such part.
    """
    if config.part is None:
        return list(utterances)
    if config.part not in facts.parts:
        raise CorpusError(
            f"corpus.part: {config.name} has no part {config.part}; it has "
            f"{', '.join(facts.parts) or 'none, so set it to null'}"
        )
    return [u for u in utterances if facts.parts[config.part] in u.utterance_id]


def repeated_ids(utterances: Sequence[Utterance]) -> list[str]:
    """One sentence per utterance id that several recordings share."""
    paths = defaultdict(list)
    for utterance in utterances:
        paths[utterance.utterance_id].append(utterance.path)
    return [
        f"the utterance_id {name} is used for {enumerate_first(same)}; give each a unique id"
        for name, same in sorted(paths.items())
        if len(same) > 1
    ]


def contradictions(utterances: Sequence[Utterance], files: Sequence[ScannedFile]) -> list[str]:
    """One sentence per recording that occurs twice with different classes or speakers.

    This is a problem since a fold could train on one copy and test on the other.
    """
    by_id = {utterance.utterance_id: utterance for utterance in utterances}
    return [
        f"{enumerate_first(group)} are the same recording with different {what}; keep one of them"
        for group in same_audio(utterances, files)
        for what, names in (
            ("labels", {by_id[name].emotion for name in group}),
            ("speakers", {by_id[name].speaker for name in group}),
        )
        if len(names) > 1
    ]


def same_audio(utterances: Sequence[Utterance], files: Sequence[ScannedFile]) -> list[list[str]]:
    """Groups of utterance ids whose recordings have the same bytes."""
    sha256 = {file.path: file.sha256 for file in files}
    groups = defaultdict(list)
    for utterance in utterances:
        groups[sha256[utterance.path]].append(utterance.utterance_id)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def _read(
    reader: Reader, config: CorpusConfig, root: Path, paths: Sequence[str]
) -> list[Utterance]:
    found = reader.utterances(root, paths)
    if not found:
        raise no_utterances(config, root)
    if config.unlabelled == "drop":
        return found
    if not isinstance(reader, RatedReader):
        raise CorpusError(
            f"corpus.unlabelled: soft needs the votes of raters, which {reader.facts.title} does "
            "not have; set it to drop"
        )
    return soften(found, reader.votes(root))


def _name_unusable(root: Path, unusable: Sequence[str]) -> str:
    listed = enumerate_first(unusable)
    return (
        f"{counted(len(unusable), 'recording')} in {root} cannot be used: {listed}; replace or "
        "remove them, then run the same command again"
    )
