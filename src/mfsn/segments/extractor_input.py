"""The waves that extractors are given: a whole utterance, or its segments one by one.

`segment.reading: as_published` follows the code of Co-attention (CA-MSER, features_util.py; facts
1.2 and 1.3, confidence H). The whole utterance is pre-emphasised, in float32, from the samples as
they are stored. The waves for the encoders are padded at the front, while the other features are
padded at the end. Such a wave is normalised together with its padding, so all of it counts as
valid.

Shapes: S segments, N samples of a segment.
"""

from __future__ import annotations

import numpy as np

from mfsn.audio import decoding as audio
from mfsn.base.arrays import Float32, Int16, Int64
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import join


def hear_utterance(waves_SN: Int16, valid_S: Int64, segment: SegmentConfig) -> Float32:
    """The samples of one utterance, without padding.

    Args:
        waves_SN: all its segments in their order, each padded at its end.
        valid_S: samples of real audio in each.
        segment: how it was cut.

    Returns:
        Mono wave (sum of `valid_S`,), full scale 1; with the published reading pre-emphasised.
    """
    wave = join(waves_SN, valid_S)
    return audio.pre_emphasised(wave) if segment.reading == "as_published" else wave


def hear_segments(
    waves_SN: Int16, valid_S: Int64, before_S: Int16, segment: SegmentConfig
) -> tuple[Float32, Int64]:
    """The waves of segments, which may belong to different utterances.

    Args:
        waves_SN: segments, each padded at its end.
        valid_S: samples of real audio in each, from 0.
        before_S: the sample of the utterance before each segment, 0 before the first.
        segment: how they were cut.

    Returns:
        Waves (S, N), full scale 1, padded at the end, and how many samples of each are valid. With
        the published reading they are pre-emphasised, padded at the front, and valid throughout.
    """
    waves = audio.to_float32(waves_SN)
    if segment.reading == "fixed":
        return waves, valid_S
    led = np.concatenate([audio.to_float32(before_S)[:, None], waves], axis=1)
    emphasised = audio.pre_emphasised(led)[:, 1:]
    heard = np.zeros_like(waves)
    for row, valid in enumerate(valid_S):
        heard[row, segment.samples - valid :] = emphasised[row, :valid]
    return heard, segment.audible(valid_S)
