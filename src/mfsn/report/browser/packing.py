"""Numbers, images and sound as compact text; the same input always gives the same bytes."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from PIL import Image

from mfsn.audio.resampling import resample

Array = npt.NDArray[Any]
WEBP: dict[str, Any] = {"format": "WEBP", "quality": 40, "method": 2}
# Not Ogg, since its streams contain random numbers. The bit rate is constant (40 kbit/s), so that
# the browser finds a position exactly.
MP3: dict[str, Any] = {"format": "MP3", "bitrate_mode": "CONSTANT", "compression_level": 0.8}
# There are lower rates, but at those the encoder adds silence at the end.
MP3_RATES_HZ = (16000, 22050, 24000, 32000, 44100, 48000)


def to_bytes(values: Array, low: float, high: float) -> npt.NDArray[np.uint8]:
    """Map `low` to 0 and `high` to 255, rounded; values outside this range are clipped."""
    share = (values - low) / max(high - low, 1e-12)
    steps: npt.NDArray[np.uint8] = np.rint(255 * share.clip(0, 1)).astype(np.uint8)
    return steps


def curve(values: Array) -> dict[str, Any]:
    """A curve as `low` and `high`, its extremes, and `data`, one byte per value as base64."""
    low, high = float(values.min()), float(values.max())
    data = base64_of(to_bytes(values, low, high).tobytes())
    return {"low": float(f"{low:.5g}"), "high": float(f"{high:.5g}"), "data": data}


def envelope(wave: Array, points: int) -> str:
    """The smallest and the largest sample of each stretch of a wave, as base64 of signed bytes.

    Args:
        wave: (samples,), full scale 1; at least `points` samples.
        points: the number of stretches of equal length.
    """
    starts = np.arange(points) * len(wave) // points
    ends = [np.minimum.reduceat(wave, starts), np.maximum.reduceat(wave, starts)]
    return base64_of(np.rint(127 * np.stack(ends, axis=1).clip(-1, 1)).astype(np.int8).tobytes())


def image(frames: Array, low: float, high: float) -> str:
    """A grey WebP image as base64: frames from left to right, bins from bottom to top.

    Args:
        frames: (frames, bins).
        low: the value that becomes black.
        high: the value that becomes white.
    """
    grey = np.ascontiguousarray(to_bytes(frames, low, high).T[::-1])
    file = io.BytesIO()
    Image.fromarray(grey).save(file, **WEBP)
    return base64_of(file.getvalue())


def sound(wave: Array, sample_rate_hz: int) -> str:
    """A mono wave as base64 of an MP3; it is resampled if its rate is not in `MP3_RATES_HZ`."""
    rate = sample_rate_hz
    if rate not in MP3_RATES_HZ:
        rate = next((r for r in MP3_RATES_HZ if r > sample_rate_hz), MP3_RATES_HZ[-1])
        wave = resample(wave.astype(np.float64), sample_rate_hz, rate)
    file = io.BytesIO()
    soundfile.write(file, wave, rate, subtype="MPEG_LAYER_III", **MP3)
    return base64_of(file.getvalue())


def base64_of(data: bytes) -> str:
    """Bytes as base64 text."""
    return base64.b64encode(data).decode("ascii")
