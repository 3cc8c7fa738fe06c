"""Extractor `mfcc`: mel-frequency cepstral coefficients."""

from __future__ import annotations

import warnings
from typing import ClassVar, Literal

import torch
import torchaudio
from torch import Tensor

from mfsn.base.arrays import Float32, Int64
from mfsn.config import Config
from mfsn.features.base import Rows
from mfsn.features.casting import to_storage
from mfsn.features.config import MfccConfig
from mfsn.features.device import to_device
from mfsn.features.extractors.framed import FramedExtractor
from mfsn.features.framing import cut_frames, require, whole_frames, whole_samples
from mfsn.store.spec import ArraySpec


class MfccTransform:
    """From waves to MFCC, as `librosa.feature.mfcc(htk=True)` computes them.

    The steps are a power spectrogram (periodic Hann window, centred frames, zeros beyond both
    ends), the HTK mel scale with area-normalised filters, dB from `top_db` below the maximum of the
    wave, and an orthonormal DCT-II.
    """

    def __init__(self, config: MfccConfig, sample_rate_hz: int, device: str = "cpu") -> None:
        """Prepare windows, filters and the DCT on a device; the waves have to be there too.

        Raises:
            ConfigError: if the hop is not a whole number of samples, there are more coefficients
                than mel bins, or a mel filter falls between the bins of `n_fft`.
        """
        require(
            config.coefficients <= config.mel_bins,
            f"mfcc.coefficients {config.coefficients}: there are {config.mel_bins} mel_bins only",
        )
        self.hop = whole_samples(config.hop_ms, sample_rate_hz, "mfcc.hop_ms")
        self._mel_power = _mel_power(config, sample_rate_hz, self.hop).to(device)
        self._to_db = torchaudio.transforms.AmplitudeToDB("power", top_db=config.top_db)
        self._dct_MK = torchaudio.functional.create_dct(
            config.coefficients, config.mel_bins, norm="ortho"
        ).to(device)

    def __call__(self, waves_BT: Tensor) -> Tensor:
        """MFCC [B, frames, coefficients]; 1 + samples // hop frames."""
        power_BMT = self._mel_power(waves_BT)
        # The channel axis is needed: without it top_db would count from the batch's maximum.
        level_BMT = self._to_db(power_BMT[:, None])[:, 0]
        mfcc_BTK: Tensor = level_BMT.transpose(1, 2) @ self._dct_MK
        return mfcc_BTK


def _mel_power(config: MfccConfig, sample_rate_hz: int, hop: int) -> torch.nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of empty filters, which are refused below
        transform: torch.nn.Module = torchaudio.transforms.MelSpectrogram(
            sample_rate=sample_rate_hz,
            n_fft=config.n_fft,
            hop_length=hop,
            n_mels=config.mel_bins,
            pad_mode="constant",
            norm="slaney",
            mel_scale="htk",
        )
    filters_FM = transform.get_buffer("mel_scale.fb")
    empty = int((filters_FM.amax(dim=0) == 0).sum())
    require(
        empty == 0,
        f"mfcc.mel_bins {config.mel_bins}: {empty} of the filters fall between the frequency bins "
        f"of n_fft {config.n_fft}; lower mel_bins or raise n_fft",
    )
    return transform


class MfccExtractor(FramedExtractor[MfccConfig]):
    """MFCC of a segment: 300 frames of 40 coefficients for 3 s."""

    name: ClassVar[str] = "mfcc"
    config_type: ClassVar[type[Config]] = MfccConfig
    version: ClassVar[int] = 1

    def __init__(self, config: MfccConfig, sample_rate_hz: int, samples: int) -> None:
        """Prepare the transform for segments of `samples` samples.

        Raises:
            ConfigError: as `MfccTransform`, and if the segment is not a whole number of hops.
        """
        super().__init__(config)
        self._transform = MfccTransform(config, sample_rate_hz, self._device)
        self._frames = whole_frames(samples, self._transform.hop, "mfcc.hop_ms")

    @classmethod
    def as_published(cls) -> type[MfccExtractor]:
        """The class to use when `segment.reading` is as_published."""
        return PublishedMfccExtractor

    @property
    def arrays(self) -> tuple[ArraySpec, ...]:
        """`mfcc` (frames, coefficients)."""
        shape = (self._frames, self._config.coefficients)
        return (ArraySpec("mfcc", shape, self._config.dtype, ("frame", "coefficient")),)

    @torch.inference_mode()
    def extract(self, waves_BT: Float32, valid_B: Int64) -> Rows:  # noqa: ARG002
        """Compute MFCC; see `Extractor.extract`."""
        mfcc_BTK = self._transform(to_device(waves_BT, self._device))[:, : self._frames]
        return {"mfcc": to_storage(mfcc_BTK, self._config.dtype, "mfcc")}


class PublishedMfccExtractor(MfccExtractor):
    """MFCC of a whole utterance, cut to segments; `top_db` counts from the utterance's maximum.

    The frames at both ends of a segment see its neighbours. Padding after the last frame is 0
    (CA-MSER, features_util.py; facts 1.2 and 1.3, confidence H).
    """

    context: ClassVar[Literal["segment", "utterance"]] = "utterance"

    @torch.inference_mode()
    def extract(self, waves_BT: Float32, valid_B: Int64) -> Rows:  # noqa: ARG002
        """Compute the segments of one utterance; see `Extractor.extract`."""
        mfcc_TK = self._transform(to_device(waves_BT, self._device))[0]
        return {"mfcc": to_storage(cut_frames(mfcc_TK, self._frames), self._config.dtype, "mfcc")}
