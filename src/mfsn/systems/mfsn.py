"""MFSN: a search over how SEC should adjust TEC (arXiv 2306.09361)."""

from mfsn.models.config import NetworkParts
from mfsn.training.system import System

SYSTEM = System(
    name="mfsn",
    title="MFSN",
    description="searched fusion of SEC and TEC, co-attention with spectrogram and MFCC",
    reads={"sec": "all", "tec": "last", "spectrogram": ("level_db", "max_db"), "mfcc": ("mfcc",)},
    parameters=("model", "optimisation", "search"),
    after_search=("train",),
    search="mfsn.systems.searching.fits:SearchFits",
    fits="mfsn.systems.searching.fits:SearchedFits",
    scorer="mfsn.systems.networks.scorer:NetworkScorer",
    builds="mfsn.models.network:build_network",
    network=NetworkParts(encoders=("sec", "tec"), fused=True),
)
