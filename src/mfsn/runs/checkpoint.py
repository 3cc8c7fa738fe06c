"""Weights as safetensors, and the state of an unfinished training.

After each epoch the state is written, whole or not at all. A training that was killed goes on from
it, and its result has the same bytes as without the kill. The weights of an epoch that a rule chose
are separate files, so that they are written once. The state has a checksum, and holds those of the
weights. If one of them is wrong, the state is left aside and the training begins again.
"""

from __future__ import annotations

import io
import logging
import pickle
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from mfsn.base.files import write_bytes
from mfsn.base.sealed import file_sha256, read_sealed, write_sealed
from mfsn.errors import TrainingError

STATE = "state.pt"
DAMAGED = "state.damaged"
"""The name of a state that is left aside."""

_DAMAGE = (OSError, ValueError, KeyError, RuntimeError, EOFError, pickle.UnpicklingError)

log = logging.getLogger(__name__)


def save_weights(path: Path, network: nn.Module) -> None:
    """Write parameters and buffers as safetensors; the same values give the same bytes."""
    tensors = {name: value.cpu().clone() for name, value in network.state_dict().items()}
    write_bytes(path, save(tensors))


def load_weights(path: Path, network: nn.Module) -> None:
    """Read the weights that `save_weights` wrote into a network of the same shapes.

    Raises:
        TrainingError: if the file is missing or damaged, or belongs to another network.
    """
    try:
        network.load_state_dict(load(path.read_bytes()))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise TrainingError(
            f"{path}: these weights cannot be read into this network; run `dvc repro` to compute "
            "them again"
        ) from error


def epoch_weights(folder: Path, epoch: int) -> Path:
    """The file for the weights of one epoch of an unfinished training."""
    return folder / f"epoch-{epoch:04d}.safetensors"


def save_state(folder: Path, state: dict[str, Any], device: str, keep: Collection[int]) -> None:
    """Write the state after an epoch, then remove the weights of epochs that are not needed now.

    Args:
        folder: the working folder of the training.
        state: tensors and plain values; the random state of torch is added.
        device: the device on which the training runs.
        keep: the epochs whose weights are still needed.

    Raises:
        StorageFullError: if the disk is full; the state from before is kept.
    """
    added = {"device": torch.device(device).type, "random": _random_state(device)}
    content = io.BytesIO()  # because torch does not report a full disk when it writes a file
    needed = {epoch_weights(folder, epoch) for epoch in keep}
    sums = {path.name: file_sha256(path) for path in sorted(needed)}
    torch.save(state | added | {"kept": sums}, content)
    write_sealed(folder / STATE, content.getvalue())
    for path in set(folder.glob("epoch-*.safetensors")) - needed:
        path.unlink()


def load_state(folder: Path, device: str) -> dict[str, Any] | None:
    """Read the state to go on from, and restore the random state of torch.

    Returns:
        The state, or None if there is none. The state of another kind of device counts as none,
        because that device rounds differently. A damaged one is renamed, which is logged, and
        counts as none too.
    """
    path = folder / STATE
    if not path.is_file():
        return None
    try:
        state = _read(path)
    except _DAMAGE:
        aside = path.with_name(DAMAGED)
        path.replace(aside)
        log.warning("%s is damaged and is now %s; this training begins again", path, aside.name)
        return None
    if state["device"] != torch.device(device).type:
        return None
    _restore_random_state(state["random"], device)
    return state


def state_is_whole(folder: Path) -> bool:
    """Whether the state in a folder, and the weights that it needs, are as they were written."""
    try:
        _read(folder / STATE)
    except _DAMAGE:
        return False
    return True


def _read(path: Path) -> dict[str, Any]:
    content = io.BytesIO(read_sealed(path))
    state: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
    for name, sha256 in state["kept"].items():
        if file_sha256(path.with_name(name)) != sha256:
            raise ValueError(f"{name} is not as it was written")
    return state


def _random_state(device: str) -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    return state | ({"cuda": torch.cuda.get_rng_state(device)} if device != "cpu" else {})


def _restore_random_state(state: dict[str, Tensor], device: str) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
