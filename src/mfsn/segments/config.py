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
    """How utterances are cut. Segments do not overlap, and the last one is padded."""

    duration_s: float = Field(3.0, gt=0)
    """Length of a segment in seconds."""
    sample_rate_hz: int = Field(16_000, gt=0)
    """Sample rate to which recordings are resampled. Pretrained encoders want 16,000."""
    reading: Reading = "fixed"
    """How an utterance becomes features.

    - fixed: each segment is read by itself. The last one is padded with zeros at its end, and
      nothing takes this padding for audio.
    - as_published: as the code of Co-attention does it, with its peculiarities. First the whole
      utterance is pre-emphasised (0.97). Spectrogram and MFCC are computed of the whole utterance
      and then cut. The spectrogram is relative to the maximum of the utterance. Both are padded at
      their end with 0, which is the largest level. The waves for the encoders are padded at their
      front. Everything takes the padding for audio. If the last segment is full, one more segment
      follows, and it holds one frame."""

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
        """Whether everything that reads the features takes padding for audio."""
        return self.reading == "as_published"

    def audible(self, valid_S: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many samples of each segment are taken for audio by what reads the features.

        Args:
            valid_S: samples of real audio in each segment.
        """
        return valid_S.clip(min=self.samples) if self.padding_counts else valid_S

    @classmethod
    def of_recipe(cls, recipe: Mapping[str, Any]) -> SegmentConfig:
        """How the segments were cut, from the section `segment` of the recipe of their rows."""
        return cls(**{name: recipe[name] for name in cls.model_fields if name in recipe})
