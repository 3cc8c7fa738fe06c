"""Load the trained models that the train stage wrote, to predict with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mfsn.errors import TrainingError
from mfsn.models.base import Network
from mfsn.models.config import ModelConfig
from mfsn.models.inputs import InputShapes
from mfsn.runs.checkpoint import load_weights
from mfsn.training.model_record import read_record
from mfsn.training.results import MODEL, WEIGHTS
from mfsn.training.system import builder_of, get_system

if TYPE_CHECKING:
    from mfsn.models.network import SerNetwork


_NEEDED = {"system", "model", "shapes", "classes", "network", "level"}


@dataclass(frozen=True)
class SavedNetwork:
    """A trained network with what is needed to use it."""

    network: Network
    """In evaluation mode, on the CPU."""
    level: str
    """The SEC level to evaluate it at."""
    classes: tuple[str, ...]
    record: dict[str, Any]
    """All of model.json."""


def load_network(folder: Path) -> SavedNetwork:
    """Load the network of a fold and seed.

    Args:
        folder: of the outputs, such as models/Ses01-seed0. The classical baseline has no network:
            see `mfsn.systems.linear.model.LinearModel.load`.

    Raises:
        TrainingError: if model.json is missing or of another version, or the weights do not fit it.
        PredictionError: if model.json is damaged.
    """
    if not (folder / MODEL).is_file():
        raise TrainingError(f"{folder} holds no trained model; run `dvc repro` to train one")
    record = read_record(folder / MODEL, _NEEDED)
    system = get_system(record["system"])
    network = builder_of(system)(
        system.network,
        (system.config or ModelConfig).parse(record["model"], where=str(folder / MODEL)),
        _shapes(record, folder),
        len(record["classes"]),
        dimensions=len(record.get("dimensions", ())),
        pretrained=False,
    )
    if record["network"] == "derived":
        cast("SerNetwork", network).derive(record["operations"])
    load_weights(folder / WEIGHTS, network)
    return SavedNetwork(network.eval(), record["level"], tuple(record["classes"]), record)


def _shapes(record: Mapping[str, Any], folder: Path) -> InputShapes:
    try:
        return InputShapes.parse(record["shapes"])
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"{folder / MODEL} is of another version of mfsn; run `dvc repro` to train again"
        ) from error
