"""Milliseconds to samples, samples to frames."""

from __future__ import annotations

import pytest

from mfsn.errors import ConfigError
from mfsn.features.framing import whole_frames, whole_samples


@pytest.mark.parametrize(
    ("duration_ms", "rate_hz", "samples"),
    [(10.0, 16_000, 160), (40.0, 16_000, 640), (0.1, 10_000, 1)],
)
def test_whole_samples(duration_ms: float, rate_hz: int, samples: int) -> None:
    assert whole_samples(duration_ms, rate_hz, "x") == samples


@pytest.mark.parametrize("duration_ms", [10.01, 0.001])
def test_part_of_a_sample_is_refused(duration_ms: float) -> None:
    with pytest.raises(
        ConfigError, match=rf"mfcc.hop_ms {duration_ms:g} is not a whole .* 0.0625 ms"
    ):
        whole_samples(duration_ms, 16_000, "mfcc.hop_ms")


def test_whole_frames() -> None:
    assert whole_frames(48_000, 160, "x") == 300


def test_part_of_a_hop_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"mfcc.hop_ms gives a hop of 160 .* 48001 samples"):
        whole_frames(48_001, 160, "mfcc.hop_ms")
