"""Survey a corpus: what it contains, what the experiment uses, and everything that is wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mfsn.audio.level import CLIPPED_SHARE
from mfsn.base.quantities import counted
from mfsn.corpora.base import (
    NotingReader,
    RatedReader,
    Reader,
    Utterance,
    enumerate_first,
    get_reader,
)
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
from mfsn.corpora.preparing.same_sound import (
    contradictions,
    near_copies,
    same_sound,
    tell_near_copies,
)
from mfsn.corpora.preparing.scan import ScannedFile
from mfsn.corpora.preparing.spelling import spelling_problems, spelling_warnings, tidy
from mfsn.errors import CorpusError
from mfsn.workspace import corpus_variable

_WAY_ROUND = ", or set prepare.require_complete to false to use what is there"

# A recording may differ from its stated duration by this factor and so many seconds.
_FAR, _FAR_S = 2.0, 1.0


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
    """Groups of used ids whose recordings have the same samples."""
    alike: list[list[str]] = field(default_factory=list)
    """Pairs of used ids whose recordings sound the same, though their samples differ."""
    other_emotions: dict[str, int] = field(default_factory=dict)
    """Numbers of utterances with emotions that are not classes."""
    unrated: list[str] = field(default_factory=list)
    """Ids of utterances that lack a value for a dimension which is to be predicted."""
    other_parts: int = 0
    """Number of utterances that are not in the requested part of the corpus."""
    doubtful: dict[str, list[str]] = field(default_factory=dict)
    """What is doubtful about recordings that are used all the same, with their ids."""
    shortage: str | None = None
    """One sentence that names what is missing from the corpus; None if it is complete."""
    problems: list[str] = field(default_factory=list)
    """The reasons why the corpus cannot be used."""
    warnings: list[str] = field(default_factory=list)
    """What is probably wrong, though the corpus can be used."""
    notes: list[str] = field(default_factory=list)
    """What the reader found and did not use."""


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
        found = [tidy(u) for u in _read(reader, config, root, [file.path for file in files])]
        wanted = select_part(found, config, facts)
        notes = reader.notes(root) if isinstance(reader, NotingReader) else []
    except CorpusError as error:
        return Survey(problems=[str(error)])
    good = [u for u in wanted if u.utterance_id not in facts.bad_clips]
    sounds, unusable = corpus.hear(
        root, (u.path for u in good), {file.path: file for file in files}
    )
    silent = {path for path, sound in sounds.items() if sound.level.peak <= prepare.silence_peak}
    audible = [u for u in good if u.path not in silent]
    of_classes, other_emotions = select_classes(audible, labels)
    used, unrated = select_rated(of_classes, labels)
    shortage = describe_shortage(config, facts, found)
    copies, alike = same_sound(used, sounds), near_copies(used, sounds)
    return Survey(
        found=found,
        audible=audible,
        used=used,
        sounds=sounds,
        excluded=sorted(u.utterance_id for u in wanted if u.utterance_id in facts.bad_clips),
        silent=sorted(u.utterance_id for u in good if u.path in silent),
        identical=[[u.utterance_id for u in group] for group in copies],
        alike=[[u.utterance_id for u in pair] for pair in alike],
        other_emotions=other_emotions,
        unrated=unrated,
        other_parts=len(found) - len(wanted),
        doubtful=doubts(audible, sounds),
        shortage=shortage,
        problems=[
            *repeated_ids(found),
            *([shortage + _WAY_ROUND] if shortage and prepare.require_complete else []),
            *([_name_unusable(root, unusable)] if unusable else []),
            *spelling_problems(wanted, labels),
            *contradictions(copies),
            *rating_problems(of_classes, used, labels),
        ],
        warnings=[
            *spelling_warnings(audible, labels, facts.labels.values()),
            *tell_near_copies(alike),
        ],
        notes=notes,
    )


def doubts(utterances: Sequence[Utterance], sounds: Mapping[str, Sound]) -> dict[str, list[str]]:
    """What is doubtful about recordings: the kind of doubt, and ids with their numbers."""
    found: dict[str, list[str]] = defaultdict(list)
    for utterance in utterances:
        if sound := sounds.get(utterance.path):
            for kind, numbers in _doubts(sound, utterance.stated_s):
                found[kind].append(f"{utterance.utterance_id} ({numbers})")
    return {kind: sorted(names) for kind, names in found.items()}


def _doubts(sound: Sound, stated_s: float | None) -> Iterator[tuple[str, str]]:
    level, duration_s = sound.level, sound.duration_s
    if level.is_clipped:
        yield f"clipped in more than {CLIPPED_SHARE:.0%} of the samples", f"{level.clipped:.1%}"
    if level.is_offset:
        yield "with an offset larger than the sound", f"{level.offset:.3f} of full scale"
    if stated_s and max(stated_s, duration_s) > _FAR * min(stated_s, duration_s) + _FAR_S:
        said = f"{duration_s:.1f} s, and its row says {stated_s:.1f} s"
        yield "far longer or shorter than the table says", said


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
    is_unfetched = all("`git lfs pull`" in text for text in unusable)
    advice = "run `git lfs pull` there" if is_unfetched else "replace or remove them"
    return (
        f"{counted(len(unusable), 'recording')} in {root} cannot be used: {listed}; {advice}, then "
        "run the same command again"
    )
