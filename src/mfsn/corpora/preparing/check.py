"""Check a corpus before use: compare counts with the published ones, and list all problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd

from mfsn.base.quantities import counted
from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.corpora.facts import CorpusFacts
from mfsn.corpora.preparing.completeness import counted_speakers
from mfsn.corpora.preparing.decoding import listen
from mfsn.corpora.preparing.joined import facts_of, survey_any
from mfsn.corpora.preparing.prepare import manifest_of
from mfsn.corpora.preparing.scan import scan_corpus
from mfsn.corpora.preparing.survey import Survey, Surveyed
from mfsn.errors import ConfigError, CorpusError, ProtocolError
from mfsn.workspace import corpus_root

UNTRIED = "the folds were not tried, because of the problems below"


@dataclass(frozen=True)
class CheckReport:
    """What `check_corpus` found."""

    name: str
    places: list[Path]
    """The corpus folder; for a joined corpus, the folders of its parts."""
    facts: CorpusFacts
    survey: Survey
    folds: str | None = None
    """The protocol and its number of folds, in words, or why folds were not tried; None if that was
    not asked or failed."""

    @property
    def ok(self) -> bool:
        """Whether `prepare` would accept the corpus."""
        return not self.survey.problems

    def lines(self) -> list[str]:
        """The report for the terminal: counts as found/expected, then every problem."""
        return [*self._about(), *(self._counted() if self.survey.found else []), *self._verdict()]

    def _about(self) -> list[str]:
        return [
            f"corpus {self.name}: {self.facts.title}, at " + ", ".join(map(str, self.places)),
            f"licence: {self.facts.licence}",
            *([f"cite: {self.facts.citation}"] if self.facts.citation else []),
            f"to obtain it: {self.facts.obtain}",
        ]

    def _counted(self) -> list[str]:
        found, survey, splits = self.survey.found, self.survey, self.facts.splits
        hours = sum(sound.duration_s for sound in survey.sounds.values()) / 3600
        return [
            f"utterances: {len(found)} ({hours:.2f} h), of the classes: {len(survey.used)}",
            f"emotions: {_counts((u.emotion for u in found), self.facts.utterances)}",
            *_left_out(survey),
            self._speakers(),
            f"sessions: {_counts((u.session for u in found), self.facts.sessions)}",
            *([f"splits: {_counts((u.split for u in found), splits)}"] if splits else []),
            f"silent, left out: {_names(survey.silent)}",
            f"known to be bad, left out: {_names(survey.excluded)}",
            *(f"{kind}, kept: {_names(names)}" for kind, names in survey.doubtful.items()),
            f"identical audio: {_names([' = '.join(group) for group in survey.identical])}",
        ]

    def _speakers(self) -> str:
        counted = self.facts.speakers_count
        of_which = f" ({', '.join(counted)})" if counted else ""
        speakers = counted_speakers(self.survey.found, self.facts)
        return f"speakers{of_which}: {_counts(speakers, self.facts.speakers)}"

    def _verdict(self) -> list[str]:
        problems, shortage = self.survey.problems, self.survey.shortage
        warnings = self.survey.warnings
        return [
            *([f"protocol: {self.folds}"] if self.folds else []),
            *(f"problem: {problem}" for problem in problems),
            *(f"warning: {warning}" for warning in warnings),
            *(f"note: {note}" for note in self.survey.notes),
            *([f"note: {shortage}"] if shortage and not problems else []),
            ", ".join(
                [
                    counted(len(problems), "problem") if problems else "no problems",
                    *([counted(len(warnings), "warning")] if warnings else []),
                ]
            ),
        ]


def check_corpus(
    config: CorpusConfig,
    labels: LabelsConfig,
    prepare: PrepareConfig,
    root: Path,
    *,
    try_folds: Callable[[pd.DataFrame], str] | None = None,
    sample_rate_hz: int = 16_000,
) -> CheckReport:
    """Read a whole corpus and report on it; nothing is written.

    Args:
        config: the corpus.
        labels: which emotions are classes.
        prepare: what is excluded, and whether missing recordings are a problem.
        root: the corpus folder; it may be missing.
        try_folds: makes the folds of the manifest and describes them in words; its error is a
            problem of the corpus. Without it, folds are not checked. It is tried only if there is
            no other problem, since it needs the manifest that `prepare` would write.
        sample_rate_hz: the rate of the stored waves, which are judged.
    """
    folds = UNTRIED if try_folds else None
    try:
        files, hear = scan_corpus(config, root), partial(listen, to_hz=sample_rate_hz)
        survey = survey_any(Surveyed(config, labels, prepare, root, files, hear))
        if try_folds and not survey.problems:
            folds = try_folds(manifest_of(survey, files))
    except CorpusError as error:
        survey = Survey(problems=[str(error)])
    except (ProtocolError, ConfigError) as error:
        folds, survey = None, replace(survey, problems=[str(error)])
    places = [root] if not config.parts else [corpus_root(part.name) for part in config.members]
    return CheckReport(config.name, places, facts_of(config), survey, folds)


def _left_out(survey: Survey) -> list[str]:
    told = {*(u.utterance_id for u in survey.used), *survey.silent, *survey.excluded}
    others = [u.emotion for u in survey.found if u.utterance_id not in told]
    return [f"left out, or not a class: {_counts(others, {})}"] if others else []


def _counts(names: Iterable[str | None], expected: Mapping[str, int]) -> str:
    have = Counter(name for name in names if name is not None)
    shown = [
        f"{name} {have[name]}" + (f"/{expected[name]}" if name in expected else "")
        for name in sorted({*have, *expected})
    ]
    return ", ".join(shown) or "none"


def _names(names: list[str]) -> str:
    return f"{len(names)}" + (f" ({', '.join(names)})" if names else "")
