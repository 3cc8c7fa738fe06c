"""Parameters of protocols (params.yaml: protocol)."""

from __future__ import annotations

from pydantic import Field, field_validator

from mfsn import plugins
from mfsn.config import Config


class ProtocolConfig(Config):
    """How the corpus is divided into folds."""

    name: str
    """The protocol: one that docs/systems.md lists, or one of a plug-in."""
    folds: int = Field(5, ge=2)
    """Number of folds of the k-fold protocols. cross_corpus divides the speakers of each corpus
    into this number of groups; one group is for development, and one for the test within the
    corpus. Other protocols do not use it."""
    seed: int = Field(0, ge=0)
    """Seed for the k-fold protocols and cross_corpus, which shuffle."""
    file: str | None = None
    """The file that folds_from_file reads, or a folder of EmoBox or s3prl: a path relative to the
    workspace, or `ravdess_emobox`, which comes with mfsn."""

    @field_validator("name")
    @classmethod
    def _is_known(cls, name: str) -> str:
        return plugins.require_known("protocols", name)
