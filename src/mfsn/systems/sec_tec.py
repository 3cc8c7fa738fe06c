"""SEC + TEC: MFSN without its search; TEC is not changed."""

from mfsn.models.config import NetworkParts
from mfsn.training.system import System

SYSTEM = System(
    name="sec_tec",
    title="SEC + TEC",
    description="MFSN without search: SEC and TEC, co-attention with spectrogram and MFCC",
    reads={"sec": "last", "tec": "last", "spectrogram": ("level_db", "max_db"), "mfcc": ("mfcc",)},
    parameters=("model", "optimisation"),
    fits="mfsn.systems.networks.fits:NetworkFits",
    scorer="mfsn.systems.networks.scorer:NetworkScorer",
    builds="mfsn.models.network:build_network",
    network=NetworkParts(encoders=("sec", "tec")),
)
