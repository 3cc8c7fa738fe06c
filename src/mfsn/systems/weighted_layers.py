"""Weighted layers: the usual probe of a frozen encoder; the weight of each layer is learnt."""

from mfsn.models.weighted_layers_config import WeightedLayersConfig
from mfsn.training.system import System

SYSTEM = System(
    name="weighted_layers",
    title="weighted layers",
    description="a sum of all SEC levels with learnt weights, pooled over time",
    reads={"sec": "all"},
    parameters=("optimisation",),
    fits="mfsn.systems.networks.weighted_layers:WeightedLayersFits",
    scorer="mfsn.systems.networks.scorer:NetworkScorer",
    builds="mfsn.models.weighted_layers:build",
    config=WeightedLayersConfig,
)
