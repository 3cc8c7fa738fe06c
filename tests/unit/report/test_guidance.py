"""How far frame weights follow level and pitch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mfsn.audio.pitch import track_pitch
from mfsn.errors import ConfigError
from mfsn.params import Params
from mfsn.report.guidance.guidance import correlate, follow, measure, summarise
from mfsn.report.guidance.picture import draw_guidance

FRAMES = 30
RANDOM = np.random.default_rng(0)


def test_the_correlation_is_spearmans() -> None:
    weights = RANDOM.integers(0, 6, FRAMES).astype(float)  # with ties, as behind a ReLU
    contour = RANDOM.normal(size=FRAMES)
    middles = np.rint(np.arange(FRAMES) + 0.5).clip(max=FRAMES - 1).astype(int)
    pairs = pd.DataFrame({"weights": weights, "contour": contour[middles]})
    expected = pairs.corr(method="spearman").loc["weights", "contour"]
    assert follow(weights, contour, 1.0) == pytest.approx(expected)


@pytest.mark.parametrize("values", [15, 30, 61, 300])
def test_frames_meet_what_sounds_in_their_middle(values: int) -> None:
    rising = np.linspace(0, 1, values)
    middles = (np.arange(FRAMES) + 0.5) / FRAMES
    assert follow(middles**3, rising, 1.0) > 0.99
    assert follow(-middles, rising, 1.0) < -0.99


def test_padding_and_frames_without_voice_do_not_count() -> None:
    half = np.arange(FRAMES) < FRAMES // 2
    weights = np.where(half, np.arange(FRAMES), RANDOM.normal(size=FRAMES))
    contour = np.arange(2.0 * FRAMES)
    assert follow(weights, contour, 0.5) == pytest.approx(1.0)
    assert abs(follow(weights, contour, 1.0)) < 1
    voiced = np.where(np.arange(2 * FRAMES) < FRAMES, contour, np.nan)
    assert follow(weights, voiced, 1.0) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("weights", "contour", "valid"),
    [
        (np.zeros(FRAMES), np.arange(FRAMES), 1.0),
        (np.arange(FRAMES), np.ones(FRAMES), 1.0),
        (np.arange(FRAMES), np.full(FRAMES, np.nan), 1.0),
        (np.arange(FRAMES), np.arange(FRAMES), 9 / FRAMES),
    ],
)
def test_where_nothing_varies_or_little_is_left_there_is_no_correlation(
    weights: Any, contour: Any, valid: float
) -> None:
    assert np.isnan(follow(weights.astype(float), contour.astype(float), valid))


def spoken(utterances: int) -> pd.DataFrame:
    """Utterances of two segments and of one in turn."""
    names = [f"u{u}" for u in range(utterances) for _ in range(1 + u % 2)]
    return pd.DataFrame({"utterance_id": names, "valid": 1.0}, index=np.arange(len(names)) + 5)


def test_weights_that_follow_their_own_level_do_not_follow_anothers() -> None:
    segments = spoken(24)
    level = list(RANDOM.normal(size=(len(segments), FRAMES)).cumsum(axis=1))
    weights = {"sec": np.stack(level), "tec": np.ones((len(segments), FRAMES))}
    found = correlate(segments, weights, {"level": level, "pitch": [-one for one in level]})
    assert len(found) == 24 * 2 * 2
    summary = {(r["stream"], r["quantity"]): r for r in summarise(found).to_dict("records")}
    assert summary["sec", "level"]["mean"] > 0.8  # a frame takes the value half a frame on
    assert summary["sec", "pitch"]["mean"] < -0.8
    assert abs(summary["sec", "level"]["control_mean"]) < 0.4
    assert [summary["sec", "level"][name] for name in ("utterances", "of")] == [24, 24]
    assert [summary["tec", "level"][name] for name in ("utterances", "of")] == [0, 24]


def test_the_control_shows_what_place_alone_explains() -> None:
    segments = spoken(8)
    fading = np.linspace(1, 0, FRAMES)
    level = [fading + 0.01 * RANDOM.normal(size=FRAMES) for _ in range(len(segments))]
    weights = {"sec": np.tile(fading, (len(segments), 1))}
    found = correlate(segments, weights, {"level": level})
    assert np.allclose(found["correlation"], found["control"])


def test_the_control_never_pairs_an_utterance_with_itself() -> None:
    segments = spoken(2)
    rising = np.arange(FRAMES, dtype=float)
    level = [rising, -rising, -rising]
    found = correlate(segments, {"sec": np.stack(level)}, {"level": level})
    assert (found["correlation"] > 0.99).all()
    assert (found["control"] < -0.99).all()


def test_pitch_is_found_in_voice_alone() -> None:
    rate = 16_000
    time = np.arange(rate) / rate
    tone = 0.3 * np.sin(2 * np.pi * 200 * time)
    wave = np.where(time < 0.5, tone, 0.01 * RANDOM.normal(size=rate)).astype(np.float32)
    pitch = track_pitch(wave, rate)
    assert len(pitch) == 51
    assert np.nanmedian(pitch[2:22]) == pytest.approx(200, rel=0.02)
    assert np.isnan(pitch[28:]).mean() > 0.8
    assert np.isnan(track_pitch(wave[:800], rate)).tolist() == [True, True, True]


def test_without_librosa_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(ConfigError, match=r'pip install "mfsn\[pitch\]"'):
        track_pitch(np.zeros(16_000, np.float32), 16_000)


@pytest.mark.parametrize("system", ["acoustic", "classical"])
def test_a_system_without_coattention_is_refused(
    system: str, checkout: Path, tmp_path: Path
) -> None:
    values = yaml.safe_load((checkout / "params.yaml").read_text())
    params = Params.parse(values | {"system": system}, "params.yaml")
    with pytest.raises(ConfigError, match=f"system {system} has no co-attention"):
        measure(tmp_path, params)


def test_the_picture_is_a_function_of_the_table() -> None:
    segments = spoken(6)
    level = list(RANDOM.normal(size=(len(segments), FRAMES)))
    weights = {"sec": RANDOM.normal(size=(len(segments), FRAMES)), "tec": np.zeros((9, FRAMES))}
    found = correlate(segments, weights, {"level": level, "pitch": level})
    picture = draw_guidance(found, "a $system$ on _corpus_")
    assert picture.startswith(b"\x89PNG")
    assert picture == draw_guidance(found, "a $system$ on _corpus_")
