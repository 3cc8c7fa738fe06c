"""Parameters of the extractors (params.yaml: sec, tec, spectrogram, mfcc, functionals)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from mfsn.config import Config


def layer_name(index: int) -> str:
    """Level name of a hidden state where all are kept: `layer_00` is the input of the first."""
    return f"layer_{index:02d}"


LevelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


def _kind_of_levels(given: object) -> str | None:
    if isinstance(given, str):
        return "all" if given == "all" else None
    return "names" if isinstance(given, Mapping) else None


Levels = Annotated[
    Annotated[Literal["all"], Tag("all")]
    | Annotated[dict[LevelName, int], Field(min_length=1), Tag("names")],
    Discriminator(
        _kind_of_levels,
        custom_error_type="levels",
        custom_error_message="Input should be all, or level names with indices of hidden states",
    ),
]


class EncoderConfig(Config):
    """A pretrained audio encoder and the layers to keep (extractors `sec` and `tec`)."""

    model: str
    """Name on a model hub, a local folder in the transformers format, or `random/<recipe>`: a
    seeded random-weight checkpoint (see `mfsn.encoders.random_weights`)."""
    revision: str | None = None
    """Revision on the hub; local folders and recipes have none."""
    levels: Levels
    """Level name to index into hidden_states: 0 is the input of the first layer, 1 its output,
    -1 the last. From early to late: the last one is S_N, respectively TEC. all: every hidden state,
    named `layer_00` and so on, for probes of each layer."""
    frames: Literal["all", "mean"] = "all"
    """mean: one frame a segment, the mean of the valid ones: 149 times smaller, so that all 25
    hidden states of a large encoder fit, and enough for probes."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Compute precision: of weights and activations. bfloat16 costs about 1 % of a level's norm
    (benchmarks/RESULTS.md) and is twice as fast where the processor multiplies in it."""
    dtype: Literal["float16", "float32"] = "float16"
    """Storage dtype."""

    @model_validator(mode="after")
    def _levels_go_from_early_to_late(self) -> EncoderConfig:
        # DVC compares mappings without their order, so that only one order may mean something.
        if self.levels == "all":
            return self
        indices = [(index < 0, index) for index in self.levels.values()]
        if any(earlier >= later for earlier, later in itertools.pairwise(indices)):
            raise ValueError("levels go from early to late, each index once, negative ones last")
        return self


class SpectrogramConfig(Config):
    """|STFT| in dB, lowest bins (CA-MSER features_util.py; the facts' section 1.2)."""

    window_ms: float = Field(40.0, gt=0)
    hop_ms: float = Field(10.0, gt=0)
    n_fft: int = Field(800, gt=0)
    bins: int = Field(200, gt=0)
    """Lowest frequency bins kept (200 of 401 at n_fft 800 and 16 kHz: 0 to 4 kHz)."""
    floor_db: float = -100.0
    """Absolute dB below which the level is clipped (|STFT| = 1 is 0 dB, so that a full-scale sine
    lies at 44.75 dB with the default window)."""
    dtype: Literal["float16", "float32"] = "float16"


class MfccConfig(Config):
    """Mel-frequency cepstral coefficients as librosa computes them with htk=True."""

    coefficients: int = Field(40, gt=0)
    hop_ms: float = Field(10.0, gt=0)
    n_fft: int = Field(2048, gt=0)
    mel_bins: int = Field(128, gt=0)
    top_db: float = Field(80.0, gt=0)
    dtype: Literal["float16", "float32"] = "float32"


FeatureSet = Literal["mfcc", "ComParE_2016", "eGeMAPSv02"]


class FunctionalsConfig(Config):
    """One vector an utterance, for the classical baseline."""

    set: FeatureSet | Annotated[tuple[FeatureSet, ...], Field(min_length=1)] = "mfcc"
    """`mfcc`: statistics of MFCC and their deltas. The others need openSMILE (extra `opensmile`,
    free for research only). A list puts several sets side by side."""
    trim_db: float | None = Field(None, gt=0)
    """Leave out what lies before the first and after the last frame that is at most so far below
    the loudest one, in dB; null keeps everything."""
    parts: tuple[Annotated[int, Field(ge=1)], ...] = Field((1,), min_length=1)
    """Functionals of the whole utterance (1), its halves (2), its thirds (3) and so on, side by
    side."""
    speeds: tuple[Annotated[float, Field(ge=0.5, le=2)], ...] = ()
    """Copies of each utterance, played at these speeds, that the classical baseline also trains
    on: tempo, pitch and formants change together, as they differ between speakers."""

    @property
    def sets(self) -> tuple[FeatureSet, ...]:
        """The sets, one or several."""
        return (self.set,) if isinstance(self.set, str) else self.set

    @model_validator(mode="after")
    def _nothing_is_there_twice(self) -> FunctionalsConfig:
        for name, values in (("set", self.sets), ("parts", self.parts), ("speeds", self.speeds)):
            if len({*values}) < len(values):
                raise ValueError(f"{name} holds something twice; name it once")
        if 1 in self.speeds:
            raise ValueError("speeds holds 1, which is the utterance itself; leave it out")
        return self
