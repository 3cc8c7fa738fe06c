"""What a model says about recordings: plain records, as tables and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Piece:
    """What a model says about a part of a recording."""

    start_s: float
    end_s: float
    posteriors: dict[str, float] = field(default_factory=dict)
    """Class to posterior; empty where the model predicts dimensions."""
    values: dict[str, float] = field(default_factory=dict)
    """Dimension to value, in the unit of the corpus's ratings; empty where it predicts classes."""


@dataclass(frozen=True)
class Prediction:
    """What a model says about a recording."""

    path: str
    """The path that was given, the name of the open file, or `recording 2` for the second of
    several recordings where it has neither."""
    emotion: str | None
    """None where the model predicts dimensions."""
    posteriors: dict[str, float]
    """Class to posterior; they sum to 1. Those of the classical baseline are not calibrated."""
    pieces: tuple[Piece, ...]
    """Segment by segment; one piece where the system decides whole recordings."""
    values: dict[str, float] = field(default_factory=dict)
    """As of a piece."""


@dataclass(frozen=True)
class Predictions:
    """Predictions for some recordings, by one model."""

    model: str
    """Which one, in words."""
    warnings: tuple[str, ...]
    """Reasons not to trust them; empty where none is known."""
    files: tuple[Prediction, ...]
    """One per recording that can be decoded, in the order in which they were given."""
    failures: tuple[str, ...] = ()
    """A sentence for each recording that is not among `files`, because it cannot be decoded."""

    def to_frame(self) -> pd.DataFrame:
        """One row per recording.

        Columns: `path`; `emotion` (str); `duration_s` in seconds (float64); `posterior_<class>`
        for each class (float64, in [0, 1]). Where the model predicts dimensions there is no
        emotion, and a column for each dimension in the unit of the corpus's ratings.
        """
        return pd.DataFrame([_row(file) for file in self.files])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON, without what the model does not predict."""
        return asdict(self, dict_factory=_without_empty)


def _row(file: Prediction) -> dict[str, Any]:
    emotion = {} if file.emotion is None else {"emotion": file.emotion}
    posteriors = {f"posterior_{name}": value for name, value in file.posteriors.items()}
    duration = {"duration_s": file.pieces[-1].end_s}
    return {"path": file.path, **emotion, **duration, **posteriors, **file.values}


def _without_empty(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in items if value is not None and value != {}}
