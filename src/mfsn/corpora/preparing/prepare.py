"""Make the manifest of a corpus: all usable utterances, and an account of those left out."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from mfsn.base.quantities import counted
from mfsn.corpora.base import enumerate_first
from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.corpora.preparing.completeness import shortfall
from mfsn.corpora.preparing.decoding import listen
from mfsn.corpora.preparing.joined import facts_of, survey_any
from mfsn.corpora.preparing.scan import ScannedFile
from mfsn.corpora.preparing.survey import Survey, Surveyed
from mfsn.errors import CorpusError
from mfsn.manifest import UTTERANCES

logger = logging.getLogger(__name__)


def prepare_corpus(
    config: CorpusConfig,
    labels: LabelsConfig,
    prepare: PrepareConfig,
    root: Path,
    files: Sequence[ScannedFile],
    *,
    sample_rate_hz: int = 16_000,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Check a whole corpus and make its manifest.

    Args:
        config: the corpus.
        labels: which emotions are classes.
        prepare: what is excluded, and whether missing recordings are an error.
        root: the corpus folder.
        files: what `mfsn.corpora.preparing.scan.scan_corpus` found there.
        sample_rate_hz: the rate of the stored waves, which are judged.

    Returns:
        The manifest (`mfsn.manifest.UTTERANCES`), sorted by utterance id, and an account of what is
        not in it. The account has the ids that are `excluded`, `silent` and `unrated` (without a
        value for a dimension that is to be predicted), the numbers of `other_emotions` and
        `other_parts`, `counts` per class and how many of these utterances are `soft_labelled`,
        `expected` and `missing` counts per emotion of the corpus, and groups of ids with
        `identical` audio and `doubtful` recordings (clipped, with an offset, of another duration
        than stated), which are kept. If there are any, `alike` has the pairs of ids whose
        recordings sound the same, though their samples differ.

    Raises:
        CorpusError: if a recording is unusable or has changed since the scan, a name or a label is
            unknown, an utterance id is repeated, a class has no utterances, or the corpus is
            incomplete and `require_complete` is set. One message lists everything.
    """
    hear = partial(listen, to_hz=sample_rate_hz)
    survey = survey_any(Surveyed(config, labels, prepare, root, files, hear))
    if survey.problems:
        raise CorpusError("\n".join(survey.problems))
    facts = facts_of(config)
    for warning in (*survey.warnings, *([survey.shortage] if survey.shortage else [])):
        logger.warning(warning)
    for kind, names in survey.doubtful.items():
        said = f"{counted(len(names), 'recording')} {kind}, kept: {enumerate_first(names)}"
        logger.warning(said)
    for note in survey.notes:
        logger.info(note)
    counts = Counter(u.emotion for u in survey.used)
    account = {
        "excluded": survey.excluded,
        "silent": survey.silent,
        "unrated": survey.unrated,
        "other_emotions": survey.other_emotions,
        "other_parts": survey.other_parts,
        "counts": {name: counts[name] for name in labels.classes},
        "soft_labelled": sum(u.soft_label is not None for u in survey.used),
        "expected": dict(facts.utterances),
        "missing": shortfall((u.emotion for u in survey.found), facts.utterances),
        "identical": survey.identical,
        "doubtful": survey.doubtful,
    } | ({"alike": survey.alike} if survey.alike else {})
    return manifest_of(survey, files), account


def manifest_of(survey: Survey, files: Sequence[ScannedFile]) -> pd.DataFrame:
    """The manifest of the utterances that the survey marked as used, sorted by id."""
    sha256 = {file.path: file.sha256 for file in files}
    same_as = {name: group[0] for group in survey.identical for name in group}
    rows = [
        asdict(utterance)
        | {
            "audio_sha256": sha256[utterance.path],
            "same_as": same_as.get(utterance.utterance_id),
            "duration_s": survey.sounds[utterance.path].duration_s,
            "decoding": survey.sounds[utterance.path].code,
            "soft_label": utterance.soft_label and json.dumps(utterance.soft_label),
        }
        for utterance in sorted(survey.used, key=lambda u: u.utterance_id)
    ]
    return pd.DataFrame(rows, columns=UTTERANCES.names)


def summary(manifest: pd.DataFrame, account: dict[str, Any]) -> str:
    """One line for the terminal: the counts, and what was left out."""
    counts = ", ".join(f"{name} {number}" for name, number in account["counts"].items())
    left_out = (
        f"{sum(account['other_emotions'].values())} of other emotions, "
        f"{len(account['silent'])} silent, {len(account['excluded'])} known to be bad"
        + (f", {account['other_parts']} of other parts" if account["other_parts"] else "")
        + (f", {len(account['unrated'])} unrated" if account["unrated"] else "")
    )
    hours = manifest.duration_s.sum() / 3600
    return (
        f"{counted(len(manifest), 'utterance')} of "
        f"{counted(manifest.speaker.nunique(), 'speaker')}, {hours:.2f} h "
        f"({counts}); left out: {left_out}"
    )
