"""Random-weight checkpoints: small encoders for machines that have no pretrained one.

`random/<recipe>` in params.yaml names one. It is written once, below the store, in the transformers
format. Then it is loaded with `from_pretrained` as any other checkpoint is. A mark in its
config.json lets every report call it "random weights".

An encoder with random weights has learnt nothing about speech. The weights are drawn in such a way
that its features show what a bank of random band-pass filters hears, and how loudness changes over
time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import logging
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError

from mfsn.base.files import explain_full_disk, read_json
from mfsn.base.sealed import SEAL, is_sealed, is_whole, seal_folder
from mfsn.config import sha256_of
from mfsn.encoders.hub import PREFIX
from mfsn.encoders.transformers_logging import quiet_transformers
from mfsn.errors import MfsnError, ModelLoadError
from mfsn.workspace import store_root

if TYPE_CHECKING:
    from transformers import (
        PreTrainedConfig,
        PreTrainedModel,
        Wav2Vec2FeatureExtractor,
        WhisperFeatureExtractor,
    )

MARK = "mfsn_random_weights"
"""Field of config.json that only these checkpoints have: the name of the recipe."""

SAMPLE_RATE_HZ = 16_000

_CHECKED: set[Path] = set()
"""Folders that this process has compared with their seal."""

log = logging.getLogger(__name__)

# WavLM's gate of the relative positions, one number per head; in training it begins as 1 too.
_CONSTANT = "gru_rel_pos_const"

# The positions of Whisper, which are computed and not learnt.
_SINUSOIDS = "encoder.embed_positions.weight"

# Raise it with every change of what a recipe writes, so that older checkpoints are not used.
_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Sizes of an encoder.

    The convolutions have the published kernels and strides: one frame every 20 ms, 149 for 3 s.
    """

    model_type: Literal["data2vec-audio", "hubert", "wav2vec2", "wavlm", "whisper"]
    width: int
    """Width of the transformer (hidden_size)."""
    layers: int
    heads: int
    channels: int
    """Channels of each of the seven convolutions; for whisper the number of mel bins."""
    seed: int
    layout: Literal["base", "large"] = "base"
    """Where the norms are. base: a group norm over the first convolution, and norms after the
    layers; data2vec has a layer norm over each convolution. large: a layer norm over each
    convolution, and norms before the layers."""

    @property
    def hears_mask(self) -> bool:
        """Whether it takes an attention mask. Those published with a group norm do not."""
        return self.model_type == "data2vec-audio" or self.layout == "large"

    @property
    def identity(self) -> str:
        """Hash of what a checkpoint of this recipe holds (hexadecimal)."""
        fields = dataclasses.asdict(self)
        if self.layout == "base":  # older checkpoints knew no other
            del fields["layout"]
        return sha256_of([_VERSION, fields])

    @property
    def config(self) -> dict[str, object]:
        """The transformers configuration, without the mark."""
        if self.model_type == "whisper":
            return self._whisper_config
        norms = {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}
        return {
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": 4 * self.width,
            "conv_dim": [self.channels] * 7,
            "layerdrop": 0.0,
            **(norms if self.layout == "large" else {}),
        }

    @property
    def _whisper_config(self) -> dict[str, object]:
        """The configuration with the smallest decoder, which is never used."""
        tokens = ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id")
        return {
            "d_model": self.width,
            "encoder_layers": self.layers,
            "encoder_attention_heads": self.heads,
            "encoder_ffn_dim": 4 * self.width,
            "num_mel_bins": self.channels,
            "decoder_layers": 1,
            "decoder_attention_heads": 1,
            "decoder_ffn_dim": 1,
            "max_target_positions": 1,
            "vocab_size": 2,
            **dict.fromkeys(tokens, 1),
        }


RECIPES = {
    "data2vec-audio-demo": Recipe("data2vec-audio", 48, 4, 4, 32, seed=1),
    "wav2vec2-demo": Recipe("wav2vec2", 48, 4, 4, 32, seed=2),
    "data2vec-audio-small": Recipe("data2vec-audio", 128, 6, 4, 64, seed=3),
    "wav2vec2-small": Recipe("wav2vec2", 128, 6, 4, 64, seed=4),
    "data2vec-audio-base": Recipe("data2vec-audio", 768, 12, 12, 512, seed=5),
    "wav2vec2-base": Recipe("wav2vec2", 768, 12, 12, 512, seed=6),
    "hubert-demo": Recipe("hubert", 48, 4, 4, 32, seed=7),
    "wavlm-demo": Recipe("wavlm", 48, 4, 4, 32, seed=8),
    "hubert-small": Recipe("hubert", 128, 6, 4, 64, seed=9),
    "wavlm-small": Recipe("wavlm", 128, 6, 4, 64, seed=10),
    "hubert-base": Recipe("hubert", 768, 12, 12, 512, seed=11),
    "wavlm-base": Recipe("wavlm", 768, 12, 12, 512, seed=12),
    "whisper-demo": Recipe("whisper", 48, 4, 4, 80, seed=22),
    "whisper-small": Recipe("whisper", 128, 6, 4, 80, seed=23),
    "whisper-base": Recipe("whisper", 512, 6, 8, 80, seed=24),
    "wav2vec2-large": Recipe("wav2vec2", 1024, 24, 16, 512, seed=13, layout="large"),
    "hubert-large": Recipe("hubert", 1024, 24, 16, 512, seed=25, layout="large"),
    "wavlm-large": Recipe("wavlm", 1024, 24, 16, 512, seed=26, layout="large"),
    "data2vec-audio-large": Recipe("data2vec-audio", 1024, 24, 16, 512, seed=27),
    "wav2vec2-large-demo": Recipe("wav2vec2", 64, 6, 4, 32, seed=14, layout="large"),
    "hubert-large-demo": Recipe("hubert", 64, 6, 4, 32, seed=15, layout="large"),
    "wavlm-large-demo": Recipe("wavlm", 64, 6, 4, 32, seed=16, layout="large"),
    "data2vec-audio-large-demo": Recipe("data2vec-audio", 64, 6, 4, 32, seed=17),
    "wav2vec2-large-small": Recipe("wav2vec2", 160, 8, 4, 64, seed=18, layout="large"),
    "hubert-large-small": Recipe("hubert", 160, 8, 4, 64, seed=19, layout="large"),
    "wavlm-large-small": Recipe("wavlm", 160, 8, 4, 64, seed=20, layout="large"),
    "data2vec-audio-large-small": Recipe("data2vec-audio", 160, 8, 4, 64, seed=21),
}
"""demo takes seconds for the demo corpus, small takes minutes for RAVDESS on two cores. base and
large are the published sizes, for benchmarks; large-demo and large-small have the layout of the
large ones only."""


def random_checkpoint(name: str) -> Path:
    """The folder of a random-weight checkpoint, written on first use.

    Args:
        name: the recipe, without `random/`.

    Returns:
        A folder below the store with config.json, preprocessor_config.json and model.safetensors.

    Raises:
        ModelLoadError: if there is no such recipe.
        StorageFullError: if the disk is full; nothing half-written is left.
    """
    if name not in RECIPES:
        raise ModelLoadError(
            f"{PREFIX}{name} is not a recipe for a random-weight encoder; "
            f"known are {', '.join(PREFIX + known for known in RECIPES)}"
        )
    recipe = RECIPES[name]
    folder = store_root() / "checkpoints" / f"{name}-{recipe.identity[:12]}"
    if folder not in _CHECKED or not folder.is_dir():
        _ensure(folder, name, recipe)
        _CHECKED.add(folder)
    return folder


def _ensure(folder: Path, name: str, recipe: Recipe) -> None:
    """Write a checkpoint, unless it is there as it was written.

    One without a seal, which an older version wrote, is compared with a new one and kept if it has
    the same content.
    """
    if is_whole(folder):
        return
    if folder.is_dir() and not is_sealed(folder) and _is_right(folder, name, recipe):
        with contextlib.suppress(OSError, MfsnError):  # a store that cannot be written
            seal_folder(folder)
        return
    if folder.is_dir():
        log.warning("%s is damaged; it is written again", folder)
        shutil.rmtree(folder)
    _write(folder, name, recipe)


def _is_right(folder: Path, name: str, recipe: Recipe) -> bool:
    """Whether a checkpoint has the content that is written now; versions in it may be older."""
    with tempfile.TemporaryDirectory() as temporary:
        _save(Path(temporary), name, recipe)
        new = [path for path in Path(temporary).iterdir() if path.name != SEAL]
        return all(_content(folder / path.name) == _content(path) for path in new)


def _content(path: Path) -> Any:
    if not path.is_file():
        return None
    if path.suffix != ".json":
        return path.read_bytes()
    with contextlib.suppress(ValueError):
        return {k: v for k, v in read_json(path).items() if k != "transformers_version"}
    return None


def _write(folder: Path, name: str, recipe: Recipe) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with explain_full_disk(folder):
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            _save(temporary, name, recipe)
            temporary.chmod(0o755)
            temporary.rename(folder)
        except OSError:
            # Another process was faster, and its checkpoint has the same bytes.
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _save(folder: Path, name: str, recipe: Recipe) -> None:
    model = build(recipe)
    setattr(model.config, MARK, name)
    try:
        with quiet_transformers():
            model.save_pretrained(folder)
    except SafetensorError as error:
        raise _system_error(error) from error
    _preprocessor(recipe).save_pretrained(folder)
    seal_folder(folder)
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _preprocessor(recipe: Recipe) -> Wav2Vec2FeatureExtractor | WhisperFeatureExtractor:
    from transformers import Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

    if recipe.model_type == "whisper":
        return WhisperFeatureExtractor(feature_size=recipe.channels, sampling_rate=SAMPLE_RATE_HZ)
    return Wav2Vec2FeatureExtractor(
        sampling_rate=SAMPLE_RATE_HZ, do_normalize=True, return_attention_mask=recipe.hears_mask
    )


def _system_error(error: SafetensorError) -> OSError:
    """The error of the operating system, of which safetensors keeps only the text."""
    number = re.search(r"os error (\d+)", str(error))
    return OSError(int(number[1]) if number else errno.EIO, str(error))


def build(recipe: Recipe) -> PreTrainedModel:
    """The model of a recipe; its weights are the same on every machine."""
    from transformers import AutoModel

    model: PreTrainedModel = AutoModel.from_config(_config(recipe))
    _draw_weights(model, recipe.seed)
    model.eval()
    return model


def _config(recipe: Recipe) -> PreTrainedConfig:
    from transformers import AutoConfig

    return AutoConfig.for_model(recipe.model_type, **recipe.config)


@torch.no_grad()
def _draw_weights(model: PreTrainedModel, seed: int) -> None:
    """Draw matrices and kernels from U(-a, a) with variance gain^2 / fan-in.

    Biases are 0 and norms are 1. The usual standard deviation of 0.02 would nearly switch narrow
    layers off. Uniform numbers are made of bits alone, so they are the same on every machine.
    Normal ones need logarithms, which differ between machines.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    for name, weight in sorted(model.named_parameters()):
        if name.endswith("parametrizations.weight.original0"):
            weight.fill_(_weight_norm(model, name))
        elif name == _SINUSOIDS:
            continue
        elif weight.ndim > 1 and not name.endswith(_CONSTANT):
            a = np.float32(_gain(name) * np.sqrt(3 / weight[0].numel()))
            drawn = generator.random(_drawn_shape(name, weight), dtype=np.float32)
            weight.copy_(torch.from_numpy((2 * drawn - 1) * a))
        else:
            weight.fill_(1.0 if name.endswith(("weight", _CONSTANT)) else 0.0)


def _gain(name: str) -> float:
    """Gain of a layer.

    The LayerNorm after the first convolution would divide loudness out. The gain of that
    convolution is so low that the epsilon of the LayerNorm lets loudness through. A low gain at the
    end of each residual branch keeps the random attention from averaging all frames into one.
    """
    if name.startswith("feature_extractor.conv_layers.0."):
        return 0.003
    return 0.3 if any(end in name for end in ("out_proj", "output_dense", "fc2")) else 1.0


def _drawn_shape(name: str, weight: torch.Tensor) -> tuple[int, ...]:
    """Shape of the numbers that are drawn for a weight.

    In the strided convolutions after the first one, all taps have the same weight. Such a
    convolution averages before it drops every second frame. With independent taps there would be
    aliasing, and the features would be close to noise. The taps of the first convolution differ,
    because they are the filters.
    """
    averages = name.startswith("feature_extractor.conv_layers.") and weight.shape[1] > 1
    return (*weight.shape[:2], 1) if averages else tuple(weight.shape)


def _weight_norm(model: PreTrainedModel, name: str) -> float:
    """The magnitude with which a weight-normalised kernel keeps the scale that was drawn."""
    direction = model.get_parameter(name.removesuffix("0") + "1")
    return float(np.sqrt(direction[..., 0].numel() / direction[0].numel()))
