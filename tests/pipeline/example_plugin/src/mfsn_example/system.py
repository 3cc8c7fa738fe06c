"""System `centroids`: an utterance belongs to the class whose mean loudness is nearest."""

from __future__ import annotations

from pydantic import Field

from mfsn.config import Config
from mfsn.training.system import System


class CentroidsConfig(Config):
    """Parameters of the system (params.yaml: centroids)."""

    sharpness: float = Field(0.01, gt=0)
    """How fast a posterior falls with the squared distance in dB."""


SYSTEM = System(
    name="centroids",
    title="Nearest centroid",
    description="mean loudness, nearest class",
    reads={"loudness": ("level_db",)},
    parameters=(),
    fits="mfsn_example.fits:CentroidFits",
    scorer="mfsn_example.fits:CentroidScorer",
    pieces="utterances",
    config=CentroidsConfig,
)
