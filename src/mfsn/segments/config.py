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


Tail = Literal["pad", "drop_below_s", "overlap"]
"""What becomes of the end of an utterance that does not fill a segment."""


class SegmentConfig(Config):
    """How utterances are cut into segments of the same length, one after the other."""

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

    tail: Tail = "pad"
    """What becomes of the end of an utterance that does not fill a segment. Encoders without an
    attention mask hear the padding, so the features of a short end depend on how much there is.

    - pad: it is padded with zeros.
    - drop_below_s: the same, but an end of less than `drop_below_s` is left out. An utterance
      always keeps its first segment.
    - overlap: the last segment begins earlier, so that it is full. It overlaps the one before. An
      utterance of less than one segment is padded. Only for extractors that hear segments by
      themselves: not for functionals, and not for encoders with `context: utterance`."""
    drop_below_s: float = Field(0.5, ge=0)
    """tail drop_below_s: the shortest end in seconds that is kept."""

    @model_validator(mode="after")
    def _fits_together(self) -> SegmentConfig:
        if self.samples < 1:
            raise ValueError("duration_s is shorter than one sample")
        if self.tail != "pad" and self.reading == "as_published":
            raise ValueError(f"reading as_published pads, so that tail cannot be {self.tail}")
        return self

    @property
    def samples(self) -> int:
        """Samples of one segment (48,000 by default)."""
        return round(self.duration_s * self.sample_rate_hz)

    @property
    def tail_recipe(self) -> dict[str, Any]:
        """What the tail adds to the recipe of rows; nothing for `pad`, whose rows are older."""
        if self.tail == "pad":
            return {}
        limit = {"drop_below_s": self.drop_below_s} if self.tail == "drop_below_s" else {}
        return {"tail": self.tail, **limit}

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
