"""Loads an audio encoder in the transformers format, or says in one sentence why it cannot."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mfsn.encoders.hub import PREFIX, find_folder, first_sentence
from mfsn.encoders.random_weights import MARK
from mfsn.encoders.transformers_logging import quiet_transformers
from mfsn.errors import ModelLoadError

if TYPE_CHECKING:
    from transformers import (
        PreTrainedConfig,
        PreTrainedModel,
        Wav2Vec2FeatureExtractor,
        WhisperFeatureExtractor,
    )

# Fields of a configuration that decide nothing in inference: names, heads, training, bookkeeping.
_IDLE_FIELDS = {
    MARK,
    "apply_spec_augment",
    "architectures",
    "auto_map",
    "classifier_proj_size",
    "codevector_dim",
    "diversity_loss_weight",
    "dtype",
    "gradient_checkpointing",
    "id2label",
    "initializer_range",
    "label2id",
    "layerdrop",
    "num_negatives",
    "output_attentions",
    "output_hidden_states",
    "problem_type",
    "proj_codevector_dim",
    "return_dict",
    "torch_dtype",
    "transformers_version",
    "use_weighted_layer_sum",
    "vocab_size",
    "xvector_output_dim",
}
_IDLE_PREFIXES = ("_", "contrastive_", "ctc_", "mask_", "num_codevector", "tdnn_")
_IDLE_SUFFIXES = ("_dropout", "_token_id")

# Fields of Whisper's configuration that decide its encoder; the others are about the decoder.
_WHISPER_FIELDS = (
    "activation_function",
    "d_model",
    "encoder_attention_heads",
    "encoder_ffn_dim",
    "encoder_layers",
    "max_source_positions",
    "model_type",
    "num_mel_bins",
    "scale_embedding",
)
_WAVE_FIELDS = ("do_normalize", "padding_value", "return_attention_mask", "sampling_rate")
_LOG_MEL_FIELDS = (
    "chunk_length", "dither", "feature_size", "hop_length", "n_fft", "padding_value",
    "sampling_rate",
)  # fmt: skip

# It replaces masked frames in training only; checkpoints fine-tuned elsewhere may lack it.
_IDLE_WEIGHT = "masked_spec_embed"


@dataclass(frozen=True)
class Encoder:
    """A loaded encoder in eval mode, float32, on the CPU, with its own preprocessor."""

    model: nn.Module
    config: PreTrainedConfig
    preprocessor: Any
    """From transformers: Wav2Vec2FeatureExtractor, or WhisperFeatureExtractor for Whisper."""

    @property
    def hears_log_mel(self) -> bool:
        """Whether it is Whisper's encoder, which hears log-mel spectrograms. Others hear waves."""
        return self.config.model_type == "whisper"

    @property
    def layers(self) -> int:
        """The number of its layers; it has one more hidden state."""
        name = "encoder_layers" if self.hears_log_mel else "num_hidden_layers"
        return int(getattr(self.config, name))

    @property
    def random(self) -> bool:
        """Whether its weights are random (see `mfsn.encoders.random_weights`)."""
        return hasattr(self.config, MARK)

    def identity(self) -> dict[str, Any]:
        """What decides what it computes: a hash of its weights, configuration and preprocessor.

        Its name and the format of its files do not count.
        """
        return {
            "weights": weights_sha256(self.model.state_dict()),
            "config": self._working_config(),
            "preprocessor": {
                name: getattr(self.preprocessor, name)
                for name in (_LOG_MEL_FIELDS if self.hears_log_mel else _WAVE_FIELDS)
            },
        }

    def _working_config(self) -> dict[str, Any]:
        config = self.config.to_dict()
        if self.hears_log_mel:
            return {name: config[name] for name in _WHISPER_FIELDS}
        return _working_fields(config)


def load_encoder(name: str, revision: str | None) -> Encoder:
    """Load an encoder and its preprocessor.

    Weights are read as safetensors, or else from a `.bin` file with `weights_only=True`, so nothing
    is unpickled. Code that a checkpoint brings along is not run. Whisper's decoder is left out.

    Args:
        name: `random/<recipe>`, a local folder, or a name on the hub.
        revision: on the hub; None is its main branch.

    Raises:
        ConfigError: if a revision is given for a checkpoint that has none.
        ModelLoadError: if it cannot be found or read, lacks weights, or is neither an encoder of
            waveforms nor Whisper.
    """
    folder = find_folder(name, revision)
    try:
        with quiet_transformers():
            preprocessor = _load_preprocessor(folder)
            model = _load_model(folder)
            return Encoder(model, model.config, preprocessor)
    except Exception as error:  # transformers lets through whatever its parsers of files raise
        raise ModelLoadError(
            f"{name} cannot be loaded as an audio encoder: {first_sentence(error)}; give a folder "
            "or hub name of the wav2vec 2.0 family (wav2vec2, data2vec-audio, hubert, wavlm, ...) "
            f"or of Whisper, or a random-weight encoder such as {PREFIX}wav2vec2-demo"
        ) from error


def weights_sha256(weights: Mapping[str, Tensor]) -> str:
    """Hash of names, dtypes, shapes and values, in the order of names (hexadecimal)."""
    digest = hashlib.sha256()
    for name, values in sorted(weights.items()):
        if name.endswith(_IDLE_WEIGHT):
            continue
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _load_model(folder: Path) -> PreTrainedModel:
    from transformers import AutoModel

    model, report = AutoModel.from_pretrained(
        folder,
        dtype=torch.float32,
        weights_only=True,
        trust_remote_code=False,
        local_files_only=True,
        output_loading_info=True,
    )
    missing = sorted(key for key in report["missing_keys"] if not key.endswith(_IDLE_WEIGHT))
    if missing:
        raise ModelLoadError(f"{len(missing)} of its weights are missing, first {missing[0]}")
    encoder = _encoder_of(model)
    encoder.eval()
    return encoder


def _encoder_of(model: Any) -> PreTrainedModel:
    if model.config.model_type == "whisper":
        encoder: PreTrainedModel = model.get_encoder()
        return encoder
    if model.main_input_name != "input_values" or model.config.is_encoder_decoder:
        raise ModelLoadError(f"{type(model).__name__} is not an encoder of waveforms, nor Whisper")
    found: PreTrainedModel = model
    return found


def _load_preprocessor(folder: Path) -> Wav2Vec2FeatureExtractor | WhisperFeatureExtractor:
    from transformers import AutoFeatureExtractor, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

    preprocessor = AutoFeatureExtractor.from_pretrained(
        folder, trust_remote_code=False, local_files_only=True
    )
    if not isinstance(preprocessor, Wav2Vec2FeatureExtractor | WhisperFeatureExtractor):
        raise ModelLoadError(
            f"{type(preprocessor).__name__} gives neither waveforms nor Whisper's spectrograms"
        )
    return preprocessor


def _working_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in sorted(config.items())
        if name not in _IDLE_FIELDS
        and not name.startswith(_IDLE_PREFIXES)
        and not name.endswith(_IDLE_SUFFIXES)
    }
