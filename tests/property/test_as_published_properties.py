"""Segments of `segment.reading: as_published` for utterances of any length."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mfsn.segments.config import SegmentConfig
from mfsn.segments.extractor_input import hear_segments, hear_utterance
from mfsn.segments.waves import cut, starts

LENGTHS = st.integers(1, 200_000) | st.builds(
    lambda whole, more: 48_000 * whole + more, st.integers(1, 4), st.integers(0, 161)
)
PUBLISHED = SegmentConfig(reading="as_published")


@settings(max_examples=25, deadline=None)
@given(LENGTHS)
def test_there_are_as_many_segments_as_the_frames_fill(samples: int) -> None:
    """Facts 1.3: ceil((1 + n // 160) / 300)."""
    waves, valid = cut(np.ones(samples, np.int16), PUBLISHED)
    assert len(waves) == len(valid) == len(starts(samples, PUBLISHED))
    assert len(waves) == math.ceil((1 + samples // 160) / 300)
    assert valid.sum() == samples
    assert (valid[:-1] == 48_000).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_segments_and_utterance_hear_the_same(samples: int, size: int, seed: int) -> None:
    config = SegmentConfig(duration_s=size / 16_000, reading="as_published")
    wave = np.random.default_rng(seed).integers(-(2**15), 2**15, samples).astype(np.int16)
    waves, valid = cut(wave, config)
    before = np.array([0, *wave[size - 1 :: size]], np.int16)[: len(waves)]
    heard, _ = hear_segments(waves, valid, before, config)
    pieces = [one[size - count :] for one, count in zip(heard, valid, strict=True)]
    np.testing.assert_array_equal(np.concatenate(pieces), hear_utterance(waves, valid, config))
    assert not any(one[: size - count].any() for one, count in zip(heard, valid, strict=True))
