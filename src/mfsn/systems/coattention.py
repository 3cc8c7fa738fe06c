"""Co-attention, the system that MFSN builds on (CA-MSER): one encoder."""

from mfsn.models.config import NetworkParts
from mfsn.training.system import System

SYSTEM = System(
    name="coattention",
    title="Co-attention",
    description="SEC's last level, guided by spectrogram and MFCC",
    reads={"sec": "last", "spectrogram": ("level_db", "max_db"), "mfcc": ("mfcc",)},
    parameters=("model", "optimisation"),
    fits="mfsn.systems.networks.fits:NetworkFits",
    scorer="mfsn.systems.networks.scorer:NetworkScorer",
    builds="mfsn.models.network:build_network",
    network=NetworkParts(encoders=("sec",)),
)
