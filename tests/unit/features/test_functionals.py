"""Extractor `functionals`: one vector an utterance of any length."""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfsn.errors import ConfigError, RangeError
from mfsn.features.config import FunctionalsConfig
from mfsn.features.extractors.functionals import FunctionalsExtractor

Waves = npt.NDArray[np.float32]


def make(feature_set: str = "mfcc") -> FunctionalsExtractor:
    return FunctionalsExtractor(FunctionalsConfig.parse({"set": feature_set}, "test"), 16_000)


def vector(
    extractor: FunctionalsExtractor, wave: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    return np.asarray(extractor.extract(wave[None], np.array([len(wave)]))["functionals"][0])


@settings(deadline=None, max_examples=15)
@given(samples=st.integers(1, 20_000), gain=st.sampled_from([0.0, 1e-4, 0.1, 1.0]))
def test_any_length_gives_a_finite_vector_of_one_size(samples: int, gain: float) -> None:
    noise = np.random.default_rng(samples).uniform(-gain, gain, samples).astype(np.float32)
    found = vector(make(), noise)
    assert found.shape == make().arrays[0].shape
    assert np.isfinite(found).all()


@pytest.mark.parametrize(("feature_set", "size"), [("eGeMAPSv02", 88), ("ComParE_2016", 6373)])
@pytest.mark.parametrize("samples", [1, 900, 8_000])
def test_open_smile_takes_any_length(feature_set: str, size: int, samples: int) -> None:
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, samples).astype(np.float32)
    found = vector(make(feature_set), noise)
    assert found.shape == (size,)
    assert np.isfinite(found).all()


def test_open_smile_is_not_padded_where_it_need_not_be(waves: Waves) -> None:
    import opensmile

    smile = opensmile.Smile("eGeMAPSv02", "func")
    expected = smile.process_signal(waves[0], 16_000).to_numpy()[0]
    assert np.array_equal(vector(make("eGeMAPSv02"), waves[0]), expected)


def test_only_valid_samples_count(waves: Waves) -> None:
    extractor = make()
    wave = waves[0].copy()
    expected = vector(extractor, wave[:5_000])
    wave[5_000:] = 0.7
    found = extractor.extract(wave[None], np.array([5_000]))["functionals"][0]
    assert np.array_equal(found, expected)


def test_loudness_is_heard(waves: Waves) -> None:
    loud, quiet = (vector(make(), gain * waves[0]) for gain in (1, np.float32(0.1)))
    assert loud[0] - quiet[0] == pytest.approx(20 * np.sqrt(128), rel=1e-3)  # 20 dB in each filter


def test_parameters_say_what_fixes_the_values() -> None:
    import opensmile

    assert make().parameters["set"] == "mfcc"
    assert make().parameters["mfcc"]["coefficients"] == 40
    assert make("eGeMAPSv02").parameters == {
        "set": "eGeMAPSv02",
        "opensmile": opensmile.__version__,
        "shortest_s": 0.1,
    }


def test_without_open_smile_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(ConfigError, match=r"needs openSMILE \(free for research .*`pip install"):
        make("ComParE_2016")
    assert len(make("mfcc").arrays) == 1


def test_a_wave_that_is_not_finite_is_refused() -> None:
    with pytest.raises(RangeError, match="functionals: the computation gave NaN"):
        vector(make(), np.array([0.1, np.nan] * 4_000, np.float32))
