"""The picture of `mfsn inspect` where an encoder has many levels, or one frame a segment."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from mfsn.report.utterance.picture import AVERAGED, MOST_LEVELS, WHOLE, draw_png
from mfsn.report.utterance.source import Source
from mfsn.report.utterance.utterance import Level, gather

NAME = "one/clip2"


@pytest.fixture
def activity(opened: Callable[[], Source], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Axes]:
    """Draws an utterance with levels, and gives the axes of their activity."""
    saved: list[Figure] = []
    save = Figure.savefig

    def note(self: Figure, *args: object, **options: object) -> None:
        saved.append(self)
        save(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Figure, "savefig", note)

    def draw(names: list[str], frames: int, starts_s: Sequence[float] = (0.0,)) -> Axes:
        utterance = gather(opened(), NAME)
        rows = [0] * len(starts_s)
        assert utterance.spectrogram_db is not None and utterance.mfcc is not None
        utterance = replace(
            utterance,
            start_s_S=np.array(starts_s),
            real_S=np.ones(len(starts_s)),
            spectrogram_db=utterance.spectrogram_db[rows],
            mfcc=utterance.mfcc[rows],
        )
        values = np.random.default_rng(0).random((utterance.segments, frames))
        level = Level(values, values, values, values[0], values >= 0)
        assert draw_png(replace(utterance, levels=dict.fromkeys(names, level)))
        return saved[-1].axes[3]

    return draw


def test_of_many_levels_as_many_are_drawn_as_can_be_read(activity: Callable[..., Axes]) -> None:
    axes = activity([f"SEC layer_{number:02}" for number in range(25)] + ["TEC last"], 149)
    legend = axes.get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert len(names) == MOST_LEVELS
    assert (names[0], names[-1]) == ("SEC layer_00", "TEC last")
    assert axes.get_title("left") == f"Activity of {MOST_LEVELS} of 26 levels"
    assert not _overlap(axes)


def test_the_names_of_four_levels_leave_the_title_alone(activity: Callable[..., Axes]) -> None:
    axes = activity(["SEC low", "SEC mid", "SEC high", "TEC last"], 149)
    assert axes.get_title("left").startswith("Activity: ")
    assert not _overlap(axes)


def test_segments_that_overlap_are_drawn_where_they_lie(activity: Callable[..., Axes]) -> None:
    figure = activity(["SEC low"], 149, starts_s=[0.0, 0.04]).get_figure(root=True)
    assert figure is not None
    spectrogram, levels = figure.axes[1], figure.axes[3]
    sides = [tuple(image.get_extent()[:2]) for image in spectrogram.images]
    assert sides == [(0, 0.1), (0.04, 0.14)]
    times = np.asarray(levels.lines[0].get_xdata()).reshape(2, 150)
    np.testing.assert_allclose(times[1] - times[0], 0.04)
    assert levels.get_xlim() == (0, 0.14)


def test_means_have_no_course(activity: Callable[..., Axes]) -> None:
    axes = activity(["SEC layer_00", "SEC layer_01"], 1)
    assert not axes.get_legend()
    assert AVERAGED in [text.get_text() for text in axes.texts]


def test_a_system_that_reads_whole_utterances_has_no_posterior_of_segments(
    activity: Callable[..., Axes], predict: Callable[..., None]
) -> None:
    predict(NAME, whole=True)
    figure = activity(["SEC low"], 149).get_figure(root=True)
    assert figure is not None
    decision, of_segments = figure.axes[4:]
    assert len(decision.patches) == 2
    assert of_segments.get_title("left") == "Segments"
    assert [text.get_text() for text in of_segments.texts] == [WHOLE]


def _overlap(axes: Axes) -> bool:
    legend = axes.get_legend()
    assert legend is not None
    title = next(
        child for child in axes.get_children()
        if isinstance(child, Text) and child.get_text() == axes.get_title("left")
    )  # fmt: skip
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.savefig(io.BytesIO())
    return bool(title.get_window_extent().overlaps(legend.get_window_extent()))
