"""What a trained model is to prediction: recordings in, scores of their pieces out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mfsn.base.arrays import Float64
from mfsn.features.extraction.in_memory import Recording, Span


class Scorer(Protocol):
    """A trained model with its extractors; made from its folder and the extractors by name."""

    def spans(self, recording: Recording) -> list[Span]:
        """Where the pieces of a recording lie that are scored, in samples."""
        ...

    def __call__(self, group: Sequence[Recording]) -> Float64:
        """Log-posteriors of classes, or values of dimensions: [pieces, C], float64.

        Args:
            group: recordings; their pieces stand one after the other.
        """
        ...
