"""Extractors `sec` and `tec`: hidden states of a pretrained audio encoder.

Shapes: B batch, N samples, T frames, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mfsn import runtime
from mfsn.base.arrays import Float32, Int64
from mfsn.config import Config
from mfsn.encoders.bfloat16 import in_bfloat16
from mfsn.encoders.loading import load_encoder
from mfsn.encoders.transformers_logging import quiet_masks
from mfsn.encoders.whisper import LogMel
from mfsn.errors import ConfigError
from mfsn.features.casting import to_storage
from mfsn.features.config import EncoderConfig, layer_name
from mfsn.features.device import BATCH_ROWS, Captured, Forward, is_gpu, normalised, to_device
from mfsn.features.framing import require
from mfsn.features.pooling import mean_over_valid
from mfsn.store.spec import ArraySpec

# Relative to the row's largest magnitude, between processors (float32: another order of sums;
# bfloat16: 8 bits of mantissa in every layer).
_TOLERANCE = {"float32": 2e-3, "bfloat16": 1e-1}

# What the identity says of a precision: rows of the former way, autocast, are others.
_PRECISIONS = {"float32": "float32", "bfloat16": "bfloat16 weights and activations"}


class EncoderExtractor:
    """Chosen hidden states of an encoder, or their means over the valid frames, from one pass.

    A clip is normalised as the checkpoint's own preprocessor does for the clip alone, over its
    valid samples, and then padded. The attention mask is passed only where the preprocessor asks
    for it: checkpoints with group-normalised convolutions were trained without one (transformers,
    Wav2Vec2FeatureExtractor). Frames of padding are stored as they come; readers know the valid
    ones. Whisper's encoder hears spectrograms instead, see `mfsn.encoders.whisper`; its decoder is
    left out. Hidden states are numbered as transformers numbers them; the last of large encoders,
    which normalise before their layers, lacks the final LayerNorm, and Whisper's has it.

    On a GPU batches are larger and the pass is launched as one graph.
    """

    name: ClassVar[str]
    config_type: ClassVar[type[Config]] = EncoderConfig
    version: ClassVar[int] = 1
    scope: ClassVar[Literal["segment", "utterance"]] = "segment"
    batch_rows = 8

    def __init__(self, config: EncoderConfig, sample_rate_hz: int, samples: int) -> None:
        """Load the encoder and ask it for the shapes of its levels.

        Args:
            samples: length of a segment, at least the receptive field of a frame (400 for the
                published convolutions).

        Raises:
            ConfigError: if the encoder hears another sample rate, the segment is too short, a level
                is not among its hidden states, or there is a revision for what has none.
            ModelLoadError: as `load_encoder`.
        """
        encoder = load_encoder(config.model, config.revision)
        self.tolerance = _TOLERANCE[config.precision]
        self._config = config
        self._averages = config.frames == "mean"
        self._samples = samples
        self._preprocessor = encoder.preprocessor
        self._identity = encoder.identity()
        self._device = runtime.device()
        self._run: Forward = self._chosen
        if is_gpu(self._device):
            self._run = Captured(self._chosen)
            if not encoder.hears_log_mel:  # whose windows are ten times as long
                self.batch_rows = BATCH_ROWS
        self._dtype: torch.dtype = getattr(torch, config.precision)
        self._model = self._prepared(encoder.model, encoder.hears_log_mel)
        self._receptive_field = 1 if encoder.hears_log_mel else _receptive_field(encoder.config)
        self._check(sample_rate_hz)
        self._log_mel = LogMel(encoder.preprocessor, samples) if encoder.hears_log_mel else None
        shapes = [tuple(hidden.shape[1:]) for hidden in self._pass(self._silence())]
        self._levels = self._indices(len(shapes))
        self._shapes = {name: self._kept(shapes[index]) for name, index in self._levels.items()}
        self._weights = "random weights" if encoder.random else "pretrained"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Identity of the encoder, indices of the levels, precision and dtype; and the frames
        where they are not all, so that older rows keep their keys.
        """
        return {
            **self._identity,
            "levels": dict(self._levels),
            "precision": _PRECISIONS[self._config.precision],
            "dtype": self._config.dtype,
            **({"frames": self._config.frames} if self._averages else {}),
        }

    @property
    def about(self) -> Mapping[str, Any]:
        """The configuration, the order of its levels (JSON forgets it), and the kind of weights."""
        return {
            "config": self._config.model_dump(
                mode="json", exclude=None if self._averages else {"frames"}
            ),
            "levels": list(self._levels),
            "weights": self._weights,
        }

    @property
    def arrays(self) -> tuple[ArraySpec, ...]:
        """One array a level (frames, width), in the order of the configuration."""
        return tuple(
            ArraySpec(name, shape, self._config.dtype, ("frame", "feature"))
            for name, shape in self._shapes.items()
        )

    def extract(self, waves_BT: Float32, valid_B: Int64) -> dict[str, npt.NDArray[Any]]:
        """Compute the levels; see `Extractor.extract`.

        Raises:
            RangeError: if an activation is not finite or does not fit the storage dtype.
        """
        with torch.inference_mode():
            levels = self._run(self._inputs(waves_BT, valid_B))
            if self._averages:
                levels = {
                    name: mean_over_valid(hidden_BTD, valid_B, self._samples)
                    for name, hidden_BTD in levels.items()
                }
            return {
                name: to_storage(values, self._config.dtype, f"{self.name} {name}")
                for name, values in levels.items()
            }

    def _prepared(self, model: Any, hears_log_mel: bool) -> nn.Module:
        encoder: nn.Module = model.to(self._device)
        if self._config.precision == "float32":
            return encoder
        if is_gpu(self._device):
            return in_bfloat16(encoder, self.batch_rows)
        if not hears_log_mel:
            model.set_attn_implementation("eager")  # faster than a CPU's fused one at 3 s
        return in_bfloat16(encoder, 1)

    def _chosen(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        hidden_states = self._pass(inputs)
        return {name: hidden_states[index] for name, index in self._levels.items()}

    def _pass(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        # TensorFloat-32 and self-tuned kernels would make rows depend on the GPU and the day.
        with (
            quiet_masks(),
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
        ):
            hidden: tuple[Tensor, ...] = self._model(
                **inputs, output_hidden_states=True
            ).hidden_states
        if self._log_mel is None:
            return hidden
        return tuple(hidden_BTD[:, : self._log_mel.frames] for hidden_BTD in hidden)

    def _inputs(self, waves_BN: Float32, valid_B: Int64) -> dict[str, Tensor]:
        heard_B = np.maximum(valid_B, 1)
        if self._log_mel is not None:
            features_BMS = self._log_mel(waves_BN, heard_B).to(self._device)
            return {"input_features": features_BMS.to(self._dtype)}
        inputs = {"input_values": self._normalised(waves_BN, heard_B).to(self._dtype)}
        if self._preprocessor.return_attention_mask:
            # At least one frame must be attended to, or the softmax divides by nothing.
            attended_B = np.maximum(heard_B, self._receptive_field)
            mask_BN = (np.arange(waves_BN.shape[1]) < attended_B[:, None]).astype(np.int64)
            inputs["attention_mask"] = torch.from_numpy(mask_BN).to(self._device)
        return inputs

    def _normalised(self, waves_BN: Float32, heard_B: Int64) -> Tensor:
        preprocessor = self._preprocessor
        if is_gpu(self._device) and preprocessor.do_normalize:
            heard = torch.from_numpy(heard_B).to(self._device)
            return normalised(to_device(waves_BN, self._device), heard, preprocessor.padding_value)
        values_BN = np.full_like(waves_BN, preprocessor.padding_value)
        for row, (wave, heard) in enumerate(zip(waves_BN, heard_B, strict=True)):
            clip = wave[:heard]
            processed = preprocessor(clip, sampling_rate=preprocessor.sampling_rate)
            values_BN[row, :heard] = processed["input_values"][0]
        return to_device(values_BN, self._device)

    def _silence(self) -> dict[str, Tensor]:
        return self._inputs(np.zeros((1, self._samples), np.float32), np.array([self._samples]))

    def _check(self, sample_rate_hz: int) -> None:
        hears = self._preprocessor.sampling_rate
        require(
            hears == sample_rate_hz,
            f"{self.name}.model {self._config.model} hears {hears} Hz, but segment.sample_rate_hz "
            f"is {sample_rate_hz}; change one of them",
        )
        require(
            self._samples >= self._receptive_field,
            f"{self.name}.model {self._config.model} needs {self._receptive_field} samples for a "
            f"frame, but a segment has {self._samples}; raise segment.duration_s",
        )

    def _kept(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (1, *shape[1:]) if self._averages else shape

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


def _receptive_field(config: Any) -> int:
    """Samples that one frame of the convolutions sees."""
    field = 1
    for kernel, stride in zip(config.conv_kernel[::-1], config.conv_stride[::-1], strict=True):
        field = (field - 1) * stride + kernel
    return field
