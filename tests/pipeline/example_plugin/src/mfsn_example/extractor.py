"""Extractor `loudness`: the level of equal stretches of a segment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mfsn.base.arrays import Float32, Int64
from mfsn.config import Config
from mfsn.store.spec import ArraySpec


class LoudnessConfig(Config):
    """Parameters of the extractor (params.yaml: loudness)."""

    stretches: int = Field(4, ge=1)
    """Into how many equal stretches a segment is cut."""


class LoudnessExtractor:
    """Root mean square of each stretch, in dB relative to full scale."""

    name: ClassVar[str] = "loudness"
    config_type: ClassVar[type[Config]] = LoudnessConfig
    version: ClassVar[int] = 1
    scope: ClassVar[Literal["segment"]] = "segment"
    context: ClassVar[Literal["segment"]] = "segment"
    batch_rows = 8
    tolerance = 1e-4

    def __init__(self, config: LoudnessConfig, sample_rate_hz: int, samples: int) -> None:
        self._stretches = config.stretches

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What decides the rows."""
        return {"stretches": self._stretches}

    @property
    def about(self) -> Mapping[str, Any]:
        """For people and for prediction."""
        return {"config": {"stretches": self._stretches}, "weights": "none"}

    @property
    def arrays(self) -> tuple[ArraySpec, ...]:
        """One value per stretch."""
        return (ArraySpec("level_db", (self._stretches,), "float32", ("stretch",)),)

    def extract(self, waves_BT: Float32, valid_B: Int64) -> dict[str, npt.NDArray[Any]]:
        """Compute the rows of a batch of segments, from what of each is real audio."""
        rows = [self._levels(wave[:valid]) for wave, valid in zip(waves_BT, valid_B, strict=True)]
        return {"level_db": np.array(rows, np.float32)}

    def _levels(self, wave: Float32) -> list[float]:
        stretches = np.array_split(wave.astype(np.float64), self._stretches)
        return [float(10 * np.log10(np.square(each).mean() + 1e-10)) for each in stretches]
