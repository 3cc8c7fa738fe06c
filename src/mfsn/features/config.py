"""Parameters of the extractors (params.yaml: sec, tec, spectrogram, mfcc, functionals)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from mfsn.config import Config


def layer_name(index: int) -> str:
    """Name of a hidden state if all are kept: `layer_00` is the input of the first layer."""
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
    """Revision on the hub, `null` for the newest one; local folders and recipes have none."""
    levels: Levels
    """Level name to index of a hidden state: 0 is the input of the first layer, 1 its output, -1
    the last one. They go from early to late, and the last one is S_N (for `sec`) or TEC (for
    `tec`). all: every hidden state, named `layer_00` and so on, for probes of each layer."""
    context: Literal["segment", "utterance"] | None = None
    """What the encoder hears at once.

    - segment: one segment.
    - utterance: the utterance, up to `context_s` seconds of it; its frames are then cut to
      segments.
    - null: utterance for Whisper, which computes 30 seconds in any case (but segment with
      `segment.reading: as_published`), and segment for all other encoders."""
    context_s: float = Field(30.0, gt=0)
    """The most that is heard at once with context utterance, in seconds: as many whole segments as
    fit into it. A longer utterance is heard in consecutive windows of this length. Whisper hears at
    most 30 seconds."""
    frames: Literal["all", "mean"] = "all"
    """all: every frame. mean: one frame per segment, which is the mean of its valid frames. That
    is 149 times smaller, so all 25 hidden states of a large encoder fit, and it is enough for
    probes."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of weights and activations. bfloat16 changes a level by about 1 % of its norm
    (benchmarks/RESULTS.md), and it is twice as fast on processors that multiply in it."""
    dtype: Literal["float16", "float32"] = "float16"
    """Number format in the store."""

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
    """The magnitude of the short-time Fourier transform (STFT) in dB, as in CA-MSER."""

    window_ms: float = Field(40.0, gt=0)
    """Length of the window in milliseconds."""
    hop_ms: float = Field(10.0, gt=0)
    """Time from one frame to the next, in milliseconds."""
    n_fft: int = Field(800, gt=0)
    """Samples of each Fourier transform; a shorter window is padded with zeros."""
    bins: int = Field(200, gt=0)
    """How many bins are kept, from the lowest on. 200 of the 401 bins at n_fft 800 and 16 kHz are
    0 to 4 kHz."""
    floor_db: float = -100.0
    """Absolute level in dB below which the level is clipped. |STFT| = 1 is 0 dB, so a full-scale
    sine lies at 44.75 dB with the default window."""
    dtype: Literal["float16", "float32"] = "float16"
    """Number format in the store."""


class MfccConfig(Config):
    """Mel-frequency cepstral coefficients as librosa computes them with htk=True."""

    coefficients: int = Field(40, gt=0)
    """Coefficients per frame, from the lowest on."""
    hop_ms: float = Field(10.0, gt=0)
    """Time from one frame to the next, in milliseconds."""
    n_fft: int = Field(2048, gt=0)
    """Samples of each Fourier transform, which is also the length of the window."""
    mel_bins: int = Field(128, gt=0)
    """Mel filters from which the coefficients are computed."""
    top_db: float = Field(80.0, gt=0)
    """Levels that lie further below the loudest one, in dB, are raised to this distance."""
    dtype: Literal["float16", "float32"] = "float32"
    """Number format in the store."""


FeatureSet = Literal["mfcc", "ComParE_2016", "eGeMAPSv02"]


class FunctionalsConfig(Config):
    """One vector per utterance, for the classical baseline."""

    set: FeatureSet | Annotated[tuple[FeatureSet, ...], Field(min_length=1)] = "mfcc"
    """`mfcc`: statistics of MFCC and their deltas. The others need openSMILE (extra `opensmile`,
    free for research only). A list puts several sets side by side."""
    trim_db: float | None = Field(None, gt=0)
    """Cut off the silence at both ends. A frame belongs to the speech if it is at most this many dB
    below the loudest frame; null keeps everything."""
    parts: tuple[Annotated[int, Field(ge=1)], ...] = Field((1,), min_length=1)
    """Functionals of the whole utterance (1), its halves (2), its thirds (3) and so on, side by
    side."""
    speeds: tuple[Annotated[float, Field(ge=0.5, le=2)], ...] = ()
    """Speeds of copies of each utterance that the classical baseline also trains on. Tempo, pitch
    and formants change together, in the way in which speakers differ."""

    @property
    def sets(self) -> tuple[FeatureSet, ...]:
        """The sets, as a tuple also if there is only one."""
        return (self.set,) if isinstance(self.set, str) else self.set

    @model_validator(mode="after")
    def _nothing_is_there_twice(self) -> FunctionalsConfig:
        for name, values in (("set", self.sets), ("parts", self.parts), ("speeds", self.speeds)):
            if len({*values}) < len(values):
                raise ValueError(f"{name} holds something twice; name it once")
        if 1 in self.speeds:
            raise ValueError("speeds holds 1, which is the utterance itself; leave it out")
        return self
