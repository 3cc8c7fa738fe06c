"""Parameters of corpora and of protocols (corpus, labels, prepare, segment, protocol)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from mfsn.config import Config

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"


class PartConfig(Config):
    """One corpus of a joined one."""

    name: str = Field(pattern=_NAME)
    """Its folder is found as if it stood alone; in the joined corpus, ids, speakers and sessions
    begin with `<name>/`."""
    reader: Literal[
        "demo", "ravdess", "emodb", "iemocap", "savee", "meld", "cremad", "nemo", "table"
    ]
    """The reader that understands its layout."""
    part: str | None = None
    """As `CorpusConfig.part`, of this corpus."""


class CorpusConfig(Config):
    """Which corpus, and how it is laid out."""

    name: str = Field(pattern=_NAME)
    """Folder name of the corpus below the corpora root; outputs are told apart by it."""
    reader: Literal[
        "demo", "ravdess", "emodb", "iemocap", "savee", "meld", "cremad", "nemo", "table", "joined"
    ]
    """The reader that understands its layout. joined: several corpora in one, for training on one
    and testing on another (protocol cross_corpus); it has no folder of its own."""
    part: str | None = None
    """Use one part of the corpus only: `improvised` or `scripted` of IEMOCAP; null: all of it."""
    unlabelled: Literal["drop", "soft"] = "drop"
    """Utterances whose raters did not agree (IEMOCAP's xxx). drop: left out and counted. soft: kept
    under the class with most votes, with the share of each class in the manifest's soft_label; they
    train and are never scored. Networks learn the shares (system classical: that class; target
    dimensions: their ratings, as of any other)."""
    parts: list[PartConfig] = Field(default_factory=list)
    """For the reader joined: its corpora, two or more. labels.merge brings their emotions to common
    names, and labels.classes takes those that all of them have."""

    @model_validator(mode="after")
    def _parts_are_those_of_a_joined_corpus(self) -> CorpusConfig:
        names = [part.name for part in self.parts]
        if self.reader != "joined" and names:
            raise ValueError(f"parts are for the reader joined, and the reader is {self.reader}")
        if self.reader == "joined" and len(names) < 2:
            raise ValueError("the reader joined needs two parts or more, each with name and reader")
        if len(set(names)) != len(names):
            raise ValueError("parts holds a name twice")
        if self.reader == "joined" and self.part is not None:
            raise ValueError("a joined corpus takes part with each of its parts, not as a whole")
        return self

    @property
    def members(self) -> list[CorpusConfig]:
        """The corpora that are read: the parts of a joined one, any other itself."""
        return [
            CorpusConfig(name=p.name, reader=p.reader, part=p.part, unlabelled=self.unlabelled)
            for p in self.parts
        ] or [self]


class LabelsConfig(Config):
    """What is recognised: emotions of the corpus as classes, or their dimensions as values."""

    classes: list[str] = Field(min_length=2)
    """Emotions to tell apart, in the order of the class indices; others are dropped, counted. They
    choose the utterances of target: dimensions too: the published comparison of pretraining rates
    the utterances of the four classes (assumed; MFSN section 5.3 names no others)."""
    merge: dict[str, str] = Field(default_factory=dict)
    """Emotions renamed before anything else, such as {calm: neutral}."""
    target: Literal["classes", "dimensions"] = "classes"
    """classes: the emotion, one of `classes`. dimensions: the ratings below, by regression;
    utterances without one of them are left out by name."""
    dimensions: list[Literal["valence", "arousal", "dominance"]] = Field(
        ["valence", "arousal", "dominance"], min_length=1
    )
    """What target: dimensions predicts, in the unit of the corpus's ratings (IEMOCAP: 1 to 5)."""

    @model_validator(mode="after")
    def _names_are_distinct(self) -> LabelsConfig:
        for field, names in (("classes", self.classes), ("dimensions", self.dimensions)):
            if len(set(names)) != len(names):
                raise ValueError(f"{field} holds a name twice")
        return self

    @property
    def rated(self) -> list[str]:
        """The dimensions that are predicted; none where the target is the classes."""
        return list(self.dimensions) if self.target == "dimensions" else []


class PrepareConfig(Config):
    """What `prepare` excludes, and whether a shortfall stops it."""

    silence_peak: float = Field(1e-4, ge=0, lt=1)
    """A clip whose peak amplitude (full scale = 1) stays at or below this is silent: excluded by
    name and counted."""
    require_complete: bool = True
    """Stop when the corpus has fewer files of a label than its published counts; else warn."""


Reading = Literal["fixed", "as_published"]
"""How an utterance becomes features."""


class SegmentConfig(Config):
    """How utterances are cut: no overlap, the last segment padded."""

    duration_s: float = Field(3.0, gt=0)
    sample_rate_hz: int = Field(16_000, gt=0)
    reading: Reading = "fixed"
    """fixed: every segment by itself, padded with zeros at its end, which nothing takes for audio.
    as_published: as the code of Co-attention does it, quirks included (facts 1.2 to 1.4).
    Pre-emphasis (0.97) over the utterance comes first. Spectrogram and MFCC are computed over the
    utterance and cut then, the spectrogram relative to the utterance's maximum; both are padded at
    the end with 0, which is the largest level. The encoders' waves are padded at the front. Padding
    counts as audio everywhere. Where the last segment is full, one more follows, of one frame."""

    @model_validator(mode="after")
    def _holds_a_sample(self) -> SegmentConfig:
        if self.samples < 1:
            raise ValueError("duration_s is shorter than one sample")
        return self

    @property
    def samples(self) -> int:
        """Samples of one segment (48,000 by default)."""
        return round(self.duration_s * self.sample_rate_hz)

    @property
    def padding_counts(self) -> bool:
        """Whether all that reads the features takes padding for audio."""
        return self.reading == "as_published"

    def audible(self, valid_S: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Samples of each segment that what reads the features takes for audio.

        Args:
            valid_S: samples of real audio in each segment.
        """
        return valid_S.clip(min=self.samples) if self.padding_counts else valid_S

    @classmethod
    def of_recipe(cls, recipe: Mapping[str, Any]) -> SegmentConfig:
        """How the segments were cut whose rows have an identity with this `segment` recipe."""
        return cls(**{name: recipe[name] for name in cls.model_fields if name in recipe})


class ProtocolConfig(Config):
    """How folds are made."""

    name: Literal[
        "leave_one_session_out",
        "leave_one_speaker_out",
        "stratified_k_fold",
        "grouped_k_fold",
        "folds_from_file",
        "official_split",
        "cross_corpus",
    ]
    folds: int = Field(5, ge=2)
    """Number of folds of the k-fold protocols. cross_corpus: the speakers of each corpus are parted
    into as many groups, of which one is for development and one for the test within the corpus.
    The others ignore it."""
    seed: int = Field(0, ge=0)
    """Seed of the shuffle of the k-fold protocols and of cross_corpus."""
    file: str | None = None
    """For folds_from_file: `ravdess_emobox` (shipped) or a path relative to the workspace."""
