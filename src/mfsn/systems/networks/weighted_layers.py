"""Fits of the system `weighted_layers`, which also tell how much each layer counts."""

from __future__ import annotations

from dataclasses import dataclass

from safetensors.torch import load_file

from mfsn.base.files import write_json
from mfsn.runs.unit import Unit
from mfsn.systems.networks.fits import NetworkFits
from mfsn.training.data.fold_data import TrainingData
from mfsn.training.results import WEIGHTS

LAYER_WEIGHTS = "layer_weights.json"
"""Beside a model: each level, from early to late, with its weight. They add up to 1."""


@dataclass(frozen=True)
class WeightedLayersFits(NetworkFits):
    """Networks that add up the layers of an encoder."""

    def fit(self, unit: Unit, data: TrainingData) -> str:
        """Fit a unit as `NetworkFits.fit`, and write the weight of each layer beside it."""
        said = super().fit(unit, data)
        weights_L = load_file(unit.folder / WEIGHTS)["layer_logits_L"].softmax(dim=0).tolist()
        names = data.shapes.of("sec")
        of_each = zip(names, weights_L, strict=True)
        layers = [{"level": name, "weight": weight} for name, weight in of_each]
        write_json(unit.folder / LAYER_WEIGHTS, {"layers": layers})
        heaviest = max(range(len(names)), key=weights_L.__getitem__)
        return f"{said}; most weight on {names[heaviest]} ({weights_L[heaviest]:.0%})"
