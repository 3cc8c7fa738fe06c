"""Random-weight checkpoints: small encoders for places where nothing pretrained can be had.

`random/<recipe>` in params.yaml names one. It is written once, below the store, in the
transformers format, and then loaded through `from_pretrained` like any other checkpoint; its
config.json carries the mark by which every report calls it "random weights".

Random weights are no encoder of speech. Theirs are drawn so that the features keep what a bank of
random band-pass filters hears, loudness and its course over time included.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from safetensors import SafetensorError

from mfsn.config import sha256_of
from mfsn.errors import ModelLoadError
from mfsn.features.quiet import quiet_transformers
from mfsn.files import explain_full_disk
from mfsn.workspace import store_root

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

PREFIX = "random/"
MARK = "mfsn_random_weights"
"""Field of config.json that only these checkpoints carry: the recipe's name."""

SAMPLE_RATE_HZ = 16_000

# Raise it with every change of what a recipe writes, so that stored checkpoints are left behind.
_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Sizes of an encoder.

    The convolutions have the published kernels and strides: one frame every 20 ms, 149 for 3 s.
    """

    model_type: Literal["data2vec-audio", "wav2vec2"]
    width: int
    """Width of the transformer (hidden_size)."""
    layers: int
    heads: int
    channels: int
    """Channels of each of the seven convolutions."""
    seed: int

    @property
    def config(self) -> dict[str, object]:
        """The transformers configuration, but for the mark."""
        return {
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": 4 * self.width,
            "conv_dim": [self.channels] * 7,
            "layerdrop": 0.0,
        }


RECIPES = {
    "data2vec-audio-demo": Recipe("data2vec-audio", 48, 4, 4, 32, seed=1),
    "wav2vec2-demo": Recipe("wav2vec2", 48, 4, 4, 32, seed=2),
    "data2vec-audio-small": Recipe("data2vec-audio", 128, 6, 4, 64, seed=3),
    "wav2vec2-small": Recipe("wav2vec2", 128, 6, 4, 64, seed=4),
    "data2vec-audio-base": Recipe("data2vec-audio", 768, 12, 12, 512, seed=5),
    "wav2vec2-base": Recipe("wav2vec2", 768, 12, 12, 512, seed=6),
}
"""demo: seconds for the demo corpus. small: minutes for RAVDESS on two cores. base: the published
sizes, for benchmarks."""


def random_checkpoint(name: str) -> Path:
    """The folder of a random-weight checkpoint, written on first use.

    Args:
        name: the recipe, without `random/`.

    Returns:
        A folder with config.json, preprocessor_config.json and model.safetensors below the store.

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
    identity = sha256_of([_VERSION, dataclasses.asdict(recipe)])
    folder = store_root() / "checkpoints" / f"{name}-{identity[:12]}"
    if not folder.is_dir():
        _write(folder, name, recipe)
    return folder


def _write(folder: Path, name: str, recipe: Recipe) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with explain_full_disk(folder):
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            _save(temporary, name, recipe)
            temporary.chmod(0o755)
            temporary.rename(folder)
        except OSError:
            # Another process was faster: its checkpoint has the same bytes.
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _save(folder: Path, name: str, recipe: Recipe) -> None:
    from transformers import Wav2Vec2FeatureExtractor

    model = build(recipe)
    setattr(model.config, MARK, name)
    try:
        with quiet_transformers():
            model.save_pretrained(folder)
    except SafetensorError as error:
        raise _system_error(error) from error
    # wav2vec2 base was trained without an attention mask, data2vec with one.
    masks = recipe.model_type == "data2vec-audio"
    Wav2Vec2FeatureExtractor(
        sampling_rate=SAMPLE_RATE_HZ, do_normalize=True, return_attention_mask=masks
    ).save_pretrained(folder)
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _system_error(error: SafetensorError) -> OSError:
    """What the system said, of which safetensors keeps the text only."""
    number = re.search(r"os error (\d+)", str(error))
    return OSError(int(number[1]) if number else errno.EIO, str(error))


def build(recipe: Recipe) -> PreTrainedModel:
    """The model of a recipe, with the same weights on every machine."""
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
    """Draw matrices and kernels from U(-a, a) with variance gain^2 / fan-in; biases 0, norms 1.

    The usual deviation of 0.02 would nearly switch narrow layers off. Uniform numbers come from
    bits alone and are the same on every machine; normal ones go through logarithms that are not.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    for name, weight in sorted(model.named_parameters()):
        if name.endswith("parametrizations.weight.original0"):
            weight.fill_(_weight_norm(model, name))
        elif weight.ndim > 1:
            a = np.float32(_gain(name) * np.sqrt(3 / weight[0].numel()))
            drawn = generator.random(_drawn_shape(name, weight), dtype=np.float32)
            weight.copy_(torch.from_numpy((2 * drawn - 1) * a))
        else:
            weight.fill_(1.0 if name.endswith("weight") else 0.0)


def _gain(name: str) -> float:
    """Gain of a layer.

    The first convolution's is so low that the epsilon of the LayerNorm behind it lets loudness
    through, which it would divide out. A low gain at the end of each residual branch keeps the
    random attention from averaging the frames into one.
    """
    if name.startswith("feature_extractor.conv_layers.0."):
        return 0.003
    return 0.3 if "out_proj" in name or "output_dense" in name else 1.0


def _drawn_shape(name: str, weight: torch.Tensor) -> tuple[int, ...]:
    """Shape of the numbers drawn for a weight: one for all taps of the strided convolutions.

    Equal taps average before every second frame is dropped; independent ones alias, and the
    features come out close to noise. Those of the first convolution differ: they are the filters.
    """
    averages = name.startswith("feature_extractor.conv_layers.") and weight.shape[1] > 1
    return (*weight.shape[:2], 1) if averages else tuple(weight.shape)


def _weight_norm(model: PreTrainedModel, name: str) -> float:
    """Magnitude that leaves a weight-normalised kernel at its drawn scale: the expected norm."""
    direction = model.get_parameter(name.removesuffix("0") + "1")
    return float(np.sqrt(direction[..., 0].numel() / direction[0].numel()))
