"""Everything that the report page shows, read from the files that the stages wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mfsn.base.kept_json import read_kept
from mfsn.config import Config
from mfsn.errors import ManifestError
from mfsn.manifest import UTTERANCES, predictions_schema, read_table
from mfsn.protocols.fold import fold_title
from mfsn.workspace import Outputs


@dataclass(frozen=True)
class Unit:
    """One fold with one seed; fields that the system does not have are empty."""

    fold: str
    seed: int
    model: dict[str, Any]
    """model.json: the chosen rule, epoch and level."""
    curves: list[dict[str, Any]]
    """history.json of training, one entry per epoch."""
    genotype: dict[str, Any]
    """genotype.json of the search."""
    search_curves: list[dict[str, Any]]
    """history.json of the search, with the operation weights of each epoch."""
    level_scores: list[dict[str, Any]] = field(default_factory=list)
    """The scores of each level, from levels.json (systems probe and layer_statistics only)."""
    layer_weights: list[dict[str, Any]] = field(default_factory=list)
    """The weight that was learnt for each level (system weighted_layers only)."""

    @property
    def name(self) -> str:
        """The fold and the seed, for captions."""
        return f"{fold_title(self.fold)}, seed {self.seed}"

    @property
    def levels(self) -> list[str]:
        """The levels with development scores, in the order of the encoder's layers.

        Empty for systems that have no epochs and levels.
        """
        scored = self.curves[0].get("dev") or {} if self.curves else {}
        return [level for level in self.model.get("levels", []) if level in scored]

    @property
    def largest_weight(self) -> float:
        """The largest operation weight at any epoch of the search."""
        epochs = [epoch["alpha_weights"] for epoch in self.search_curves]
        return float(max(weight for cells in epochs for cell in cells for weight in cell))


@dataclass(frozen=True)
class Run:
    """An experiment of which all stages have run."""

    about: dict[str, Any]
    """models/run.json."""
    preparation: dict[str, dict[str, Any]]
    """The parameters from which the manifest was made, by section."""
    units: list[Unit]
    scores: dict[str, Any]
    """scores.json."""
    manifest: pd.DataFrame
    excluded: dict[str, Any]
    predictions: pd.DataFrame
    """The utterance predictions of the chosen selection rule and of the folds that count."""

    @property
    def classes(self) -> list[str]:
        """Class names in the order of the class indices."""
        return list(self.about["classes"])

    @property
    def dimensions(self) -> list[str]:
        """Names of the dimensions that are predicted; empty if classes are predicted."""
        return list(self.about.get("dimensions", []))

    @property
    def is_demo(self) -> bool:
        """Whether this is the demo; only its corpus knows if words and prosody agree."""
        return bool(self.manifest["congruent"].notna().any())


def read_run(outputs: Outputs, preparation: Mapping[str, Config]) -> Run:
    """Read what the stages of an experiment wrote.

    Args:
        outputs: the paths of the experiment's files.
        preparation: the sections of the parameters from which the manifest was made; no stage
            writes them down.

    Raises:
        ManifestError: if a file that every experiment has is missing, or a table does not follow
            its schema.
        DamagedFileError: if a file is damaged, and later, when an entry is asked for that it lacks.
    """
    about, scores = _read(outputs.models / "run.json"), _read(outputs.scores)
    predictions = read_table(
        outputs.predictions, predictions_schema(about["classes"], about.get("dimensions", ()))
    )
    return Run(
        about=about,
        preparation={name: s.model_dump(mode="json") for name, s in preparation.items()},
        units=_read_units(outputs, predictions),
        scores=scores,
        manifest=read_table(outputs.manifest, UTTERANCES),
        excluded=_read(outputs.prepared / "excluded.json"),
        predictions=_counted(predictions, scores),
    )


def _counted(predictions: pd.DataFrame, scores: Mapping[str, Any]) -> pd.DataFrame:
    rule = predictions["selection"] == scores["selection"]
    counted: pd.DataFrame = predictions[rule & predictions["fold"].isin(scores["folds"])]
    return counted


def _read_units(outputs: Outputs, predictions: pd.DataFrame) -> list[Unit]:
    pairs = sorted(set(zip(predictions["fold"], predictions["seed"], strict=True)))
    return [_read_unit(outputs, str(fold), int(seed)) for fold, seed in pairs]


def _read_unit(outputs: Outputs, fold: str, seed: int) -> Unit:
    model, search = (root / f"{fold}-seed{seed}" for root in (outputs.models, outputs.search))
    return Unit(
        fold=fold,
        seed=seed,
        model=_read_optional(model / "model.json") or {},
        curves=_read_optional(model / "history.json", list) or [],
        genotype=_read_optional(search / "genotype.json") or {},
        search_curves=_read_optional(search / "history.json", list) or [],
        level_scores=(_read_optional(model / "levels.json") or {}).get("levels", []),
        layer_weights=(_read_optional(model / "layer_weights.json") or {}).get("layers", []),
    )


def _read_optional(path: Path, kind: type[dict[str, Any] | list[Any]] = dict) -> Any:
    return read_kept(path, kind) if path.is_file() else None


def _read(path: Path) -> Any:
    if not path.is_file():
        raise ManifestError(f"{path} is missing; run `dvc repro` to create it")
    return read_kept(path)
