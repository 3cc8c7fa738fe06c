"""What the rows of a table vary, where they make curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from mfsn.config import Config


class Curve(Config):
    """How the rows of a table become curves.

    Rows that set none of `x` are where every curve of their line begins.
    """

    x: list[str] = Field(min_length=1)
    """Dotted parameters, numbers, that are zero where a curve begins. The largest of a row's values
    is its place on the x axis; which of them it sets tells its panel."""
    label: str
    """Of the x axis."""
    panel: str
    """Dotted parameter that tells the panel beside `x`."""
    line: str
    """Dotted parameter that tells the line within a panel."""

    def varied(self, settings: Mapping[str, Any]) -> list[str]:
        """Those of `x` that a row's settings have at another value than zero."""
        return [name for name in self.x if settings.get(name)]

    def place(self, settings: Mapping[str, Any]) -> float:
        """Where a row stands on the x axis."""
        return max((float(settings[name]) for name in self.varied(settings)), default=0.0)

    def panel_of(self, settings: Mapping[str, Any]) -> str | None:
        """The panel of a row, such as `noise: train and test`; None for all panels."""
        varied = " and ".join(name.rpartition(".")[2] for name in self.varied(settings))
        return f"{settings[self.panel]}: {varied}".replace("_", " ") if varied else None
