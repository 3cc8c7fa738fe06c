"""What the extractors of spectrogram and MFCC share: frames of a fixed hop, without weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Literal, TypeVar

from mfsn import runtime
from mfsn.features.casting import TOLERANCE
from mfsn.features.config import MfccConfig, SpectrogramConfig
from mfsn.features.device import BATCH_ROWS, is_gpu

C = TypeVar("C", MfccConfig, SpectrogramConfig)


class FramedExtractor(Generic[C]):
    """An extractor whose identity is its configuration; it computes on this machine's device."""

    scope: ClassVar[Literal["segment"]] = "segment"
    context: ClassVar[Literal["segment", "utterance"]] = "segment"
    batch_rows = 16

    def __init__(self, config: C) -> None:
        self.tolerance = TOLERANCE[config.dtype]
        self._config: C = config
        self._device = runtime.device()
        if self.context == "utterance":
            self.batch_rows = 1
        elif is_gpu(self._device):
            self.batch_rows = BATCH_ROWS

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The configuration."""
        return self._config.model_dump(mode="json")

    @property
    def about(self) -> Mapping[str, Any]:
        """The configuration; there are no weights."""
        return {"config": self._config.model_dump(mode="json"), "weights": "none"}
