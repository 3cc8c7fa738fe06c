"""Choose a recipe of classical features in each fold without its test speakers, then open the fold.

Usage: mfsn preset ravdess_classical && dvc repro segment && python benchmarks/accuracy.py

For each fold, every recipe is scored by cross-validation over the other folds' test parts, so on
the speakers that it does not test. The best one (the first of equals) is written to
data/results/<corpus>/accuracy/frozen.json, fitted on all those speakers, and only then the test
part is predicted, once. The baseline is chosen likewise, among the linear support vector machines
on ComParE. A second run finds the frozen choice and makes no new one.

Printed are the rows of the ledger, then the pooled scores of both and their difference, with 95 %
intervals over the speakers. Vectors come from the store; missing ones are computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from mfsn import runtime
from mfsn.base.files import read_json, write_json
from mfsn.evaluation.config import EvaluateConfig
from mfsn.evaluation.intervals import intervals
from mfsn.evaluation.metrics import confusion_matrix, rates, scores
from mfsn.features.config import FunctionalsConfig
from mfsn.features.extraction.extraction import extract
from mfsn.features.registry import make_extractor
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table, scored
from mfsn.params import Params, load_params, outputs_of
from mfsn.protocols.fold import Fold
from mfsn.protocols.make import make_folds
from mfsn.store.store import Store
from mfsn.systems.linear.classical import LEVEL
from mfsn.systems.linear.fits import Vectors
from mfsn.systems.linear.model import LinearModel, fit_linear, fit_ridge_classes
from mfsn.systems.linear.probe_model import fit_logistic
from mfsn.workspace import Outputs, find_workspace, store_root

PLAIN = FunctionalsConfig(set="ComParE_2016")
TRIMMED = FunctionalsConfig(
    set=("ComParE_2016", "eGeMAPSv02"), trim_db=35.0, parts=(1, 2), speeds=(0.9, 1.1)
)
FEATURES = {
    "ComParE": (PLAIN, [0]),
    "ComParE, trimmed": (TRIMMED, [0]),
    "ComParE and eGeMAPS, trimmed": (TRIMMED, [0, 2]),
    "ComParE and eGeMAPS, trimmed, with halves": (TRIMMED, [0, 1, 2, 3]),
}
"""What is extracted, and which blocks of it a recipe reads: each set whole, then in halves."""


@dataclass(frozen=True)
class Recipe:
    """A way from functionals to classes."""

    features: str
    copies: bool
    """Whether it also trains on the copies at other speeds."""
    classifier: str
    c: float
    """As `classical.c_grid`; of ridge regression with `scaling: blocks`, even of a single one."""

    def __str__(self) -> str:
        copies = ", copies" if self.copies else ""
        return f"{self.features}{copies}; {self.classifier}, C {self.c:g}"


BASELINES = [Recipe("ComParE", False, "svm", c) for c in (1e-5, 1e-4, 1e-3)]
RECIPES = [
    *BASELINES,
    *(Recipe(name, False, "ridge", c) for name in FEATURES for c in (0.4, 1.6)),
    *(Recipe(name, True, "ridge", c) for name in [*FEATURES][2:] for c in (0.4, 1.6)),
]
WHOSE = ("ours", "baseline")
Scores = Mapping[Recipe, npt.NDArray[np.float64]]
"""UA of each recipe by fold and part, (K, K): trained without either, scored on the part."""


def main() -> None:
    workspace = find_workspace()
    params = load_params(workspace)
    outputs = outputs_of(params, workspace)
    utterances = read_table(outputs.manifest, UTTERANCES)
    features = read_features(params, outputs, scored(utterances))
    frozen_at = outputs.results.parent / "accuracy" / "frozen.json"
    choose_and_open(features, frozen_at, RECIPES, BASELINES)


def choose_and_open(
    features: Mapping[str, Vectors],
    frozen_at: Path,
    recipes: Sequence[Recipe],
    baselines: Sequence[Recipe],
) -> None:
    """Choose a recipe and a baseline in each fold, write them down, then open the folds.

    Args:
        features: name, as recipes have it, to the vectors of all utterances.
        frozen_at: where the choice is written; one that is there is taken.
        recipes: what is chosen from.
        baselines: those of them that the result is compared with.
    """
    workspace = find_workspace()
    params = load_params(workspace)
    utterances = read_table(outputs_of(params, workspace).manifest, UTTERANCES)
    folds = make_folds(utterances, params.protocol, workspace)
    refuse_shared_speakers(folds)
    if not frozen_at.exists():
        freeze(frozen_at, folds, cross_validate(features, folds, recipes), baselines)
    chosen = read_json(frozen_at)
    opened = {fold.name: open_fold(fold, chosen[fold.name], features, folds) for fold in folds}
    print_ledger(opened, chosen)
    predictions = pd.concat(opened.values(), ignore_index=True)
    print_scores(predictions, scored(utterances), len(params.labels.classes), params.evaluate)


def refuse_shared_speakers(folds: Sequence[Fold]) -> None:
    """Other folds' test parts are what a fold chooses on, so none may hold a speaker of its own."""
    for i, fold in enumerate(folds):
        others = set(rest_of(folds, i))
        if not fold.speaker_independent or not others <= {*fold.train, *fold.dev}:
            raise SystemExit(
                f"{fold.title}: other folds test speakers of its test part; choose a protocol "
                "whose folds share none"
            )


def read_features(params: Params, outputs: Outputs, manifest: pd.DataFrame) -> dict[str, Vectors]:
    """The functionals of each entry of `FEATURES`, in the order of the manifest."""
    read = {config: read_vectors(config, params, outputs, manifest) for config in (PLAIN, TRIMMED)}
    return {name: columns_of(read[config], kept) for name, (config, kept) in FEATURES.items()}


def read_vectors(
    config: FunctionalsConfig, params: Params, outputs: Outputs, manifest: pd.DataFrame
) -> Vectors:
    """Functionals of all utterances, in the order of the manifest."""
    ids = manifest["utterance_id"].tolist()
    index = {name: i for i, name in enumerate(params.labels.classes)}
    labels = dict(zip(ids, manifest["emotion"].map(index), strict=True))
    position = {name: i for i, name in enumerate(ids)}
    rows, *copies = extracted(config, params, outputs.segments, ids)
    blocks = make_functionals(config, params).blocks
    return Vectors({LEVEL: rows}, position, labels, copies, blocks)


def make_functionals(config: FunctionalsConfig, params: Params) -> Any:
    cut = params.segment
    return make_extractor("functionals", config, cut.sample_rate_hz, cut.samples, cut.reading)


def extracted(
    config: FunctionalsConfig, params: Params, segments: Path, ids: Sequence[str]
) -> list[npt.NDArray[Any]]:
    """Rows of the utterances, then those of their copies, from the store."""
    root = store_root()
    extractor = make_functionals(config, params)
    digest = extract(extractor, read_table(segments, SEGMENTS), params.segment, root)
    return [*Store(root, digest.spec).read([digest.rows[name] for name in ids]).values()]


def columns_of(data: Vectors, kept: Sequence[int]) -> Vectors:
    """The functionals of some blocks alone: what the extractor gives when asked for no more."""
    ends = np.cumsum(data.blocks)
    columns = np.concatenate([np.arange(ends[b] - data.blocks[b], ends[b]) for b in kept])
    rows, *copies = (rows[:, columns] for rows in (data.levels[LEVEL], *data.copies))
    return replace(data, levels={LEVEL: rows}, copies=copies, blocks=[data.blocks[b] for b in kept])


def cross_validate(
    features: Mapping[str, Vectors],
    folds: Sequence[Fold],
    recipes: Sequence[Recipe] = RECIPES,
) -> Scores:
    """Score every recipe on every part for every fold.

    A model that has seen neither of two parts serves both: scored on the second it tells the first
    one's fold what to choose, and the other way round. Nothing is scored on a fold's own part.
    """
    found = {recipe: np.full((len(folds), len(folds)), np.nan) for recipe in recipes}

    def score(pair: tuple[int, int]) -> None:
        first, second = pair
        ids = rest_of(folds, first, second)
        for recipe, ua in found.items():
            data = features[recipe.features]
            model = fit(recipe, data, ids)
            ua[first, second] = ua_of(model, data, folds[second].test)
            ua[second, first] = ua_of(model, data, folds[first].test)

    pairs = tqdm([*combinations(range(len(folds)), 2)], "cross-validation", unit="pair")
    Parallel(n_jobs=runtime.jobs(), prefer="threads")(delayed(score)(pair) for pair in pairs)
    return found


def rest_of(folds: Sequence[Fold], *left_out: int) -> list[str]:
    """The utterances of all parts but some."""
    return [name for i, fold in enumerate(folds) if i not in left_out for name in fold.test]


def fit(recipe: Recipe, data: Vectors, ids: Sequence[str]) -> LinearModel:
    """A recipe's model of some utterances; classes count alike."""
    rows_NP = data.with_copies(LEVEL, ids) if recipe.copies else data.of(LEVEL, ids)
    labels_N = np.resize(np.array([data.labels[name] for name in ids]), len(rows_NP))
    if recipe.classifier == "logistic":
        return fit_logistic(rows_NP, labels_N, c=recipe.c, balanced=True, max_iter=1000)[0]
    if recipe.classifier == "svm":
        return fit_linear(rows_NP, labels_N, c=recipe.c, balanced=True, max_iter=10_000)[0]
    return fit_ridge_classes(rows_NP, labels_N, c=recipe.c, balanced=True, blocks=data.blocks)


def ua_of(model: LinearModel, data: Vectors, ids: Sequence[str]) -> float:
    labels = [data.labels[name] for name in ids]
    return scores(labels, decisions(model, data, ids), len(model.intercept_C)).ua


def decisions(model: LinearModel, data: Vectors, ids: Sequence[str]) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = model.values(data.of(LEVEL, ids)).argmax(axis=1)
    return found


def freeze(
    path: Path, folds: Sequence[Fold], found: Scores, baselines: Sequence[Recipe] = BASELINES
) -> None:
    """Write down the best recipe and the best baseline of each fold, with their scores."""
    chosen = {}
    for i, fold in enumerate(folds):
        ua = {recipe: float(np.nanmean(parts[i])) for recipe, parts in found.items()}
        best = dict(
            zip(
                WHOSE,
                (max(ua, key=ua.__getitem__), max(baselines, key=ua.__getitem__)),
                strict=True,
            )
        )
        chosen[fold.name] = {
            name: {"recipe": asdict(recipe), "dev_ua": ua[recipe]} for name, recipe in best.items()
        }
    write_json(path, chosen)


def open_fold(
    fold: Fold,
    chosen: Mapping[str, Any],
    features: Mapping[str, Vectors],
    folds: Sequence[Fold],
) -> pd.DataFrame:
    """Fit what was frozen on everybody who is not tested, and predict the test part."""
    table = pd.DataFrame({"seed": 0, "utterance_id": fold.test})
    for name, about in chosen.items():
        recipe = Recipe(**about["recipe"])
        data = features[recipe.features]
        model = fit(recipe, data, rest_of(folds, folds.index(fold)))
        table[name] = decisions(model, data, fold.test)
    return table.assign(actual=np.array([data.labels[name] for name in fold.test]))


def print_ledger(opened: Mapping[str, pd.DataFrame], chosen: Mapping[str, Any]) -> None:
    print("| fold | whose | recipe | development UA | test UA |\n|---|---|---|---|---|")
    for fold, table in opened.items():
        for name in WHOSE:
            about = chosen[fold][name]
            ua = scores(table["actual"], table[name], table["actual"].max() + 1).ua
            frozen = f"{Recipe(**about['recipe'])} | {100 * about['dev_ua']:.1f}"
            print(f"| {fold} | {name} | {frozen} | {100 * ua:.1f} |")


def print_scores(
    predictions: pd.DataFrame, manifest: pd.DataFrame, classes: int, config: EvaluateConfig
) -> None:
    """UA and WA of all parts as one set, of both and of their difference on the same speakers."""

    def sums(part: pd.DataFrame) -> npt.NDArray[np.float64]:
        both = [confusion_matrix(part["actual"], part[name], classes) for name in WHOSE]
        return np.stack(both).astype(np.float64)

    def statistic(sums_2CC: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
        found = rates(sums_2CC)
        pairs = {score: (found[score][..., 0], found[score][..., 1]) for score in ("ua", "wa")}
        of_each = {f"{w} {s}": pair[i] for i, w in enumerate(WHOSE) for s, pair in pairs.items()}
        return of_each | {f"difference {s}": ours - base for s, (ours, base) in pairs.items()}

    ends = intervals(predictions.assign(fold="all"), manifest, sums, statistic, config)
    print("\n| | pooled | 95 % over speakers |\n|---|---|---|")
    for name, value in statistic(sums(predictions)).items():
        low, high = (100 * ends[name][end] for end in ("low", "high"))
        print(f"| {name} | {100 * value:.1f} | {low:.1f} to {high:.1f} |")


if __name__ == "__main__":
    main()
