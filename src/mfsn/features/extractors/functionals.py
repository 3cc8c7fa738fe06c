"""Extractor `functionals`: one vector per utterance, for the classical baseline."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torchaudio
from torch import Tensor

from mfsn.audio.resampling import RESAMPLER
from mfsn.base.arrays import Float32, Int64
from mfsn.config import Config
from mfsn.errors import ConfigError
from mfsn.features.base import Rows
from mfsn.features.casting import TOLERANCE, to_storage
from mfsn.features.config import FeatureSet, FunctionalsConfig, MfccConfig
from mfsn.features.extractors.mfcc import MfccTransform
from mfsn.features.extractors.trimming import at_speed, equal_parts, without_silence
from mfsn.store.spec import ArraySpec

QUANTILES = (0.1, 0.5, 0.9)
OPENSMILE_SHORTEST_S = 0.1
"""openSMILE gives nothing for less than 60 ms; shorter utterances are padded with zeros to this."""


class FunctionalsExtractor:
    """Statistics over all frames of an utterance.

    The set `mfcc` holds the mean, standard deviation, skewness and quantiles of 40 MFCC, and the
    mean magnitude and standard deviation of their deltas. `ComParE_2016` (6,373 values) and
    `eGeMAPSv02` (88) come from openSMILE, whose licence allows research and private use only.
    The values of several sets, and of the parts of an utterance, are joined in one vector.
    """

    name: ClassVar[str] = "functionals"
    config_type: ClassVar[type[Config]] = FunctionalsConfig
    version: ClassVar[int] = 1
    scope: ClassVar[Literal["utterance"]] = "utterance"
    context: ClassVar[Literal["utterance"]] = "utterance"
    batch_rows = 1
    tolerance = TOLERANCE["float32"]

    def __init__(self, config: FunctionalsConfig, sample_rate_hz: int) -> None:
        """Prepare the set of functionals for waves at a sample rate.

        Raises:
            ConfigError: if the set needs openSMILE and it is not installed.
        """
        self._config = config
        self._sample_rate_hz = sample_rate_hz
        self._sets = {name: _feature_set(name, sample_rate_hz) for name in config.sets}

    def without_copies(self) -> FunctionalsExtractor:
        """The same extractor without copies at other speeds, which only training needs."""
        config = self._config.model_copy(update={"speeds": ()})
        return FunctionalsExtractor(config, self._sample_rate_hz)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The sets, and what fixes their values: MFCC parameters, or the version of openSMILE.

        Other parameters are included only if they differ from their defaults, so that older rows
        keep their keys. The code of the resampler is included if there are copies at other speeds.
        """
        of_sets = {
            key: value for own in self._sets.values() for key, value in own.parameters.items()
        }
        resampler = {"resampler": RESAMPLER} if self._config.speeds else {}
        return {**self._said, **of_sets, **resampler}

    @property
    def about(self) -> Mapping[str, Any]:
        """The configuration; there are no weights. If a vector joins several blocks, also their
        sizes in the order of the vector.
        """
        blocks = {"blocks": self.blocks} if len(self.blocks) > 1 else {}
        return {"config": self._said, "weights": "none", **blocks}

    @property
    def blocks(self) -> list[int]:
        """How many values each block has. A block is one set, of all parts of one size."""
        return [own.size * count for own in self._sets.values() for count in self._config.parts]

    @property
    def arrays(self) -> tuple[ArraySpec, ...]:
        """`functionals`, one vector; then one vector per copy, such as `speed_0.9`."""
        names = ("functionals", *(f"speed_{speed:g}" for speed in self._config.speeds))
        size = sum(self.blocks)
        return tuple(ArraySpec(name, (size,), "float32", ("functional",)) for name in names)

    @property
    def _said(self) -> dict[str, Any]:
        changed = self._config.model_dump(mode="json", exclude_defaults=True)
        return {"set": self._config.model_dump(mode="json")["set"], **changed}

    @torch.inference_mode()
    def extract(self, waves_BT: Float32, valid_B: Int64) -> Rows:
        """Compute the vector of one utterance of any length; see `Extractor.extract`."""
        waves = [wave[: max(int(valid), 1)] for wave, valid in zip(waves_BT, valid_B, strict=True)]
        copies = zip(*map(self._copies, waves), strict=True)
        return {
            array.name: to_storage(torch.stack([*map(self._vector, own)]), "float32", "functionals")
            for array, own in zip(self.arrays, copies, strict=True)
        }

    def _copies(self, wave: Float32) -> list[Float32]:
        """The utterance without silence around it, and its copies at each speed."""
        trim_db, rate = self._config.trim_db, self._sample_rate_hz
        speech = without_silence(wave, trim_db, rate) if trim_db else wave
        return [speech, *(at_speed(speech, speed, rate) for speed in self._config.speeds)]

    def _vector(self, wave: Float32) -> Tensor:
        """Block by block, see `blocks`."""
        return torch.cat(
            [
                functionals(part)
                for functionals in self._sets.values()
                for count in self._config.parts
                for part in equal_parts(wave, count)
            ]
        )


def _feature_set(name: FeatureSet, rate_hz: int) -> MfccFunctionals | OpenSmileFunctionals:
    return MfccFunctionals(rate_hz) if name == "mfcc" else OpenSmileFunctionals(name, rate_hz)


class MfccFunctionals:
    """Statistics of MFCC and their deltas. One frame is enough, so any length will do."""

    def __init__(self, sample_rate_hz: int) -> None:
        """Prepare MFCC of the default configuration."""
        self._mfcc = MfccConfig()
        self._transform = MfccTransform(self._mfcc, sample_rate_hz)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters of the MFCC, and the quantiles."""
        return {"mfcc": self._mfcc.model_dump(mode="json"), "quantiles": list(QUANTILES)}

    @property
    def size(self) -> int:
        """Values in the vector."""
        return self._mfcc.coefficients * (5 + len(QUANTILES))

    def __call__(self, wave: Float32) -> Tensor:
        """The vector of one wave: one statistic after the other, each of all coefficients."""
        mfcc_KT = self._transform(torch.from_numpy(wave)[None])[0].T
        delta_KT = torchaudio.functional.compute_deltas(mfcc_KT[None])[0]
        quantiles_QK = mfcc_KT.quantile(torch.tensor(QUANTILES), dim=1)
        return torch.cat(
            [
                mfcc_KT.mean(dim=1),
                mfcc_KT.std(dim=1, correction=0),
                _skewness(mfcc_KT),
                *quantiles_QK,
                delta_KT.abs().mean(dim=1),
                delta_KT.std(dim=1, correction=0),
            ]
        )


def _skewness(values_KT: Tensor) -> Tensor:
    """Third standardised moment of each row; 0 if a row does not vary."""
    centred_KT = values_KT - values_KT.mean(dim=1, keepdim=True)
    deviation_K = centred_KT.square().mean(dim=1).sqrt()
    return centred_KT.pow(3).mean(dim=1) / deviation_K.pow(3).clamp(min=1e-6)


class OpenSmileFunctionals:
    """A feature set of openSMILE at the level of functionals."""

    def __init__(self, feature_set: str, sample_rate_hz: int) -> None:
        """Configure openSMILE.

        Raises:
            ConfigError: if openSMILE is not installed.
        """
        try:
            opensmile = importlib.import_module("opensmile")
        except ImportError:
            raise ConfigError(
                f"functionals.set {feature_set} needs openSMILE (free for research and private use "
                'only); run `pip install "mfsn[opensmile]"`, or choose the set mfcc'
            ) from None
        self._version = str(opensmile.__version__)
        self._sample_rate_hz = sample_rate_hz
        self._smile = opensmile.Smile(
            feature_set=opensmile.FeatureSet[feature_set],
            feature_level=opensmile.FeatureLevel.Functionals,
        )

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The version of openSMILE and the shortest wave that it is given."""
        return {"opensmile": self._version, "shortest_s": OPENSMILE_SHORTEST_S}

    @property
    def size(self) -> int:
        """Values in the vector."""
        return len(self._smile.feature_names)

    def __call__(self, wave: Float32) -> Tensor:
        """The vector of one wave, in openSMILE's order."""
        missing = round(OPENSMILE_SHORTEST_S * self._sample_rate_hz) - len(wave)
        padded = np.pad(wave, (0, max(missing, 0)))
        table = self._smile.process_signal(padded, self._sample_rate_hz)
        return torch.from_numpy(table.to_numpy(dtype=np.float32, copy=True)[0])
