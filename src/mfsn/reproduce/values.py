"""Tables whose rows predict dimensions: CCC and MSE, compared with predicting the mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mfsn.errors import ReproduceError
from mfsn.params import Params
from mfsn.reproduce.collect import facts
from mfsn.reproduce.page import fill_in
from mfsn.reproduce.plan import Table, overrides
from mfsn.reproduce.run import Finished

DECIMALS = 3
THE_MEAN = "Predicting the training mean"


def predicts_dimensions(table: Table, params: Params) -> bool:
    """Whether the rows of a table predict dimensions.

    Raises:
        ReproduceError: if some rows do and others do not, since no score can compare them.
    """
    settings = [overrides(row, params, short=False, seeds=()) for row in table.runs]
    targets = {setting.get("labels.target", params.labels.target) for setting in settings}
    if len(targets) > 1:
        raise ReproduceError(
            "some rows of the table predict classes and others dimensions, which no score can "
            "compare; set labels.target in params.yaml to the target of the other rows"
        )
    return "dimensions" in targets


def collect_values(finished: Finished) -> pd.DataFrame:
    """Make one row per experiment, and a last row for predicting the training mean of each fold.

    The columns are `row`; `ccc`, `ccc_std` (over seeds, empty for a single seed) and `mse`; the
    CCC and MSE of each dimension, in the unit of the corpus ratings; and the conditions of the
    scores. For these and the errors see `mfsn.reproduce.collect.collect`.
    """
    records: list[dict[str, Any]] = []
    without: dict[str, Any] = {}
    for row in finished.table.runs:
        scores = finished.read(row, finished.outputs.scores)
        spread = {"ccc_std": _rounded(scores["std"]["ccc"]) if "std" in scores else None}
        names = scores["dimensions"]
        ours = {**_scores(scores, names), **spread, **facts(finished.about(row), scores)}
        records.append({"row": row.label, **ours})
        without = {"row": THE_MEAN, **_scores(scores["predict_the_mean"], names)}
    found = pd.DataFrame([*records, without]).astype({"utterances": "Int64"})
    shown = ["row", "ccc", "ccc_std", "mse"]
    return found[[*shown, *(name for name in found.columns if name not in shown)]]


def render_values(table: Table, rows: pd.DataFrame) -> str:
    """The page of scores of dimensions as HTML."""
    named = [name for name in rows.columns if name.startswith("ccc_") and name != "ccc_std"]
    return fill_in(
        "values.html",
        table,
        rows,
        dimensions=[name.removeprefix("ccc_") for name in named],
        has_seeds=bool(rows["ccc_std"].notna().any()),
    )


def _scores(scores: Mapping[str, Any], dimensions: Sequence[str]) -> dict[str, float]:
    own = [f"{score}_{name}" for name in dimensions for score in ("ccc", "mse")]
    return {name: _rounded(scores[name]) for name in ("ccc", "mse", *own)}


def _rounded(value: float) -> float:
    return round(value, DECIMALS) + 0.0  # never -0.0
