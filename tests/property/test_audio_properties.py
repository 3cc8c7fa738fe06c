"""Cutting and rounding, for any wave."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mfsn.audio.decoding import cut, to_float32, to_int16

WAVES = arrays.arrays(np.int16, st.integers(0, 200))


@settings(deadline=None, max_examples=30)
@given(wave=WAVES, samples=st.integers(1, 64))
def test_segments_cover_every_sample_once_and_pad_with_zeros(
    wave: npt.NDArray[np.int16], samples: int
) -> None:
    segments, valid = cut(wave, samples)
    assert segments.dtype == np.int16
    assert valid.dtype == np.int64
    assert segments.shape == (len(valid), samples)
    covered = [segment[:count] for segment, count in zip(segments, valid, strict=True)]
    np.testing.assert_array_equal(np.concatenate([np.zeros(0, np.int16), *covered]), wave)
    for segment, count in zip(segments, valid, strict=True):
        assert count >= 1
        assert not segment[count:].any()
    assert (valid[:-1] == samples).all()


@settings(deadline=None, max_examples=30)
@given(wave=WAVES)
def test_16_bits_survive_the_way_to_float_and_back(wave: npt.NDArray[np.int16]) -> None:
    again, clipped = to_int16(to_float32(wave))
    np.testing.assert_array_equal(again, wave)
    assert clipped == 0


@settings(deadline=None, max_examples=30)
@given(wave=arrays.arrays(np.float64, st.integers(1, 50), elements=st.floats(-3, 3)))
def test_rounding_is_within_half_a_step_unless_clipped(wave: npt.NDArray[np.float64]) -> None:
    samples, clipped = to_int16(wave)
    inside = (np.rint(wave * 32768) >= -32768) & (np.rint(wave * 32768) <= 32767)
    assert clipped == (~inside).sum()
    assert (np.abs(samples / 32768 - wave)[inside] <= 0.5 / 32768).all()
