"""Extractors `sec` and `tec`: hidden states of a pretrained audio encoder.

Shapes: B batch, N samples, R rows, T frames, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from mfsn.base.arrays import Float32, Int64
from mfsn.config import Config
from mfsn.encoders.hub import checkpoint_files
from mfsn.errors import ConfigError
from mfsn.features.base import Rows
from mfsn.features.casting import to_storage
from mfsn.features.config import EncoderConfig, layer_name
from mfsn.features.extractors.forward_pass import ForwardPass
from mfsn.features.framing import require
from mfsn.features.pooling import mean_over_valid
from mfsn.store.spec import ArraySpec

# How far processors may differ, relative to the row's largest magnitude (float32 adds in another
# order; bfloat16 has 8 bits of mantissa in every layer).
_TOLERANCE = {"float32": 2e-3, "bfloat16": 1e-1}

# Codes of how a row was computed. `bfloat16` means rows computed with autocast, as before;
# bfloat16-2 computes with weights and activations in bfloat16.
_PRECISIONS = {"float32": "float32", "bfloat16": "bfloat16-2"}


class EncoderExtractor:
    """Chosen hidden states of an encoder, or their means over the valid frames, from one pass.

    See `mfsn.features.extractors.forward_pass` for what the encoder hears and which frames belong
    to a segment. Frames of padding are stored as they come; readers know which frames are valid.
    Hidden states are numbered as transformers numbers them. The last one of large encoders, which
    normalise before their layers, lacks the final LayerNorm; the last one of Whisper has it.
    """

    name: ClassVar[str]
    config_type: ClassVar[type[Config]] = EncoderConfig
    version: ClassVar[int] = 1
    scope: ClassVar[Literal["segment"]] = "segment"

    def __init__(
        self,
        config: EncoderConfig,
        sample_rate_hz: int,
        samples: int,
        forward: ForwardPass | None = None,
    ) -> None:
        """Load the encoder and ask it for the shapes of its levels.

        Args:
            config: its section of params.yaml.
            sample_rate_hz: of the waves.
            samples: length of a segment, at least the receptive field of a frame (400 for the
                published convolutions).
            forward: the pass, if another extractor has loaded the same encoder.

        Raises:
            ConfigError: as `ForwardPass`, or if a level is not among the hidden states.
            ModelLoadError: as `ForwardPass`.
        """
        self._forward = forward or ForwardPass(self.name, config, sample_rate_hz, samples)
        self._config = config.model_copy(update={"context": self._forward.context})
        self._sample_rate_hz = sample_rate_hz
        self._levels = self._indices(len(self._forward.shapes))
        self._forward.keep({*self._levels.values()})
        self.context = self._forward.context
        self.batch_rows = self._forward.batch_rows
        self.tolerance = _TOLERANCE[config.precision]

    @classmethod
    def as_published(cls) -> type[EncoderExtractor]:
        """The class for `segment.reading: as_published`, which hears segments alone."""
        return _PUBLISHED[cls.name]

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Identity of the encoder, indices of the levels, precision and dtype.

        Context and frames are left out if they have the only values that once existed, so that
        older rows keep their keys.
        """
        heard = {"context": self.context, "context_segments": self._forward.context_segments}
        return {
            **self._forward.identity,
            "levels": dict(self._levels),
            "precision": _PRECISIONS[self._config.precision],
            "dtype": self._config.dtype,
            **({"frames": self._config.frames} if self._averages else {}),
            **(heard if self.context == "utterance" else {}),
        }

    @property
    def about(self) -> Mapping[str, Any]:
        """The configuration, the order of its levels (JSON forgets it), and the kind of weights.

        A configuration without a context means context `segment`.
        """
        usual = set() if self._averages else {"frames"}
        if self.context == "segment":
            usual |= {"context", "context_s"}
        return {
            "config": self._config.model_dump(mode="json", exclude=usual),
            "levels": list(self._levels),
            "weights": self._forward.weights,
        }

    @property
    def arrays(self) -> tuple[ArraySpec, ...]:
        """One array per level (frames, width), in the order of the configuration."""
        return tuple(
            ArraySpec(name, self._shape(index), self._config.dtype, ("frame", "feature"))
            for name, index in self._levels.items()
        )

    @torch.inference_mode()
    def extract(self, waves_BT: Float32, valid_B: Int64) -> Rows:
        """Compute the levels; see `Extractor.extract`."""
        return self.rows(self._forward.hidden(waves_BT, valid_B), self._forward.valid(valid_B))

    def rows(self, hidden: Mapping[int, Tensor], valid_R: Int64) -> Rows:
        """The rows of this extractor, from the hidden states of a pass.

        Args:
            hidden: index of a hidden state to [R, T, D].
            valid_R: samples of real audio in each row.

        Raises:
            RangeError: if an activation is not finite or does not fit the storage dtype.
        """
        return {
            name: to_storage(
                self._pooled(hidden[index], valid_R), self._config.dtype, f"{self.name} {name}"
            )
            for name, index in self._levels.items()
        }

    def together_with(self, name: str, config: Config) -> OnePass | None:
        """Put this extractor and another one together; see `SharesPass.together_with`.

        A pass serves both if the encoder (the bytes of its files), context, precision, frames and
        dtype are equal; the levels may differ.
        """
        if name not in _EXTRACTORS or not isinstance(config, EncoderConfig):
            return None
        unlike = {"model", "revision", "levels"}
        mine = self._config.model_dump(exclude=unlike)
        theirs = config.model_dump(exclude=unlike)
        if theirs | {"context": theirs["context"] or self.context} != mine:
            return None
        if not _same_files(self._config, config):
            return None
        forward = self._forward
        other = _EXTRACTORS[name](config, self._sample_rate_hz, forward.samples, forward)
        return OnePass(forward, (self, other))

    @property
    def _averages(self) -> bool:
        return self._config.frames == "mean"

    def _pooled(self, hidden_RTD: Tensor, valid_R: Int64) -> Tensor:
        if not self._averages:
            return hidden_RTD
        return mean_over_valid(hidden_RTD, valid_R, self._forward.samples)

    def _shape(self, index: int) -> tuple[int, ...]:
        frames, width = self._forward.shapes[index]
        return (1 if self._averages else frames, width)

    def _indices(self, count: int) -> dict[str, int]:
        levels = self._config.levels
        if levels == "all":
            return {layer_name(index): index for index in range(count)}
        return {name: self._index(name, index, count) for name, index in levels.items()}

    def _index(self, level: str, index: int, count: int) -> int:
        if not -count <= index < count:
            raise ConfigError(
                f"{self.name}.levels.{level} is {index}, but {self._config.model} has hidden "
                f"states 0 to {count - 1} (-1 is the last)"
            )
        return index % count


class SecExtractor(EncoderExtractor):
    """SEC: low, mid and high level of a self-supervised encoder (data2vec in the paper)."""

    name: ClassVar[str] = "sec"


class TecExtractor(EncoderExtractor):
    """TEC: the last level of an encoder fine-tuned for ASR (wav2vec2 in the paper)."""

    name: ClassVar[str] = "tec"


_EXTRACTORS: Mapping[str, type[EncoderExtractor]] = {"sec": SecExtractor, "tec": TecExtractor}


class OnePass:
    """Extractors that keep levels of the same encoder; one pass gives the rows of all."""

    scope: ClassVar[Literal["segment"]] = "segment"

    def __init__(self, forward: ForwardPass, extractors: Sequence[EncoderExtractor]) -> None:
        """Put extractors together that share a pass."""
        self.extractors = tuple(extractors)
        self.context, self.batch_rows = forward.context, forward.batch_rows
        self._forward = forward

    @torch.inference_mode()
    def extract(self, waves_BT: Float32, valid_B: Int64) -> Rows:
        """Compute the rows of all; see `mfsn.features.base.Together`."""
        hidden, valid_R = self._forward.hidden(waves_BT, valid_B), self._forward.valid(valid_B)
        return {
            f"{each.name}/{array}": rows
            for each in self.extractors
            for array, rows in each.rows(hidden, valid_R).items()
        }


def _hears_alone(name: str, config: EncoderConfig) -> EncoderConfig:
    """The configuration of the published reading, which gives encoders each segment alone."""
    require(
        config.context != "utterance",
        f"{name}.context utterance contradicts segment.reading as_published, which gives the "
        f"encoder one segment at a time; set {name}.context: segment, or segment.reading: fixed",
    )
    return config.model_copy(update={"context": "segment"})


class PublishedSecExtractor(SecExtractor):
    """SEC of segments that are heard alone and padded at their front."""

    def __init__(self, config: EncoderConfig, sample_rate_hz: int, samples: int) -> None:
        """Load the encoder; raises as `SecExtractor`, and with context `utterance`."""
        super().__init__(_hears_alone(self.name, config), sample_rate_hz, samples)


class PublishedTecExtractor(TecExtractor):
    """TEC of segments that are heard alone and padded at their front."""

    def __init__(self, config: EncoderConfig, sample_rate_hz: int, samples: int) -> None:
        """Load the encoder; raises as `TecExtractor`, and with context `utterance`."""
        super().__init__(_hears_alone(self.name, config), sample_rate_hz, samples)


_PUBLISHED: Mapping[str, type[EncoderExtractor]] = {
    "sec": PublishedSecExtractor,
    "tec": PublishedTecExtractor,
}


def _same_files(one: EncoderConfig, other: EncoderConfig) -> bool:
    """Whether two names stand for the same checkpoint."""
    named = [(config.model, config.revision) for config in (one, other)]
    return named[0] == named[1] or checkpoint_files(*named[0]) == checkpoint_files(*named[1])
