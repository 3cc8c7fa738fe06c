"""The result of `mfsn guidance` as PNG, with one panel per stream and quantity."""

from __future__ import annotations

import io

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mfsn.report.guidance.contours import LEVEL, PITCH
from mfsn.report.utterance.picture import ACCENT, DPI, INK, STYLE

BINS: list[float] = np.linspace(-1, 1, 41).tolist()
PANEL_IN = (4.6, 2.4)


def draw_guidance(correlations: pd.DataFrame, title: str) -> bytes:
    """Draw the correlations of the utterances and their controls as PNG.

    The same table always gives the same bytes.

    Args:
        correlations: what `mfsn.report.guidance.guidance.measure` returned.
        title: what was measured, in words.
    """
    streams = list(dict.fromkeys(correlations["stream"]))
    width, height = PANEL_IN
    buffer = io.BytesIO()
    with matplotlib.style.context(STYLE, after_reset=True):
        size = (2 * width, len(streams) * height + 0.5)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(streams), 2, sharex=True, squeeze=False)
        for stream, row in zip(streams, panels, strict=True):
            for quantity, axes in zip((LEVEL, PITCH), row, strict=True):
                is_own = (correlations["stream"] == stream) & (correlations["quantity"] == quantity)
                _draw(axes, correlations[is_own])
                axes.set_title(f"{stream.upper()} stream and {quantity}")
        for axes in panels[-1]:
            axes.set_xlabel("Spearman's correlation with the frame weights")
        for axes in panels[:, 0]:
            axes.set_ylabel("utterances")
        keys = panels[0, 0].get_legend_handles_labels()
        figure.legend(*keys, loc="outside lower left", ncols=2, frameon=False)
        figure.suptitle(title, x=0.01, ha="left")
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def _draw(axes: Axes, utterances: pd.DataFrame) -> None:
    own, control = utterances["correlation"].dropna(), utterances["control"].dropna()
    axes.hist(own, BINS, color=ACCENT, alpha=0.5, label="own weights (line: mean)")
    axes.hist(control, BINS, histtype="step", color=INK, label="weights of another utterance")
    if len(own):
        axes.axvline(own.mean(), color=ACCENT, linewidth=2)
        axes.axvline(control.mean(), color=INK, linewidth=1, linestyle=(0, (3, 3)))
    axes.set_xlim(-1, 1)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
