"""AlexNet's convolutions and where their weights come from."""

from __future__ import annotations

import os
import urllib.error
from pathlib import Path
from typing import NoReturn

import pytest
import torch

from mfsn.errors import ConfigError, ModelLoadError
from mfsn.models.alexnet import AlexNetFeatures, average_pool, load_imagenet

CHECKPOINT = Path("hub", "checkpoints", "alexnet-owt-7be5be79.pth")


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torch looks for the ImageNet weights."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / CHECKPOINT
    path.parent.mkdir(parents=True)
    return path


def no_network(*_: object, **__: object) -> NoReturn:
    raise urllib.error.URLError("no route")


def test_width_scales_every_layer() -> None:
    kernels = [tuple(w.shape[:2]) for w in AlexNetFeatures(0.125).parameters() if w.ndim == 4]
    assert kernels == [(8, 3), (24, 8), (48, 24), (32, 48), (32, 32)]


def test_a_tiny_width_keeps_one_channel() -> None:
    assert AlexNetFeatures(1e-6).outputs == 36


def test_outputs_are_counted_right() -> None:
    alexnet = AlexNetFeatures(0.125)
    assert alexnet(torch.randn(2, 3, 64, 96)).flatten(1).shape == (2, alexnet.outputs)


def test_the_smallest_image_is_63_pixels() -> None:
    alexnet = AlexNetFeatures(0.02)
    assert alexnet.features(torch.randn(1, 3, 63, 63)).shape[2:] == (1, 1)
    with pytest.raises(RuntimeError, match="too small"):
        alexnet.features(torch.randn(1, 3, 62, 63))


def test_pooling_one_pixel_repeats_it() -> None:
    assert torch.equal(
        average_pool(torch.full((1, 1, 1, 1), 3.0), 6), torch.full((1, 1, 6, 6), 3.0)
    )


def test_loads_weights_that_lie_on_disk(checkpoint: Path) -> None:
    torch.manual_seed(1)
    published = AlexNetFeatures()
    extra = {"classifier.1.weight": torch.zeros(2, 2)}
    torch.save(published.state_dict() | extra, checkpoint)
    alexnet = AlexNetFeatures()
    load_imagenet(alexnet)
    for name, weight in alexnet.state_dict().items():
        assert torch.equal(weight, published.state_dict()[name])


def test_offline_without_a_file_is_one_sentence(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.hub.urlopen", no_network)
    with pytest.raises(ModelLoadError, match=r"no route.*model\.alexnet_weights: random"):
        load_imagenet(AlexNetFeatures())
    assert not checkpoint.exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut short"])
def test_a_damaged_file_is_one_sentence(checkpoint: Path, content: bytes) -> None:
    checkpoint.write_bytes(content)
    with pytest.raises(ModelLoadError, match="ImageNet weights cannot be loaded"):
        load_imagenet(AlexNetFeatures())


@pytest.mark.parametrize("content", [{"features.0.weight": torch.zeros(1)}, torch.zeros(1)])
def test_a_checkpoint_of_another_network_is_refused(checkpoint: Path, content: object) -> None:
    torch.save(content, checkpoint)
    with pytest.raises(ModelLoadError, match="of another network; delete it") as raised:
        load_imagenet(AlexNetFeatures())
    assert "\n" not in str(raised.value)


class MakesFolder:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_checkpoint_cannot_run_code(checkpoint: Path, tmp_path: Path) -> None:
    torch.save({"features.0.weight": MakesFolder(tmp_path / "made")}, checkpoint)
    with pytest.raises(ModelLoadError, match="ImageNet weights cannot be loaded"):
        load_imagenet(AlexNetFeatures())
    assert not (tmp_path / "made").exists()


def test_imagenet_weights_fit_one_width_only() -> None:
    with pytest.raises(ConfigError, match=r"needs model\.alexnet_width: 1\.0"):
        load_imagenet(AlexNetFeatures(0.5))
