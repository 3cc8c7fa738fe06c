"""From finished rows to the points of a table's curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
import pandas as pd

from mfsn.models.config import Operation
from mfsn.reproduce.layers import layer_points
from mfsn.reproduce.run import Finished

WEIGHT = "weight_"
"""Prefix of the columns of operation weights."""
SCORES = ("ua", "ua_std", "chance_ua")


def points_of(finished: Finished, rows: pd.DataFrame) -> pd.DataFrame | None:
    """Make one row per point; a row at the beginning of curves is a point in every panel.

    The columns are `panel`; `line`; `x`; `ua`, `ua_std` and `chance_ua` in percent; and the weight
    of each operation as the mean over folds, seeds and Fusion Cells, which is empty without a
    search. For probes see `mfsn.reproduce.layers.layer_points`.

    Args:
        finished: the table.
        rows: what `mfsn.reproduce.collect.collect` returned.

    Returns:
        The points; None if the table has no curves.

    Raises:
        ReproduceError: if an output of an experiment is missing.
    """
    table = finished.table
    if table.layers:
        return layer_points(finished, rows)
    curve = table.curve
    if curve is None:
        return None
    panels = [curve.panel_of(row.set or {}) for row in table.rows]
    everywhere = list(dict.fromkeys(panel for panel in panels if panel))
    points = []
    for row, panel, score in zip(table.rows, panels, rows.to_dict("records"), strict=True):
        if row.set is not None:
            search = finished.read(row, finished.outputs.search / "search.json")
            facts = {"line": row.set[curve.line], "x": curve.place(row.set)}
            facts |= {name: score[name] for name in SCORES} | _weights(search)
            points += [{"panel": own, **facts} for own in ([panel] if panel else everywhere)]
    return pd.DataFrame(points).sort_values(["line", "x"], kind="stable", ignore_index=True)


def _weights(search: Mapping[str, Any]) -> dict[str, float]:
    found = [cell["weights"] for unit in search["units"] for cell in unit["cells"]]
    names = [WEIGHT + name for name in get_args(Operation)]
    return dict(zip(names, np.mean(found, axis=0).tolist(), strict=True)) if found else {}
