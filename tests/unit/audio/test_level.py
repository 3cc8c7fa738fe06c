"""The level of a stored wave: numpy says the same of the whole wave."""

from __future__ import annotations

import numpy as np
import pytest

from mfsn.audio.level import level_of


def test_a_wave_in_blocks_has_the_level_of_the_whole_wave() -> None:
    wave = np.random.default_rng(0).normal(300, 2_000, 10_000).astype(np.int16)
    level = level_of(np.split(wave, [1, 1, 700]))
    scaled = wave / 32_768
    assert level.peak == pytest.approx(np.ptp(scaled) / 2)
    assert level.offset == pytest.approx(scaled.mean())
    assert level.deviation == pytest.approx(scaled.std())
    assert (level.clipped, level.is_clipped, level.is_offset) == (0, False, False)


def test_a_constant_is_silent() -> None:
    level = level_of([np.full(100, 4_000, np.int16)])
    assert level.peak == 0
    assert level.is_offset


@pytest.mark.parametrize(("ends", "named", "ruined"), [(1, False, False), (2, True, False),
                                                       (51, True, True)])  # fmt: skip
def test_samples_at_both_ends_of_the_range_are_clipped(
    ends: int, named: bool, ruined: bool
) -> None:
    wave = np.zeros(100, np.int16)
    wave[:ends] = np.resize([32_767, -32_768], ends)
    level = level_of([wave])
    assert (level.clipped, level.is_clipped, level.is_ruined) == (ends / 100, named, ruined)
