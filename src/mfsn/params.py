"""params.yaml as one typed, frozen object, of which a stage sees what it declares.

dvc.yaml says which sections a stage depends on; `open_stage("train")` gives the stage those and
refuses the others, so that a parameter which is read but not declared cannot exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationInfo, field_validator, model_validator

from mfsn.config import Config
from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.errors import ConfigError, UndeclaredParameterError
from mfsn.evaluation.config import EvaluateConfig
from mfsn.features.config import (
    EncoderConfig,
    FunctionalsConfig,
    MfccConfig,
    SpectrogramConfig,
)
from mfsn.models.config import READ_TEC, ModelConfig, System
from mfsn.protocols.config import ProtocolConfig
from mfsn.segments.config import SegmentConfig
from mfsn.training.config import (
    ClassicalConfig,
    CorruptionConfig,
    OptimisationConfig,
    SearchConfig,
    SelectionConfig,
    TrainConfig,
)
from mfsn.workspace import Outputs, find_workspace


class Params(Config):
    """All of params.yaml."""

    experiment: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """Results stand in data/results/<corpus>/<experiment>."""
    system: System
    seeds: list[int] = Field(min_length=1)
    """One fit a fold and seed; scores are means over folds, then seeds."""
    corpus: CorpusConfig
    labels: LabelsConfig
    prepare: PrepareConfig
    segment: SegmentConfig
    sec: EncoderConfig
    tec: EncoderConfig
    spectrogram: SpectrogramConfig
    mfcc: MfccConfig
    functionals: FunctionalsConfig
    protocol: ProtocolConfig
    model: ModelConfig
    optimisation: OptimisationConfig
    search: SearchConfig
    selection: SelectionConfig
    train: TrainConfig
    classical: ClassicalConfig
    corruption: CorruptionConfig = CorruptionConfig()
    evaluate: EvaluateConfig

    @field_validator("corruption")
    @classmethod
    def _tec_is_read(cls, corruption: CorruptionConfig, given: ValidationInfo) -> CorruptionConfig:
        system = given.data.get("system")
        if corruption.kind != "none" and system not in (*READ_TEC, None):
            raise ValueError(
                f"it replaces TEC, which system {system} does not read; set kind: none and both "
                f"rates to 0, or choose one of {', '.join(READ_TEC)}"
            )
        return corruption

    @model_validator(mode="after")
    def _seeds_are_distinct(self) -> Params:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds holds a number twice")
        return self

    @model_validator(mode="after")
    def _dimensions_have_no_classes(self) -> Params:
        if self.labels.rated and self.optimisation.class_weights:
            raise ValueError(
                "optimisation.class_weights weighs classes, and labels.target is dimensions; set "
                "it to false"
            )
        if self.labels.rated and self.corpus.parts:
            raise ValueError(
                "labels.target: dimensions needs one corpus, and corpus.parts names several: only "
                "IEMOCAP's ratings have a range that is stated, 1 to 5, so that there is no common "
                "unit; set it to classes"
            )
        return self


class StageParams(Params):
    """The parameters of one stage: reading an undeclared section raises."""

    def __getattribute__(self, name: str) -> Any:
        if name in Params.model_fields:
            declared = object.__getattribute__(self, "__pydantic_private__")["_declared"]
            if declared is not None and name not in declared:
                raise UndeclaredParameterError(
                    f"this stage reads `{name}` from params.yaml but dvc.yaml does not declare "
                    "it; add it to the stage's params"
                )
        return super().__getattribute__(name)

    _declared: frozenset[str] | None = None


@dataclass(frozen=True)
class Stage:
    """What a stage script starts from: its own parameters and everybody's paths."""

    name: str
    params: Params
    outputs: Outputs


def load_params(workspace: Path) -> Params:
    """Read all of params.yaml.

    Raises:
        ConfigError: if params.yaml is missing, is not YAML, or holds a name or value that is not
            allowed; one line for every problem.
    """
    return Params.parse(read_yaml(workspace / "params.yaml"), where="params.yaml")


def outputs_of(params: Params, workspace: Path) -> Outputs:
    """Where the stages of these parameters write."""
    return Outputs(workspace, params.corpus.name, params.experiment)


def open_stage(name: str) -> Stage:
    """The parameters and paths of a stage of the current workspace.

    Args:
        name: a stage of dvc.yaml, with `@item` for one of a matrix (`extract@sec`). Of its
            parameters only the sections that dvc.yaml declares can be read; paths need none,
            since dvc.yaml templates them.

    Raises:
        ConfigError: as `load_params`.
        WorkspaceError: if the current folder does not lie in a checkout.
    """
    workspace = find_workspace()
    params = load_params(workspace)
    restricted = StageParams.model_construct(
        **{field: getattr(params, field) for field in Params.model_fields}
    )
    restricted._declared = declared_sections(workspace, name)
    return Stage(name, restricted, outputs_of(params, workspace))


def declared_sections(workspace: Path, stage: str) -> frozenset[str]:
    """The top-level names of params.yaml that dvc.yaml declares for a stage."""
    name, _, item = stage.partition("@")
    try:
        entry = read_yaml(workspace / "dvc.yaml")["stages"][name]
        names = [str(declared) for declared in entry.get("params") or ()]
    except (KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"dvc.yaml has no stage {name} as DVC writes it; `git checkout dvc.yaml` brings it back"
        ) from None
    return frozenset(n.replace("${item.extractor}", item).partition(".")[0] for n in names)


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        ConfigError: if it is missing, cannot be read, or is not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} is missing; `git checkout {path.name}` brings it back") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); mend that first") from None
    except yaml.MarkedYAMLError as error:
        place, said = error.problem_mark or error.context_mark, error.problem or error.context
        where = f"line {place.line + 1}, column {place.column + 1}: {said}" if place else said
        raise ConfigError(f"{path.name} is not valid YAML: {where}; mend it there") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigError(
            f"{path.name} is not valid YAML: it holds characters that are no text in UTF-8; save "
            "it as plain text"
        ) from None
