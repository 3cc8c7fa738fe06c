"""Parameters of corpora (params.yaml: corpus, labels, prepare)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from mfsn import plugins
from mfsn.config import Config

_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"

JOINED = "joined"
"""Takes the place of a reader if several corpora are read as one."""


class PartConfig(Config):
    """One corpus of a joined corpus."""

    name: str = Field(pattern=_NAME)
    """Name of this corpus. Its folder is found as if it were the only corpus; in the joined corpus,
    its ids, speakers and sessions begin with `<name>/`."""
    reader: str
    """The reader that understands its layout: a reader of mfsn or of a plug-in."""
    part: str | None = None
    """Use only one part of this corpus, as `CorpusConfig.part`."""

    @field_validator("reader")
    @classmethod
    def _reader_is_known(cls, name: str) -> str:
        return plugins.require_known("corpora", name)


class CorpusConfig(Config):
    """Which corpus is used, and how its folder is laid out."""

    name: str = Field(pattern=_NAME)
    """Name of the corpus folder below the corpora root. Results of different corpora are kept apart
    by this name."""
    reader: str
    """The reader that understands the layout: a reader of mfsn or of a plug-in. joined: several
    corpora are read as one, so that a system can be trained on one and tested on another (protocol
    cross_corpus); a joined corpus has no folder of its own."""
    part: str | None = None
    """Use only one part of the corpus, such as `improvised` or `scripted` for IEMOCAP; null: use
    all of it."""
    unlabelled: Literal["drop", "soft"] = "drop"
    """What happens to utterances whose raters did not agree (IEMOCAP's xxx). drop: they are left
    out and counted. soft: they are kept and used for training, but never scored. Their class is the
    one with most votes, and the column soft_label of the manifest has the share of each class.
    Networks learn these shares; system classical learns the class; target dimensions learns the
    ratings, as for any other utterance."""
    parts: list[PartConfig] = Field(default_factory=list)
    """The corpora of a joined corpus, two or more; only for the reader joined. labels.merge gives
    their emotions common names, and labels.classes chooses emotions that all of them have."""

    @field_validator("reader")
    @classmethod
    def _reader_is_known(cls, name: str) -> str:
        return plugins.require_known("corpora", name, also=[JOINED])

    @model_validator(mode="after")
    def _parts_are_those_of_a_joined_corpus(self) -> CorpusConfig:
        names = [part.name for part in self.parts]
        if self.reader != JOINED and names:
            raise ValueError(
                f"parts are only for the reader joined, and the reader is {self.reader}; remove "
                "them, or set reader to joined"
            )
        if self.reader == JOINED and len(names) < 2:
            raise ValueError(
                "the reader joined needs two or more parts, each with a name and a reader"
            )
        if len(set(names)) != len(names):
            raise ValueError("two parts have the same name; rename one of them")
        if self.reader == JOINED and self.part is not None:
            raise ValueError(
                "a joined corpus has no part; set part for the corpora in parts instead"
            )
        return self

    @property
    def members(self) -> list[CorpusConfig]:
        """The corpora that are read: the parts of a joined corpus, or the corpus itself."""
        return [
            CorpusConfig(name=p.name, reader=p.reader, part=p.part, unlabelled=self.unlabelled)
            for p in self.parts
        ] or [self]


class LabelsConfig(Config):
    """What is recognised: emotions as classes, or emotional dimensions as numbers."""

    classes: list[str] = Field(min_length=2)
    """The emotions to recognise, in the order of the class indices. Utterances with other emotions
    are left out and counted, also when the target is dimensions: the published comparison of
    pretraining is assumed to use the utterances of the four classes (MFSN section 5.3 names no
    others)."""
    merge: dict[str, str] = Field(default_factory=dict)
    """Emotions that are renamed before everything else, such as {calm: neutral}."""
    target: Literal["classes", "dimensions"] = "classes"
    """classes: recognise the emotion, one of `classes`. dimensions: predict the ratings that
    `dimensions` names, by regression; utterances without one of these ratings are left out, and
    their ids are listed."""
    dimensions: list[Literal["valence", "arousal", "dominance"]] = Field(
        ["valence", "arousal", "dominance"], min_length=1
    )
    """The ratings that are predicted when the target is dimensions, in the unit of the corpus
    (IEMOCAP: 1 to 5)."""

    @model_validator(mode="after")
    def _names_are_distinct(self) -> LabelsConfig:
        for field, names in (("classes", self.classes), ("dimensions", self.dimensions)):
            if len(set(names)) != len(names):
                raise ValueError(f"{field} contains a name twice; name it once")
        return self

    @property
    def rated(self) -> list[str]:
        """The dimensions that are predicted; none if the target is classes."""
        return list(self.dimensions) if self.target == "dimensions" else []


class PrepareConfig(Config):
    """What `prepare` leaves out, and whether missing files stop it."""

    silence_peak: float = Field(1e-4, ge=0, lt=1)
    """A recording is silent if the peak amplitude of its stored wave (mono; full scale = 1) is not
    above this value; a constant offset counts as nothing. Silent recordings are left out; they are
    counted and listed by name."""
    require_complete: bool = True
    """true: stop if the corpus has fewer files of a label than were published. false: only warn."""
