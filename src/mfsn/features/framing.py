"""Frames of a segment: from milliseconds to samples, and from samples to frames."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad

from mfsn.errors import ConfigError


def whole_samples(duration_ms: float, sample_rate_hz: int, parameter: str) -> int:
    """Samples of a duration.

    Args:
        duration_ms: the duration.
        sample_rate_hz: of the wave.
        parameter: the name in params.yaml for the error, such as `mfcc.hop_ms`.

    Raises:
        ConfigError: if the duration is not a whole number of samples.
    """
    samples = round(duration_ms * sample_rate_hz / 1000)
    if samples < 1 or abs(samples - duration_ms * sample_rate_hz / 1000) > 1e-6:
        raise ConfigError(
            f"{parameter} {duration_ms:g} is not a whole number of samples at "
            f"{sample_rate_hz} Hz; choose a multiple of {1000 / sample_rate_hz:g} ms"
        )
    return samples


def whole_frames(samples: int, hop: int, parameter: str) -> int:
    """Frames of a segment, one per hop.

    Raises:
        ConfigError: if the segment is not a whole number of hops.
    """
    if samples % hop:
        raise ConfigError(
            f"{parameter} gives a hop of {hop} samples, but a segment of {samples} samples is not "
            "a whole number of hops; change it or segment.duration_s"
        )
    return samples // hop


def cut_frames(values_TK: Tensor, frames: int) -> Tensor:
    """The frames of an utterance, cut to segments.

    Args:
        values_TK: any number of frames, from 1, with K values each.
        frames: per segment.

    Returns:
        [segments, frames, K]; zeros after the last frame fill the last segment.
    """
    padded_TK = pad(values_TK, (0, 0, 0, -len(values_TK) % frames))
    return padded_TK.reshape(-1, frames, values_TK.shape[1])


def require(condition: bool, sentence: str) -> None:
    """Refuse a combination of parameters.

    Raises:
        ConfigError: with the sentence, if the condition does not hold.
    """
    if not condition:
        raise ConfigError(sentence)
