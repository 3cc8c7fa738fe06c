"""Acoustic: what spectrogram and MFCC alone can tell."""

from mfsn.models.config import NetworkParts
from mfsn.training.system import System

SYSTEM = System(
    name="acoustic",
    title="acoustic",
    description="spectrogram and MFCC only",
    reads={"spectrogram": ("level_db", "max_db"), "mfcc": ("mfcc",)},
    parameters=("model", "optimisation"),
    fits="mfsn.systems.networks.fits:NetworkFits",
    scorer="mfsn.systems.networks.scorer:NetworkScorer",
    builds="mfsn.models.network:build_network",
    network=NetworkParts(),
)
