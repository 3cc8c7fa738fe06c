"""What is extracted (params.yaml: extract)."""

from __future__ import annotations

from pydantic import Field, field_validator

from mfsn.config import Config


class ExtractConfig(Config):
    """Which extractors the pipeline has, and whether all of them run."""

    extractors: list[str] = Field(
        ["sec", "tec", "spectrogram", "mfcc", "functionals"], min_length=1
    )
    """Names of extractors. Each has a stage `extract@NAME` and a section of params.yaml with its
    name. Add the names of plug-ins here. A stage extracts only if the system reads its rows."""
    unread: bool = False
    """Also extract what the system does not read, to look at features or to share them."""

    @field_validator("extractors")
    @classmethod
    def _are_distinct(cls, names: list[str]) -> list[str]:
        if len(set(names)) != len(names):
            raise ValueError("extractors holds a name twice")
        return names
