"""How the rows of a table become curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from mfsn.config import Config


class Curve(Config):
    """How the rows of a table become curves.

    A row that sets none of `x` is the beginning of every curve of its line.
    """

    x: list[str] = Field(min_length=1)
    """Dotted names of parameters that are numbers; they are zero at the beginning of a curve. The
    largest of a row's values is its place on the x axis."""
    label: str
    """The label of the x axis."""
    panel: str
    """The dotted parameter that decides the panel, together with the parameters of `x` that a row
    sets."""
    line: str
    """The dotted parameter that decides the line in a panel."""

    def varied(self, settings: Mapping[str, Any]) -> list[str]:
        """The parameters of `x` that are not zero in a row's settings."""
        return [name for name in self.x if settings.get(name)]

    def place(self, settings: Mapping[str, Any]) -> float:
        """The place of a row on the x axis."""
        return max((float(settings[name]) for name in self.varied(settings)), default=0.0)

    def panel_of(self, settings: Mapping[str, Any]) -> str | None:
        """The panel of a row, such as `noise: train and test`; None if it is in all panels."""
        varied = " and ".join(name.rpartition(".")[2] for name in self.varied(settings))
        return f"{settings[self.panel]}: {varied}".replace("_", " ") if varied else None
