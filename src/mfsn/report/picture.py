"""Drawing one utterance: time runs to the right on the left side, decisions stand on the right."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfsn.report.utterance import Utterance

SIZE_IN = (11.0, 8.0)
DPI = 150
TITLE_LENGTH = 130
INK, MUTED, LINE, ACCENT, SHADE = "#1a1c1e", "#5d646b", "#dfe2e5", "#1f5f8b", "#eceae4"
SERIES = ("#1b6ca8", "#d1661f", "#26875a", "#a03f8c", "#8a6d0a", "#2b9aa8", "#c0392b", "#5b5bc0")
STYLE: dict[Any, Any] = {
    "font.size": 8.5,
    "text.color": INK,
    # Ids and transcripts are text, dollar signs included.
    "text.parse_math": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "image.cmap": "magma",
}

Array = npt.NDArray[Any]


def draw_png(utterance: Utterance) -> bytes:
    """The picture of an utterance as PNG."""
    buffer = io.BytesIO()
    with matplotlib.style.context(STYLE, after_reset=True), warnings.catch_warnings():
        # Transcripts in scripts that the font lacks are drawn as boxes.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        _draw(utterance).savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def _draw(utterance: Utterance) -> Figure:
    figure = Figure(figsize=SIZE_IN, layout="constrained")
    grid = figure.add_gridspec(4, 2, width_ratios=[3, 1], height_ratios=[2, 3, 2, 2])
    timed: list[Axes] = [figure.add_subplot(grid[0, 0])]
    timed += [figure.add_subplot(grid[row, 0], sharex=timed[0]) for row in (1, 2, 3)]
    _draw_wave(timed[0], utterance)
    _draw_rows(timed[1], utterance.spectrogram_db, utterance, utterance.bin_hz / 1000)
    timed[1].set(title="Spectrogram", ylabel="frequency (kHz)")
    _draw_rows(timed[2], _spread(utterance.mfcc), utterance)
    timed[2].set(title="MFCC", ylabel="coefficient")
    _draw_activity(timed[3], utterance)
    for axes in timed:
        _mark_segments(axes, utterance)
        axes.label_outer()
    timed[-1].set_xlabel("time (s)")
    _draw_decision(figure.add_subplot(grid[:2, 1]), utterance)
    _draw_segments(figure.add_subplot(grid[2:, 1]), utterance)
    figure.suptitle(_title(utterance), x=0.01, ha="left", fontsize=11)
    return figure


def _title(utterance: Utterance) -> str:
    facts = utterance.facts
    parts = [facts[name] for name in ("utterance_id", "emotion", "speaker", "transcript")]
    return textwrap.shorten("  ·  ".join(part for part in parts if part), TITLE_LENGTH)


def _draw_wave(axes: Axes, utterance: Utterance) -> None:
    seconds = np.arange(len(utterance.wave)) / utterance.segment.sample_rate_hz
    axes.plot(seconds, utterance.wave, color=ACCENT, linewidth=0.5)
    limit = max(float(np.abs(utterance.wave).max()), 1e-3)
    axes.set(title="Waveform", ylabel="amplitude", ylim=(-1.05 * limit, 1.05 * limit))


def _draw_rows(axes: Axes, rows: Array, utterance: Utterance, step: float = 1.0) -> None:
    """Segments' frames one after the other; bins or coefficients upwards, `step` apart."""
    frames = np.concatenate(list(rows)).T
    seconds = len(rows) * utterance.segment.duration_s
    extent = (0.0, seconds, -0.5 * step, (len(frames) - 0.5) * step)
    axes.imshow(frames, origin="lower", aspect="auto", extent=extent, interpolation="nearest")


def _spread(mfcc: Array) -> Array:
    """Each coefficient in units of its own deviation, since the first dwarf the others."""
    deviation = mfcc.std(axis=(0, 1), keepdims=True)
    spread: Array = (mfcc - mfcc.mean(axis=(0, 1), keepdims=True)) / np.maximum(deviation, 1e-6)
    return spread.clip(-3, 3)


def _draw_activity(axes: Axes, utterance: Utterance) -> None:
    for index, (level, distance_ST) in enumerate(utterance.activity.items()):
        total = distance_ST.size
        seconds = (np.arange(total) + 0.5) / total * len(distance_ST) * utterance.segment.duration_s
        relative = distance_ST.ravel() / max(float(distance_ST.mean()), 1e-12)
        axes.plot(seconds, relative, color=SERIES[index % len(SERIES)], linewidth=1, label=level)
    axes.set(title="Activity: distance from the mean frame", ylabel="relative to its mean")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=8, frameon=False)


def _mark_segments(axes: Axes, utterance: Utterance) -> None:
    """Borders between segments, and padding shaded."""
    count, length = len(utterance.mfcc), utterance.segment.duration_s
    for border in range(1, count):
        axes.axvline(border * length, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    end = len(utterance.wave) / utterance.segment.sample_rate_hz
    axes.axvspan(end, count * length, facecolor=SHADE, edgecolor=MUTED, hatch="///", alpha=0.55,
                 linewidth=0)  # fmt: skip
    axes.set_xlim(0, count * length)


def _draw_decision(axes: Axes, utterance: Utterance) -> None:
    if not utterance.classes:
        _say(axes, "Prediction", "none yet:\nrun `dvc repro`,\nor it is in no test fold")
        return
    label = utterance.facts["emotion"]
    colours = [ACCENT if name == label else "#b9c1c8" for name in utterance.classes]
    bars = axes.barh(utterance.classes, utterance.posterior_C, color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=3, color=INK)
    seeds = f", mean of {utterance.seeds} seeds" if utterance.seeds > 1 else ""
    axes.set(title=f"Posterior{seeds}; label {label} in blue", xlim=(0, 1.15))
    _tidy(axes, utterance.classes)


def _draw_segments(axes: Axes, utterance: Utterance) -> None:
    rows = utterance.segment_posterior_SC
    if not rows.size:
        _say(axes, "Segments", "no predictions")
        return
    axes.imshow(rows.T, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    for (segment, number), value in np.ndenumerate(rows):
        colour = "white" if value > 0.6 else INK
        axes.text(segment, number, f"{value:.2f}", ha="center", va="center", color=colour)
    axes.set(title="Posterior of each segment", xlabel="segment", xticks=range(len(rows)))
    axes.set_yticks(range(len(utterance.classes)), utterance.classes)
    axes.tick_params(length=0)


def _tidy(axes: Axes, names: Sequence[str]) -> None:
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _say(axes: Axes, title: str, text: str) -> None:
    axes.set_title(title)
    axes.text(0.5, 0.5, text, ha="center", va="center", color=MUTED, transform=axes.transAxes)
    axes.set_axis_off()
