"""Weights and states on disk."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mfsn.base.sealed import write_sealed
from mfsn.errors import StorageFullError, TrainingError
from mfsn.runs.checkpoint import (
    DAMAGED,
    STATE,
    epoch_weights,
    load_state,
    load_weights,
    save_state,
    save_weights,
    state_is_whole,
)


def network(seed: int = 0, width: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width))


def test_equal_weights_give_equal_bytes_and_come_back(tmp_path: Path) -> None:
    save_weights(tmp_path / "a", network())
    save_weights(tmp_path / "b", network())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    other = network(seed=1)
    load_weights(tmp_path / "a", other)
    stored = load_file(tmp_path / "a")
    for name, value in network().state_dict().items():
        assert torch.equal(other.state_dict()[name], value)
        assert torch.equal(stored[name], value)


def test_tensors_that_share_memory_are_written_whole(tmp_path: Path) -> None:
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    save_weights(tmp_path / "tied", tied)
    assert set(load_file(tmp_path / "tied")) == {"0.weight", "0.bias", "1.weight", "1.bias"}


@pytest.mark.parametrize("spoil", ["missing", "truncated", "another network"])
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "weights"
    save_weights(path, network(width=4 if spoil == "another network" else 3))
    if spoil == "missing":
        path.unlink()
    if spoil == "truncated":
        path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(TrainingError, match="weights cannot be read into this network"):
        load_weights(path, network())


def test_a_state_comes_back_with_torchs_random_state(tmp_path: Path) -> None:
    torch.manual_seed(5)
    state: dict[str, Any] = {"history": [{"epoch": 1, "loss": 0.1 + 0.2}], "tensor": torch.ones(2)}
    save_state(tmp_path, state, "cpu", keep=[])
    expected = torch.rand(3)
    torch.manual_seed(6)
    found = load_state(tmp_path, "cpu")
    assert found is not None
    assert found["history"] == state["history"]
    assert torch.equal(torch.rand(3), expected)


def test_where_there_is_no_state_there_is_none(tmp_path: Path) -> None:
    assert load_state(tmp_path, "cpu") is None


def test_the_state_of_another_kind_of_device_counts_as_none(tmp_path: Path) -> None:
    save_state(tmp_path, {}, "cpu", keep=[])
    assert load_state(tmp_path, "cuda:1") is None


def test_only_the_weights_of_chosen_epochs_are_kept(tmp_path: Path) -> None:
    for epoch in (1, 2, 3):
        save_weights(epoch_weights(tmp_path, epoch), network())
    save_state(tmp_path, {}, "cpu", keep={1, 3})
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["epoch-0001.safetensors", "epoch-0003.safetensors", STATE]


def test_a_state_is_never_unpickled_into_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    content = io.BytesIO()
    torch.save({"device": "cpu", "kept": {}, "evil": Evil()}, content)
    write_sealed(tmp_path / STATE, content.getvalue())
    assert load_state(tmp_path, "cpu") is None
    assert not (tmp_path / "ran").exists()


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_state(tmp_path, {"history": ["old"]}, "cpu", keep=[])

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageFullError, match="no space left on the disk"):
        save_state(tmp_path, {"history": ["new"]}, "cpu", keep=[])
    found = load_state(tmp_path, "cpu")
    assert found is not None
    assert found["history"] == ["old"]


def test_a_flipped_bit_anywhere_leaves_the_state_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(0)
    save_weights(epoch_weights(tmp_path, 1), network())
    for trial in range(60):
        save_state(tmp_path, {"history": [1.5, 2.5], "network": torch.ones(3)}, "cpu", keep=[1])
        assert state_is_whole(tmp_path)
        flip(tmp_path / STATE, rng)
        torch.manual_seed(trial)
        expected = torch.get_rng_state()
        assert load_state(tmp_path, "cpu") is None
        assert torch.equal(torch.get_rng_state(), expected)
        assert (tmp_path / DAMAGED).is_file()
        assert caplog.messages == [
            f"{tmp_path / STATE} is damaged and is now {DAMAGED}; this training begins again"
        ]
        caplog.clear()


@pytest.mark.parametrize("spoil", ["flip", "delete"])
def test_a_state_whose_weights_are_damaged_is_left_aside(tmp_path: Path, spoil: str) -> None:
    save_weights(epoch_weights(tmp_path, 1), network())
    save_state(tmp_path, {}, "cpu", keep=[1])
    if spoil == "flip":
        flip(epoch_weights(tmp_path, 1), np.random.default_rng(1))
    else:
        epoch_weights(tmp_path, 1).unlink()
    assert not state_is_whole(tmp_path)
    assert load_state(tmp_path, "cpu") is None


def flip(path: Path, rng: np.random.Generator) -> None:
    """Flip one bit."""
    data = bytearray(path.read_bytes())
    data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)
