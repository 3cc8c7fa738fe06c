"""Draw one utterance: features over time on the left, decisions on the right."""

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

from mfsn.report.utterance.rating import Rating
from mfsn.report.utterance.utterance import RANGE_DB, Level, Utterance

SIZE_IN = (11.0, 8.0)
DPI = 150
TITLE_LENGTH = 130
WHOLE = "the system reads\nwhole utterances at once"
NOT_EXTRACTED = "not extracted yet: run `dvc repro`"
AVERAGED = "the frames of each segment were averaged (frames: mean)"
MOST_LEVELS = 4
"""The most levels that are drawn; with more, curves are hard to tell apart and names too long."""
INK, MUTED, LINE, ACCENT, SHADE = "#1a1c1e", "#5d646b", "#dfe2e5", "#1f5f8b", "#eceae4"
PALE = "#b9c1c8"
SERIES = ("#1b6ca8", "#d1661f", "#26875a", "#a03f8c", "#8a6d0a", "#2b9aa8", "#c0392b", "#5b5bc0")
STYLE: dict[Any, Any] = {
    "font.size": 8.5,
    "text.color": INK,
    # A dollar sign in an id or a transcript is not a formula.
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
        # Letters that the font lacks are drawn as boxes, without a warning.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        _draw(utterance).savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def _draw(utterance: Utterance) -> Figure:
    figure = Figure(figsize=SIZE_IN, layout="constrained")
    grid = figure.add_gridspec(4, 2, width_ratios=[3, 1], height_ratios=[2, 3, 2, 2])
    timed: list[Axes] = [figure.add_subplot(grid[0, 0])]
    timed += [figure.add_subplot(grid[row, 0], sharex=timed[0]) for row in (1, 2, 3)]
    _draw_wave(timed[0], utterance)
    level_db, khz = _audible(utterance.spectrogram_db), utterance.bin_hz / 1000
    _draw_rows(timed[1], "Spectrogram", level_db, utterance, khz)
    timed[1].set(ylabel="frequency (kHz)")
    _draw_rows(timed[2], "MFCC", utterance.spread_mfcc, utterance)
    timed[2].set(ylabel="coefficient")
    _draw_activity(timed[3], utterance)
    for axes in timed:
        _mark_segments(axes, utterance)
        axes.label_outer()
    timed[-1].set_xlabel("time (s)")
    if utterance.rating is not None:
        _draw_rating(figure.add_subplot(grid[:2, 1]), utterance.rating)
    else:
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


def _draw_rows(
    axes: Axes, title: str, rows: Array | None, utterance: Utterance, step: float = 1.0
) -> None:
    """Draw the frames of all segments in a row; bins or coefficients go up in steps of `step`."""
    if rows is None:
        _say(axes, title, NOT_EXTRACTED)
        return
    low, high, colours = -0.5 * step, (rows.shape[2] - 0.5) * step, (rows.min(), rows.max())
    for start, frames in zip(utterance.start_s_S, rows, strict=True):
        extent = (start, start + utterance.segment.duration_s, low, high)
        axes.imshow(
            frames.T, origin="lower", aspect="auto", extent=extent, interpolation="nearest",
            vmin=colours[0], vmax=colours[1],
        )  # fmt: skip
    axes.set_title(title)


def _audible(level_db: Array | None) -> Array | None:
    return None if level_db is None else level_db.clip(min=level_db.max() - RANGE_DB)


def _draw_activity(axes: Axes, utterance: Utterance) -> None:
    title = "Activity: distance from the mean frame"
    if not utterance.levels:
        _say(axes, title, NOT_EXTRACTED)
        return
    levels = {name: level for name, level in utterance.levels.items() if level.frames > 1}
    if not levels:
        _say(axes, title, AVERAGED)
        return
    drawn = _spread(levels)
    if len(drawn) < len(levels):
        title = f"Activity of {len(drawn)} of {len(levels)} levels"
    for index, (name, level) in enumerate(drawn.items()):
        axes.plot(
            *_course(utterance, level), color=SERIES[index % len(SERIES)], linewidth=1, label=name
        )
    axes.set(title=title, ylabel="relative to its mean")
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 0.98), ncols=MOST_LEVELS, frameon=False,
        handlelength=1.2, columnspacing=1.2,
    )  # fmt: skip


def _course(utterance: Utterance, level: Level) -> tuple[Array, Array]:
    """Times and relative distances of all frames; a gap between segments, since each is encoded
    alone.
    """
    length_s = utterance.segment.duration_s
    within_s = (np.arange(level.frames + 1) + 0.5) / level.frames * length_s
    relative_ST = level.distance_ST / max(float(level.distance_ST.mean()), 1e-12)
    gaps_S1 = np.full((utterance.segments, 1), np.nan)
    times_ST = utterance.start_s_S[:, None] + within_s
    return times_ST.ravel(), np.concatenate([relative_ST, gaps_S1], axis=1).ravel()


def _spread(levels: dict[str, Level]) -> dict[str, Level]:
    """Up to `MOST_LEVELS` levels, spread evenly from the first to the last."""
    names = list(levels)
    if len(names) <= MOST_LEVELS:
        return levels
    kept = np.linspace(0, len(names) - 1, MOST_LEVELS).round().astype(int)
    return {names[index]: levels[names[index]] for index in kept}


def _mark_segments(axes: Axes, utterance: Utterance) -> None:
    """Mark the borders between segments, and shade the padding."""
    for border in utterance.start_s_S[1:]:
        axes.axvline(border, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.axvspan(utterance.duration_s, utterance.end_s, facecolor=SHADE, edgecolor=MUTED,
                 hatch="///", alpha=0.55, linewidth=0)  # fmt: skip
    axes.set_xlim(0, utterance.end_s)


def _draw_rating(axes: Axes, rating: Rating) -> None:
    places = np.arange(len(rating.dimensions))
    for shift, values, colour in ((-0.2, rating.label_D, ACCENT), (0.2, rating.predicted_D, PALE)):
        bars = axes.barh(places + shift, values, height=0.36, color=colour)
        axes.bar_label(bars, fmt="%.2f", padding=3, color=INK)
    axes.set_title(f"Predicted values; labels in blue\n{rating.origin}")
    axes.margins(x=0.15)
    _tidy(axes, rating.dimensions)


def _draw_decision(axes: Axes, utterance: Utterance) -> None:
    decision = utterance.decision
    if decision is None:
        _say(
            axes,
            "Prediction",
            "none: it is in no test fold,\nor nothing is trained yet\n(run `dvc repro`)",
        )
        return
    colours = [ACCENT if name == decision.label else PALE for name in decision.classes]
    bars = axes.barh(decision.classes, decision.posterior, color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=3, color=INK)
    mean = f"Mean posterior of {len(decision.votes)} seeds" if decision.votes[1:] else "Posterior"
    title = f"{mean}; label {decision.label} in blue\n{decision.origin}"
    axes.set(title=title, xlim=(0, 1.15))
    _tidy(axes, decision.classes)


def _draw_segments(axes: Axes, utterance: Utterance) -> None:
    rows, decision = utterance.segment_posterior_SC, utterance.decision
    if decision is None or not rows.size:
        _say(axes, "Segments", "no predictions" if decision is None else WHOLE)
        return
    axes.imshow(rows.T, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    for (segment, number), value in np.ndenumerate(rows):
        colour = "white" if value > 0.6 else INK
        axes.text(segment, number, f"{value:.2f}", ha="center", va="center", color=colour)
    axes.set(title="Posterior of each segment", xlabel="segment", xticks=range(len(rows)))
    axes.set_yticks(range(len(decision.classes)), decision.classes)
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
