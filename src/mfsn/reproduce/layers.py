"""UA over layers for tables whose rows are probes."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import Any

import pandas as pd

from mfsn.reproduce.plan import Row
from mfsn.reproduce.run import Finished
from mfsn.systems.linear.layer_statistics_config import ALL_LEVELS

LABEL = "depth: layer over layers of the encoder"
COLUMNS = ["panel", "line", "level", "x", "ua", "ua_std", "chance_ua"]
PANELS = {"dev": "development", "test": "test (descriptive: nothing is chosen by it)"}


def layer_points(finished: Finished, rows: pd.DataFrame) -> pd.DataFrame:
    """Make one point per layer, panel and row of the table.

    The columns are `panel`; `line` (the label of the row); `x` (from 0 for the input of the first
    layer to 1 for the last layer, so that encoders of any depth can be compared); `level` (its
    name); `ua` and `chance_ua` in percent as means over folds and seeds; `ua_std` (empty). For the
    arguments see `mfsn.reproduce.points.points_of`.

    Raises:
        ReproduceError: if an output of an experiment is missing.
    """
    points = []
    for row, score in zip(finished.table.rows, rows.to_dict("records"), strict=True):
        if row.set is not None:
            units = list(_units(finished, row))
            facts = {"line": row.label, "chance_ua": score["chance_ua"], "ua_std": None}
            points += [{**facts, **point} for point in _points(units)]
    found = pd.DataFrame(points, columns=COLUMNS)
    return found.sort_values("panel", kind="stable", ignore_index=True)


def _units(finished: Finished, row: Row) -> Iterator[list[dict[str, Any]]]:
    """The levels in levels.json of each fold and seed; all levels together are none of them."""
    about = finished.about(row)
    for fold in about["folds"]:
        for seed in about["seeds"]:
            path = finished.outputs.models / f"{fold}-seed{seed}" / "levels.json"
            levels = finished.read(row, path)["levels"]
            yield [level for level in levels if level["level"] != ALL_LEVELS]


def _points(units: list[list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    last = max(len(units[0]) - 1, 1)
    for number, of_units in enumerate(zip(*units, strict=True)):
        for split, panel in PANELS.items():
            ua = round(100 * fmean(level[split]["ua"] for level in of_units), 1)
            yield {"panel": panel, "level": of_units[0]["level"], "x": number / last, "ua": ua}
