"""Line plots as inline SVG that takes its colours from the page around it.

Matplotlib draws in placeholder colours. They are then replaced by the CSS variables of the page,
so that the same figure fits the light and the dark design.
"""

from __future__ import annotations

import io
import re
from contextlib import AbstractContextManager
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure

INK, FAINT = "#0a0a01", "#0a0a02"
SERIES = tuple(f"#0b0b{number:02x}" for number in range(1, 9))
VARIABLES = {
    INK: "var(--muted)",
    FAINT: "var(--line)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)},
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
}
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def style(salt: str) -> AbstractContextManager[None]:
    """The style of the page, without the user's matplotlibrc; `salt` makes ids unique."""
    return matplotlib.style.context(STYLE | {"svg.hashsalt": salt}, after_reset=True)


def svg(figure: Figure) -> str:
    """A figure as an SVG element that takes its colours from the page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata=NO_METADATA)
    # Only a separate SVG file needs the prolog, the size in points and the global style.
    text = re.sub(
        r"^.*?<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r"<svg \1>", buffer.getvalue(), flags=re.S
    )
    text = re.sub(r"<style.*?</style>", "", text, flags=re.S)
    text = re.sub(r' id="(?:figure|axes|patch|line2d|text|matplotlib|xtick|ytick)[^"]*"', "", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, variable)
    return text
