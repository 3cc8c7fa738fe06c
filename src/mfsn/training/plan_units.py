"""Units: one fold with one seed. Search and train run, resume and reuse whole units.

A unit is identified by a hash of everything that decides its result. The hash is in the name of its
working folder, which lies in the store. So it is still there after a killed run or `dvc exp run
--temp`, and no unit ever finds the state of other parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from mfsn.config import sha256_of
from mfsn.protocols.make import Fold
from mfsn.runs.unit import Unit
from mfsn.training.experiment import Experiment, StageName


def plan_units(
    experiment: Experiment, stage: StageName, result: str, also: Mapping[str, Any] | None = None
) -> list[Unit]:
    """All units of a stage: folds in their order, then seeds.

    Args:
        experiment: what to run.
        stage: the name of the folder above the working folders.
        result: the file that a unit writes last.
        also: what else decides the result: plain values by unit name, or for all units under "".
    """
    per_fold = any(digest.folds for digest in experiment.digests.values())
    content_of = cache(lambda fold: _content(experiment, fold))
    units = []
    for fold, seed in ((fold, seed) for fold in experiment.folds for seed in experiment.seeds):
        own = [(also or {}).get(key) for key in ("", f"{fold.name}-seed{seed}")]
        content = content_of(fold.name if per_fold else None)
        run = sha256_of([stage, seed, own, _decides(experiment, stage, fold, content)])[:16]
        units.append(Unit(fold, seed, run, experiment.store / "runs" / stage / run, result))
    return units


def _decides(
    experiment: Experiment, stage: StageName, fold: Fold, content: Mapping[str, str]
) -> dict[str, Any]:
    reads_test = stage == "train" or "oracle_test" in experiment.selection.rules
    splits = ("train", "dev", "test") if reads_test else ("train", "dev")
    corruption = experiment.corruption.seen(reads_test)
    common = ("labels", "segment", "selection")
    return {
        "system": experiment.system.identity,
        "parameters": {
            **{name: getattr(experiment, name).model_dump(mode="json") for name in common},
            **experiment.parameters(stage),
        },
        # With another rate of test corruption the search is the same, unless it reads test data.
        **({"corruption": corruption} if corruption else {}),
        "fold": [fold.name, fold.speaker_independent],
        "data": {split: [content[name] for name in fold.split(split)] for split in splits},
        "code": dict(experiment.code),
    }


def _content(experiment: Experiment, fold: str | None) -> dict[str, str]:
    """Utterance id to a hash of its speaker, labels, segments and the keys of all its rows.

    Args:
        experiment: whose utterances.
        fold: its rows are used if an extractor has rows per fold; None if no extractor has.
    """
    manifest, segments, label_of = experiment.manifest, experiment.segments, experiment.label_of
    columns = ("utterance_id", "speaker", "emotion")
    about: dict[str, list[Any]] = {
        name: [name, speaker if isinstance(speaker, str) else None, emotion, label_of[name]]
        for name, speaker, emotion in zip(*(manifest[c] for c in columns), strict=True)
    }
    rows = [digest.rows_of(fold) for digest in experiment.digests.values()]
    for name in about:
        about[name] += [own.get(name) for own in rows]
    columns = ("utterance_id", "segment_id", "valid_samples")
    for name, segment, valid in zip(*(segments[c] for c in columns), strict=True):
        keys = [own.get(segment) for own in rows]
        about[name] += [segment, int(valid), *keys]
    return {name: sha256_of(values) for name, values in about.items()}
