"""The columns of a finished run that the workspace and DVC's experiments share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

COLUMNS = [
    "run", "corpus", "system", "encoders", "protocol", "folds", "seeds", "score", "value", "low",
    "high", "wa", "finished", "commit", "changed",
]  # fmt: skip


def score_columns(scores: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that scores.json fills: UA for classes, the mean CCC for dimensions.

    Raises:
        KeyError, TypeError, AttributeError: if these are no scores.
    """
    name = "ua" if "ua" in scores else "ccc"
    interval = scores.get("intervals", {}).get(name, {})
    return {
        "folds": scores["counts"]["folds"],
        "seeds": scores["counts"]["seeds"],
        "score": name.upper(),
        "value": scores[name],
        "low": interval.get("low"),
        "high": interval.get("high"),
        "wa": scores.get("wa"),
    }


def encoder_names(models: Iterable[str | None]) -> str:
    """Names without their folders, once if both are the same; empty if there are none."""
    return " + ".join(dict.fromkeys(Path(model).name for model in models if model))
