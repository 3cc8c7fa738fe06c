"""Parameters of corpora and of protocols (corpus, labels, prepare, segment, protocol)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mfsn.config import Config


class CorpusConfig(Config):
    """Which corpus, and how it is laid out."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """Folder name of the corpus below the corpora root; outputs are told apart by it."""
    reader: Literal[
        "demo", "ravdess", "emodb", "iemocap", "savee", "meld", "cremad", "nemo", "table"
    ]
    """The reader that understands its layout."""
    part: str | None = None
    """Use one part of the corpus only: `improvised` or `scripted` of IEMOCAP; null: all of it."""
    unlabelled: Literal["drop", "soft"] = "drop"
    """Utterances whose raters did not agree (IEMOCAP's xxx). drop: left out and counted. soft: kept
    under the class with most votes, with the share of each class in the manifest's soft_label; they
    train and are never scored."""


class LabelsConfig(Config):
    """Which emotions of the corpus are the classes."""

    classes: list[str] = Field(min_length=2)
    """Emotions to tell apart, in the order of the class indices; others are dropped, counted."""
    merge: dict[str, str] = Field(default_factory=dict)
    """Emotions renamed before anything else, such as {calm: neutral}."""

    @model_validator(mode="after")
    def _classes_are_distinct(self) -> LabelsConfig:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes holds a name twice")
        return self


class PrepareConfig(Config):
    """What `prepare` excludes, and whether a shortfall stops it."""

    silence_peak: float = Field(1e-4, ge=0, lt=1)
    """A clip whose peak amplitude (full scale = 1) stays at or below this is silent: excluded by
    name and counted."""
    require_complete: bool = True
    """Stop when the corpus has fewer files of a label than its published counts; else warn."""


class SegmentConfig(Config):
    """How utterances are cut: no overlap, the last segment padded with zeros at the end."""

    duration_s: float = Field(3.0, gt=0)
    sample_rate_hz: int = Field(16_000, gt=0)

    @model_validator(mode="after")
    def _holds_a_sample(self) -> SegmentConfig:
        if self.samples < 1:
            raise ValueError("duration_s is shorter than one sample")
        return self

    @property
    def samples(self) -> int:
        """Samples of one segment (48,000 by default)."""
        return round(self.duration_s * self.sample_rate_hz)


class ProtocolConfig(Config):
    """How folds are made."""

    name: Literal[
        "leave_one_session_out",
        "leave_one_speaker_out",
        "stratified_k_fold",
        "grouped_k_fold",
        "folds_from_file",
        "official_split",
    ]
    folds: int = Field(5, ge=2)
    """Number of folds of the k-fold protocols; the others ignore it."""
    seed: int = Field(0, ge=0)
    """Seed of the shuffle of the k-fold protocols."""
    file: str | None = None
    """For folds_from_file: `ravdess_emobox` (shipped) or a path relative to the workspace."""
