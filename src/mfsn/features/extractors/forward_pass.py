"""A pretrained encoder on its device: from waves to the hidden states of segments.

With context `segment` each segment is a clip of its own, padded to the length of all segments.

With context `utterance` the clip is the utterance, or one window of a longer one. Windows follow
one another and hold whole segments only, so no segment lies in two of them. A clip is given to the
encoder alone and without padding, and its frames are cut like this. The encoder's convolutions
make one frame every `hop` samples (320, which is 20 ms). A segment has to be a whole number of
hops, for 3 s 150. So frame 0 of segment j is frame 150 j of the clip, which begins at the segment's
first sample, and a segment takes as many frames as one that is heard alone:

- Whisper: 150 frames, which are all that begin within the segment. Frames after the end of the
  utterance are those that the encoder made of silence.
- The wav2vec 2.0 family: 149 frames, which are all that see samples of this segment only (a frame
  sees 400 samples). The 150th sees 80 samples of the next segment and is left out. Frames after the
  end of the utterance are zeros. A frame that begins within the utterance but would see samples
  after its end does not exist; the last frame is repeated in its place.

Shapes: B batch, N samples, S segments of an utterance, T frames, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mfsn import runtime
from mfsn.base.arrays import Float32, Int64
from mfsn.encoders.bfloat16 import in_bfloat16
from mfsn.encoders.loading import Encoder, load_encoder
from mfsn.encoders.transformers_logging import quiet_masks
from mfsn.encoders.whisper import LogMel
from mfsn.features.config import EncoderConfig
from mfsn.features.device import BATCH_ROWS, Captured, Forward, is_gpu, normalised, to_device
from mfsn.features.framing import cut_frames, require

CPU_BATCH_ROWS = 8


class ForwardPass:
    """Hidden states of an encoder for segments, heard alone or within their utterance.

    A clip is normalised as the checkpoint's own preprocessor does it for this clip alone, over its
    valid samples, and is padded after that. The attention mask is passed only if the preprocessor
    asks for it: checkpoints with group-normalised convolutions were trained without one
    (transformers, Wav2Vec2FeatureExtractor). Whisper's encoder hears spectrograms instead, see
    `mfsn.encoders.whisper`.

    On a GPU, batches of segments are larger, and passes of one shape are launched as one graph.

    Args:
        extractor: name of the section of params.yaml, for errors.
        config: that section.
        sample_rate_hz: of the waves.
        samples: length of a segment.

    Raises:
        ConfigError: if the encoder hears another sample rate, the segment is too short for a frame
            or is not a whole number of frames with context `utterance`, `context_s` does not fit,
            or a revision is given for a checkpoint that has none.
        ModelLoadError: as `mfsn.encoders.loading.load_encoder`.
    """

    def __init__(
        self, extractor: str, config: EncoderConfig, sample_rate_hz: int, samples: int
    ) -> None:
        encoder = load_encoder(config.model, config.revision)
        self.identity: Mapping[str, Any] = encoder.identity()
        self.weights = "random weights" if encoder.random else "pretrained"
        self.samples = samples
        self.context = config.context or ("utterance" if encoder.hears_log_mel else "segment")
        self._preprocessor = encoder.preprocessor
        self._device = runtime.device()
        self._dtype: torch.dtype = getattr(torch, config.precision)
        self._receptive_field = 1 if encoder.hears_log_mel else _receptive_field(encoder.config)
        self._refuse(extractor, config, sample_rate_hz)
        self._log_mel = LogMel(encoder.preprocessor, samples) if encoder.hears_log_mel else None
        self._hop = self._log_mel.hop if self._log_mel else prod(encoder.config.conv_stride)
        self.batch_rows = self._batch_rows()
        self._model = self._prepared(encoder, config.precision)
        self._kept: set[int] = set()
        self._run = self._launched()
        self.context_segments = 1
        """The most segments that are heard at once."""
        self.shapes = self._shapes(encoder.config)
        """Frames and width of each hidden state of a segment."""
        if self.context == "utterance":
            self.context_segments = self._fitting(extractor, config, sample_rate_hz)

    def keep(self, indices: set[int]) -> None:
        """Let `hidden` give these hidden states too; call it before the first use of that."""
        self._kept |= indices

    @torch.inference_mode()
    def hidden(self, waves_BN: Float32, valid_B: Int64) -> Mapping[int, Tensor]:
        """The hidden states that are kept, by index.

        Args:
            waves_BN: padded segments; with context `utterance` one utterance of any length.
            valid_B: samples of real audio in each wave.

        Returns:
            [B, T, D] each; with context `utterance` [S, T, D]. The next call may overwrite them.
        """
        if self.context == "segment":
            return self._run_by_index(waves_BN, valid_B)
        found = [self._cut(wave) for wave in self._windows(waves_BN[0, : valid_B[0]])]
        return {index: torch.cat([hidden[index] for hidden in found]) for index in found[0]}

    def valid(self, valid_B: Int64) -> Int64:
        """Samples of real audio in each row of what `hidden` gives."""
        if self.context == "segment":
            return valid_B
        starts_S: Int64 = np.arange(0, max(int(valid_B[0]), 1), self.samples)
        valid_S: Int64 = (valid_B[0] - starts_S).clip(0, self.samples)
        return valid_S

    def _windows(self, wave_N: Float32) -> Iterator[Float32]:
        """The clips of an utterance; there is always one."""
        size = self.context_segments * self.samples
        yield from (wave_N[start : start + size] for start in range(0, max(len(wave_N), 1), size))

    def _cut(self, clip_N: Float32) -> dict[int, Tensor]:
        """The hidden states of a clip, cut to its segments."""
        heard = max(len(clip_N), 1)
        padded = np.pad(clip_N, (0, max(self._receptive_field - len(clip_N), 0)))
        found = self._run_by_index(padded[None], np.array([heard]))
        return {
            index: self._segments(hidden_BTD[0], heard)[:, : self.shapes[index][0]]
            for index, hidden_BTD in found.items()
        }

    def _segments(self, frames_TD: Tensor, heard: int) -> Tensor:
        """All frames of a clip, [segments, frames from one segment to the next, D]."""
        begun, step = -(-heard // self._hop), self.samples // self._hop
        missing_TD = frames_TD[-1:].expand(max(begun - len(frames_TD), 0), -1)
        most = -(-heard // self.samples) * step
        return cut_frames(torch.cat([frames_TD, missing_TD])[:most], step)

    def _run_by_index(self, waves_BN: Float32, valid_B: Int64) -> dict[int, Tensor]:
        found = self._run(self._inputs(waves_BN, valid_B))
        return {int(index): hidden for index, hidden in found.items()}

    def _launched(self) -> Forward:
        has_one_shape = self.context == "segment" or self._log_mel is not None
        return Captured(self._chosen) if is_gpu(self._device) and has_one_shape else self._chosen

    def _shapes(self, config: Any) -> list[tuple[int, ...]]:
        """Frames and width of each hidden state, as the encoder itself gives them for silence.

        Whisper is not asked: it would hear half a minute, and its configuration says it all.
        """
        if self._log_mel is not None:
            frames = min(self._log_mel.frames, config.max_source_positions)
            return [(frames, config.d_model)] * (config.encoder_layers + 1)
        silence = np.zeros((1, self.samples), np.float32), np.array([self.samples])
        return [tuple(hidden.shape[1:]) for hidden in self._pass(self._inputs(*silence))]

    def _batch_rows(self) -> int:
        if self.context == "utterance":
            return 1
        # Whisper's clips are ten times as long as segments.
        return BATCH_ROWS if is_gpu(self._device) and self._log_mel is None else CPU_BATCH_ROWS

    def _prepared(self, encoder: Encoder, precision: str) -> nn.Module:
        model: Any = encoder.model.to(self._device)
        if precision == "float32":
            prepared: nn.Module = model
            return prepared
        if is_gpu(self._device):
            return in_bfloat16(model, self.batch_rows)
        if not encoder.hears_log_mel and self.context == "segment":
            model.set_attn_implementation("eager")  # faster than a CPU's fused one at 3 s
        return in_bfloat16(model, 1)

    def _chosen(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        hidden_states = self._pass(inputs)
        return {str(index): hidden_states[index] for index in sorted(self._kept)}

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
        most = self._log_mel.frames * self.context_segments
        return tuple(hidden_BTD[:, :most] for hidden_BTD in hidden)

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

    def _refuse(self, extractor: str, config: EncoderConfig, sample_rate_hz: int) -> None:
        hears = self._preprocessor.sampling_rate
        require(
            hears == sample_rate_hz,
            f"{extractor}.model {config.model} hears {hears} Hz, but segment.sample_rate_hz is "
            f"{sample_rate_hz}; change one of them",
        )
        require(
            self.samples >= self._receptive_field,
            f"{extractor}.model {config.model} needs {self._receptive_field} samples for a frame, "
            f"but a segment has {self.samples}; raise segment.duration_s",
        )

    def _fitting(self, extractor: str, config: EncoderConfig, sample_rate_hz: int) -> int:
        """How many whole segments are heard at once."""
        change = f"; change it, or set {extractor}.context: segment"
        require(
            self.samples % self._hop == 0 and self._has_all_frames(),
            f"{extractor}.context utterance needs segments of a whole number of frames "
            f"({self._hop} samples each), but segment.duration_s gives {self.samples}{change}",
        )
        fitting = round(config.context_s * sample_rate_hz) // self.samples
        require(
            fitting >= 1,
            f"{extractor}.context_s {config.context_s:g} is shorter than a segment{change}",
        )
        require(
            self._log_mel is None or fitting * self.samples <= self._log_mel.window,
            f"{extractor}.context_s {config.context_s:g} is more than the 30 seconds that Whisper "
            f"hears{change}",
        )
        return fitting

    def _has_all_frames(self) -> bool:
        """Whether every hidden state has a frame for each hop, as the cutting assumes."""
        after_first = (self.samples - self._receptive_field) // self._hop
        return all(frames == 1 + after_first for frames, _ in self.shapes)


def _receptive_field(config: Any) -> int:
    """Samples that one frame of the convolutions sees."""
    field = 1
    for kernel, stride in zip(config.conv_kernel[::-1], config.conv_stride[::-1], strict=True):
        field = (field - 1) * stride + kernel
    return field
