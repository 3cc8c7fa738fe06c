"""Parameters of protocols (params.yaml: protocol)."""

from __future__ import annotations

from pydantic import Field, field_validator

from mfsn import plugins
from mfsn.config import Config


class ProtocolConfig(Config):
    """How folds are made."""

    name: str
    """How the corpus is divided; see docs/systems.md."""
    folds: int = Field(5, ge=2)
    """Number of folds of the k-fold protocols. cross_corpus: the speakers of each corpus are parted
    into as many groups, of which one is for development and one for the test within the corpus.
    The others ignore it."""
    seed: int = Field(0, ge=0)
    """Seed of the shuffle of the k-fold protocols and of cross_corpus."""
    file: str | None = None
    """For folds_from_file: `ravdess_emobox` (shipped) or a path relative to the workspace."""

    @field_validator("name")
    @classmethod
    def _is_known(cls, name: str) -> str:
        return plugins.require_known("protocols", name)
