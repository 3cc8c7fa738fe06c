"""What is extracted (params.yaml: extract)."""

from __future__ import annotations

from pydantic import Field, field_validator

from mfsn.config import Config


class ExtractConfig(Config):
    """Which extractors have a stage, and whether rows are made that the system does not read."""

    extractors: list[str] = Field(
        ["sec", "tec", "spectrogram", "mfcc", "functionals"], min_length=1
    )
    """Extractors of the pipeline, one stage `extract@NAME` each; those of plug-ins are added here.
    Each has a section of params.yaml with its own name. A stage extracts only if the system reads
    its rows."""
    unread: bool = False
    """Extract what the system does not read, too: to look into features, or to share them."""

    @field_validator("extractors")
    @classmethod
    def _are_distinct(cls, names: list[str]) -> list[str]:
        if len(set(names)) != len(names):
            raise ValueError("extractors holds a name twice")
        return names
