"""Parameters of segments (params.yaml: segment)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from mfsn.config import Config

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Reading = Literal["fixed", "as_published"]
"""How an utterance becomes features."""


class SegmentConfig(Config):
    """How utterances are cut: no overlap, the last segment padded."""

    duration_s: float = Field(3.0, gt=0)
    sample_rate_hz: int = Field(16_000, gt=0)
    reading: Reading = "fixed"
    """fixed: every segment by itself, padded with zeros at its end, which nothing takes for audio.
    as_published: as the code of Co-attention does it, quirks included (facts 1.2 to 1.4).
    Pre-emphasis (0.97) over the utterance comes first. Spectrogram and MFCC are computed over the
    utterance and cut then, the spectrogram relative to the utterance's maximum; both are padded at
    the end with 0, which is the largest level. The encoders' waves are padded at the front. Padding
    counts as audio everywhere. Where the last segment is full, one more follows, of one frame."""

    @model_validator(mode="after")
    def _holds_a_sample(self) -> SegmentConfig:
        if self.samples < 1:
            raise ValueError("duration_s is shorter than one sample")
        return self

    @property
    def samples(self) -> int:
        """Samples of one segment (48,000 by default)."""
        return round(self.duration_s * self.sample_rate_hz)

    @property
    def padding_counts(self) -> bool:
        """Whether all that reads the features takes padding for audio."""
        return self.reading == "as_published"

    def audible(self, valid_S: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Samples of each segment that what reads the features takes for audio.

        Args:
            valid_S: samples of real audio in each segment.
        """
        return valid_S.clip(min=self.samples) if self.padding_counts else valid_S

    @classmethod
    def of_recipe(cls, recipe: Mapping[str, Any]) -> SegmentConfig:
        """How the segments were cut whose rows have an identity with this `segment` recipe."""
        return cls(**{name: recipe[name] for name in cls.model_fields if name in recipe})
