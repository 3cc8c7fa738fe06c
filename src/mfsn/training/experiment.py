"""What search and train start from: parameters, tables, digests and folds, checked together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from mfsn.base.quantities import counted
from mfsn.config import Config
from mfsn.corpora.config import LabelsConfig
from mfsn.errors import TrainingError
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table
from mfsn.models.config import ModelConfig
from mfsn.models.frames import refuse_unlike_frames
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.fold import some
from mfsn.protocols.joined import own_name
from mfsn.protocols.make import Fold, make_folds
from mfsn.segments.config import SegmentConfig
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec
from mfsn.training.config import (
    ClassicalConfig,
    CorruptionConfig,
    OptimisationConfig,
    SearchConfig,
    SelectionConfig,
    TrainConfig,
)
from mfsn.training.data.labels import Label, labels_of
from mfsn.training.system import Sizes, System
from mfsn.workspace import Outputs

if TYPE_CHECKING:
    from mfsn.store.reader import FeatureReader


StageName = Literal["search", "train"]


@dataclass(frozen=True)
class Experiment:
    """The parameters of an experiment and the places of its inputs; tables are read when needed.

    It is sent to worker processes together with the tables that it has read.
    """

    system: System
    seeds: tuple[int, ...]
    labels: LabelsConfig
    segment: SegmentConfig
    protocol: ProtocolConfig
    model: ModelConfig
    optimisation: OptimisationConfig
    search: SearchConfig
    selection: SelectionConfig
    outputs: Outputs
    store: Path
    """Root of the feature cache; unfinished fits are kept there too."""
    code: Mapping[str, str]
    """Module name to a hash of its meaning: the code of the system's fits."""
    corruption: CorruptionConfig = field(default_factory=CorruptionConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    classical: ClassicalConfig = field(default_factory=ClassicalConfig)
    own: Config | None = None
    """The section of params.yaml with the system's own name, if the system declares one."""

    def parameters(self, stage: StageName) -> dict[str, Any]:
        """The parameters that decide a fit of the system, as params.yaml nests them."""
        found: dict[str, Any] = {}
        after_search = self.system.after_search if stage == "train" else ()
        for name in (*self.system.parameters, *after_search):
            section, _, leaf = name.partition(".")
            values = getattr(self, section)
            own = {leaf: getattr(values, leaf)} if leaf else values.model_dump(mode="json")
            found.setdefault(section, {}).update(own)
        if self.own is not None:
            found[self.system.name] = self.own.model_dump(mode="json")
        return found

    @cached_property
    def manifest(self) -> pd.DataFrame:
        """The utterances (`mfsn.manifest.UTTERANCES`).

        Raises:
            ManifestError: if the table is missing or damaged.
            TrainingError: if the label of an utterance is not a class, or a class has no
                utterance; if an utterance lacks a dimension that is to be predicted.
        """
        table = read_table(self.outputs.manifest, UTTERANCES)
        self._check_labels(table)
        return table

    def _check_labels(self, table: pd.DataFrame) -> None:
        differing = sorted(set(table["emotion"]) ^ set(self.labels.classes))
        if differing:
            raise TrainingError(
                f"{', '.join(differing)}: in only one of the manifest and labels.classes; correct "
                "labels in params.yaml, then run `dvc repro`"
            )
        unrated = table.loc[table[self.labels.rated].isna().any(axis=1), "utterance_id"]
        if len(unrated):
            raise TrainingError(
                f"{counted(len(unrated), 'utterance')} without {' or '.join(self.labels.rated)} "
                f"({some(unrated)}); run `dvc repro`, which leaves them out"
            )

    @cached_property
    def segments(self) -> pd.DataFrame:
        """The segments (`mfsn.manifest.SEGMENTS`), in the order of the table.

        Raises:
            ManifestError: if the table is missing or damaged.
            TrainingError: if an utterance has no segment.
        """
        table = read_table(self.outputs.segments, SEGMENTS)
        without = set(self.manifest["utterance_id"]) - set(table["utterance_id"])
        if without:
            raise TrainingError(
                f"{counted(len(without), 'utterance')} without a segment ({some(without)}); "
                "run `dvc repro`"
            )
        return table

    @cached_property
    def digests(self) -> dict[str, Digest]:
        """The digest of each extractor that the system reads."""
        return {name: Digest.read(self.outputs.digest(name)) for name in self.system.reads}

    @property
    def arrays(self) -> dict[str, tuple[ArraySpec, ...]]:
        """The arrays that the system reads, by extractor."""
        digests = self.digests.items()
        return {name: self.system.chosen(name, digest.arrays) for name, digest in digests}

    @property
    def sizes(self) -> Sizes:
        """What the system reads, counted."""
        rows = {name: len(digest.ids) for name, digest in self.digests.items()}
        return Sizes(self.arrays, rows, len(self.manifest))

    def refuse_unlike_frames(self) -> None:
        """Stop before any rows are read if SEC and TEC cannot be joined.

        Raises:
            ConfigError: as `mfsn.models.frames.refuse_unlike_frames`.
        """
        parts = self.system.network
        if parts is not None:
            frames = {str(n): self.digests[n].arrays[-1].shape[0] for n in parts.encoders}
            refuse_unlike_frames(parts, self.model, frames)

    @cached_property
    def folds(self) -> list[Fold]:
        """The folds of the protocol.

        Raises:
            ProtocolError: as `mfsn.protocols.make.make_folds`.
            TrainingError: if an encoder was trained on a development or test speaker of a
                speaker-independent fold.
        """
        folds = make_folds(self.manifest, self.protocol, self.outputs.workspace)
        for name, digest in self.digests.items():
            for fold in folds:
                self._refuse_heard_speakers(name, digest, fold)
        return folds

    def reader(self, extractor: str, fold: str | None = None) -> FeatureReader:
        """A reader of an extractor's cached rows; `fold` matters only if it has rows per fold."""
        from mfsn.store.reader import FeatureReader

        return FeatureReader.open(self.outputs.digest(extractor), self.store, fold)

    @property
    def class_of(self) -> dict[str, int]:
        """Class index by utterance id."""
        index = {name: i for i, name in enumerate(self.labels.classes)}
        columns = (self.manifest["utterance_id"], self.manifest["emotion"].map(index))
        return {name: int(i) for name, i in zip(*columns, strict=True)}

    @property
    def label_of(self) -> dict[str, Label]:
        """The label of each utterance, by its id; see `labels_of`."""
        return labels_of(self.manifest, self.labels)

    @property
    def speaker_of(self) -> dict[str, str]:
        """Speaker by utterance id; NaN where unknown."""
        return dict(zip(self.manifest["utterance_id"], self.manifest["speaker"], strict=True))

    def speakers(self, ids: tuple[str, ...]) -> list[str]:
        """The known speakers of utterances, sorted."""
        chosen = self.manifest["utterance_id"].isin(ids)
        return sorted(self.manifest.loc[chosen, "speaker"].dropna().unique())

    def _refuse_heard_speakers(self, extractor: str, digest: Digest, fold: Fold) -> None:
        held_out = self.speakers(fold.dev + fold.test)
        names = {*held_out, *map(own_name, held_out)}  # an encoder knows no joined corpus
        heard = set(digest.about.get("speakers", ())) & names
        if heard and fold.speaker_independent:
            raise TrainingError(
                f"{fold.title}: the encoder of {extractor} was trained on {some(heard)}, who "
                "is held out here; use an encoder that has not heard them, or a speaker-dependent "
                "protocol"
            )
