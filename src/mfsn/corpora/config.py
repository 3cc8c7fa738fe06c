"""Parameters of corpora (params.yaml: corpus, labels, prepare)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from mfsn import plugins
from mfsn.config import Config

_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"


JOINED = "joined"
"""Instead of a reader: several corpora in one."""


class PartConfig(Config):
    """One corpus of a joined one."""

    name: str = Field(pattern=_NAME)
    """Its folder is found as if it stood alone; in the joined corpus, ids, speakers and sessions
    begin with `<name>/`."""
    reader: str
    """The reader that understands its layout."""
    part: str | None = None
    """As `CorpusConfig.part`, of this corpus."""

    @field_validator("reader")
    @classmethod
    def _reader_is_known(cls, name: str) -> str:
        return plugins.require_known("corpora", name)


class CorpusConfig(Config):
    """Which corpus, and how it is laid out."""

    name: str = Field(pattern=_NAME)
    """Folder name of the corpus below the corpora root; outputs are told apart by it."""
    reader: str
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

    @field_validator("reader")
    @classmethod
    def _reader_is_known(cls, name: str) -> str:
        return name if name == JOINED else plugins.require_known("corpora", name)

    @model_validator(mode="after")
    def _parts_are_those_of_a_joined_corpus(self) -> CorpusConfig:
        names = [part.name for part in self.parts]
        if self.reader != JOINED and names:
            raise ValueError(f"parts are for the reader joined, and the reader is {self.reader}")
        if self.reader == JOINED and len(names) < 2:
            raise ValueError("the reader joined needs two parts or more, each with name and reader")
        if len(set(names)) != len(names):
            raise ValueError("parts holds a name twice")
        if self.reader == JOINED and self.part is not None:
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
