"""What a model says about recordings: plain records, as tables and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

ROWS = 20
"""The most windows of `Prediction.over_time`."""
WINDOW_S = 15.0
"""The shortest ones, in seconds."""


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
    """Class to posterior; they sum to 1. They are not calibrated: 0.99 is no certainty of 99 %."""
    pieces: tuple[Piece, ...]
    """Segment by segment; one piece where the system decides whole recordings."""
    values: dict[str, float] = field(default_factory=dict)
    """As of a piece."""

    @property
    def duration_s(self) -> float:
        """How long the recording is."""
        return self.pieces[-1].end_s

    def over_time(self) -> list[Piece]:
        """The recording from its start to its end, in at most `ROWS` windows.

        A window is a whole number of segments, at least `WINDOW_S` long. Its posteriors or values
        are the means of its segments, each weighed by its duration.
        """
        longest = max(piece.end_s - piece.start_s for piece in self.pieces)
        at_least = max(WINDOW_S, self.duration_s / ROWS)
        size = max(1, math.ceil(at_least / longest - 1e-9))
        starts = range(0, len(self.pieces), size)
        return [_joined(self.pieces[start : start + size]) for start in starts]


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
    duration = {"duration_s": file.duration_s}
    return {"path": file.path, **emotion, **duration, **posteriors, **file.values}


def _joined(pieces: Sequence[Piece]) -> Piece:
    """The mean of neighbouring segments, as one piece."""
    return Piece(
        pieces[0].start_s,
        pieces[-1].end_s,
        _mean([piece.posteriors for piece in pieces], pieces),
        _mean([piece.values for piece in pieces], pieces),
    )


def _mean(scores: Sequence[dict[str, float]], pieces: Sequence[Piece]) -> dict[str, float]:
    lengths = [piece.end_s - piece.start_s for piece in pieces]
    # A segment that consists of padding alone has no length.
    total = sum(lengths) or 1.0
    return {
        name: sum(s[name] * length for s, length in zip(scores, lengths, strict=True)) / total
        for name in scores[0]
    }


def _without_empty(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in items if value is not None and value != {}}
