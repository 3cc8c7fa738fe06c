"""Join several corpora into one, to train on one corpus and test on another.

Each part is read like a corpus of its own. Then its name is put in front of its utterance ids,
speakers and sessions (`ravdess/01`), so that they are unique, and its paths become
`../ravdess/...` (see `mfsn.workspace.recording`). `labels.merge` gives emotions common names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mfsn.corpora.base import Utterance, get_reader
from mfsn.corpora.config import CorpusConfig, LabelsConfig
from mfsn.corpora.facts import CorpusFacts
from mfsn.corpora.labels import label_problems, select_classes, unknown_renamed
from mfsn.corpora.preparing.same_sound import (
    contradictions,
    near_copies,
    same_sound,
    tell_near_copies,
)
from mfsn.corpora.preparing.scan import files_of_part
from mfsn.corpora.preparing.spelling import spelling_problems
from mfsn.corpora.preparing.survey import Survey, Surveyed, survey_corpus
from mfsn.workspace import corpus_root, part_of


def survey_any(corpus: Surveyed) -> Survey:
    """Survey one corpus, or all parts of a joined one (see `survey.survey_corpus`).

    It is a problem if a part lacks a class, since no model could be trained or tested on it there.
    """
    config, labels = corpus.config, corpus.labels
    known = [emotion for part in config.members for emotion in facts_of(part).labels.values()]
    if not config.parts:
        survey = survey_corpus(corpus)
        wrong = label_problems(survey.audible, labels, known) if survey.found else []
        return replace(survey, problems=[*survey.problems, *wrong])
    surveys = {}
    for part in config.members:
        own, folder = files_of_part(part.name, corpus.files), corpus_root(part.name)
        surveys[part.name] = survey_corpus(replace(corpus, config=part, root=folder, files=own))
    survey = _join(surveys, labels)
    emotions = {*known, *(u.emotion for u in survey.audible)}
    wrong = [*unknown_renamed(emotions, labels), *_lacking(surveys, labels)]
    return replace(survey, problems=[*survey.problems, *wrong])


def facts_of(config: CorpusConfig) -> CorpusFacts:
    """What is published about a corpus, or about all parts of a joined one.

    The counts per emotion are sums over the parts; they are empty if one part publishes none.
    """
    if not config.parts:
        return get_reader(config.reader).facts
    facts = {part.name: facts_of(part) for part in config.members}
    counts = [Counter(of.utterances) for of in facts.values()]
    return CorpusFacts(
        title=" and ".join(f"{name} ({of.title})" for name, of in facts.items()),
        licence=_of_each({name: of.licence for name, of in facts.items()}),
        citation=_of_each({name: of.citation for name, of in facts.items() if of.citation}) or None,
        obtain=_of_each({name: of.obtain for name, of in facts.items()}),
        utterances=dict(sum(counts, Counter())) if all(counts) else {},
        speakers=_prefixed_keys({n: f.speakers for n, f in facts.items() if not f.speakers_count}),
        sessions=_prefixed_keys({name: of.sessions for name, of in facts.items()}),
    )


def _join(surveys: Mapping[str, Survey], labels: LabelsConfig) -> Survey:
    each = surveys.items()
    audible = [_as_part(u, name) for name, survey in each for u in survey.audible]
    used, other_emotions = select_classes(audible, labels)
    sounds = {f"../{name}/{path}": s for name, of in each for path, s in of.sounds.items()}
    copies, alike = same_sound(used, sounds), near_copies(used, sounds)
    return Survey(
        found=[_as_part(u, name) for name, survey in each for u in survey.found],
        audible=audible,
        used=used,
        sounds=sounds,
        excluded=[f"{name}/{excluded}" for name, of in each for excluded in of.excluded],
        silent=[f"{name}/{silent}" for name, of in each for silent in of.silent],
        identical=[[u.utterance_id for u in group] for group in copies],
        alike=[[u.utterance_id for u in pair] for pair in alike],
        other_emotions=other_emotions,
        other_parts=sum(survey.other_parts for survey in surveys.values()),
        doubtful=_doubtful(surveys),
        shortage="; ".join(of.shortage for of in surveys.values() if of.shortage) or None,
        problems=[
            *(f"part {name}: {problem}" for name, of in each for problem in of.problems),
            *contradictions([group for group in copies if _across(group)]),
            *_spelt_otherwise(surveys, audible, labels),
        ],
        warnings=[
            *(f"part {name}: {warning}" for name, of in each for warning in of.warnings),
            *tell_near_copies([pair for pair in alike if _across(pair)]),
        ],
        notes=[f"part {name}: {note}" for name, of in each for note in of.notes],
    )


def _doubtful(surveys: Mapping[str, Survey]) -> dict[str, list[str]]:
    kinds = sorted({kind for survey in surveys.values() for kind in survey.doubtful})
    return {
        kind: [f"{name}/{of}" for name, s in surveys.items() for of in s.doubtful.get(kind, [])]
        for kind in kinds
    }


def _across(group: Iterable[Utterance]) -> bool:
    """Whether utterances are of more than one part."""
    return len({part_of(utterance.path) for utterance in group}) > 1


def _spelt_otherwise(
    surveys: Mapping[str, Survey], audible: Sequence[Utterance], labels: LabelsConfig
) -> list[str]:
    """Emotions that two parts spell differently; what one part alone does is told there."""
    told = {p for of in surveys.values() for p in spelling_problems(of.audible, labels)}
    return [problem for problem in spelling_problems(audible, labels) if problem not in told]


def _as_part(utterance: Utterance, name: str) -> Utterance:
    speaker, session = utterance.speaker, utterance.session
    return replace(
        utterance,
        utterance_id=f"{name}/{utterance.utterance_id}",
        path=f"../{name}/{utterance.path}",
        speaker=None if speaker is None else f"{name}/{speaker}",
        session=None if session is None else f"{name}/{session}",
    )


def _lacking(surveys: Mapping[str, Survey], labels: LabelsConfig) -> list[str]:
    """One sentence about the classes that parts lack; empty if every part has all classes."""
    read = {name: survey for name, survey in surveys.items() if survey.found}
    lacking = [
        f"{emotion}, which {name} does not have"
        for emotion in labels.classes
        for name, survey in read.items()
        if emotion not in {u.emotion for u in survey.used}
    ]
    if not lacking:
        return []
    emotions = {name: _emotions(survey.audible, labels) for name, survey in read.items()}
    common = set.intersection(*emotions.values())
    return [
        f"labels.classes asks for {' and for '.join(lacking)}; the classes in common are "
        f"{', '.join(sorted(common)) or 'none'}; use only these, or give emotions common names "
        "with labels.merge "
        f"({'; '.join(f'{name} has ' + ', '.join(sorted(e)) for name, e in emotions.items())})"
    ]


def _emotions(utterances: Iterable[Utterance], labels: LabelsConfig) -> set[str]:
    return {labels.merge.get(u.emotion, u.emotion) for u in utterances}


def _of_each(texts: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in texts.items())


def _prefixed_keys(counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {f"{name}/{key}": number for name, of in counts.items() for key, number in of.items()}
