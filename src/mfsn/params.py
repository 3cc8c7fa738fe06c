"""params.yaml as one typed, frozen object, of which a stage sees what it declares.

dvc.yaml says which sections a stage depends on; `open_stage("train")` gives the stage those and
refuses the others, so that a parameter which is read but not declared cannot exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import (
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from mfsn import plugins
from mfsn.base.yaml_dialects import differences, replaced
from mfsn.base.yaml_file import read_yaml
from mfsn.config import Config
from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.errors import ConfigError, UndeclaredParameterError
from mfsn.evaluation.config import EvaluateConfig
from mfsn.features.config import EncoderConfig, FunctionalsConfig, MfccConfig, SpectrogramConfig
from mfsn.features.extraction.config import ExtractConfig
from mfsn.features.registry import config_type
from mfsn.models.config import ModelConfig
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
from mfsn.training.system import get_system
from mfsn.workspace import Outputs, find_workspace, store_root

if TYPE_CHECKING:
    from mfsn.training.experiment import Experiment


COMMON = ("labels", "segment", "protocol", "selection", "corruption")
"""Sections that search and train read for every system."""
RESTRICTED = ("model", "optimisation", "search")
"""Sections of which search and train read what the system declares."""
AFTER_SEARCH = ("train", "classical")
"""The same for sections that train alone reads."""


class Params(Config):
    """All of params.yaml.

    Sections of plug-ins, which have the name of their extractor or system, are in `plugins`.

    Example:
        >>> mfsn.load_params(Path()).protocol.name  # doctest: +SKIP
        'leave_one_session_out'
    """

    experiment: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """Name of the experiment. Its results are in `data/results/<corpus>/<experiment>`."""
    system: str
    """What is trained and scored: a name that docs/systems.md lists, or one of a plug-in."""
    seeds: list[int] = Field(min_length=1)
    """There is one fit per fold and seed. Scores are means over folds, then over seeds."""
    corpus: CorpusConfig
    labels: LabelsConfig
    prepare: PrepareConfig
    segment: SegmentConfig
    extract: ExtractConfig = ExtractConfig()
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

    _plugins: dict[str, Config] = PrivateAttr(default_factory=dict)

    @classmethod
    def parse(cls, values: Any, where: str) -> Self:
        """Build the parameters from plain values; see `Config.parse`."""
        own, others = dict(values) if isinstance(values, Mapping) else values, {}
        _require_plugins(own, where)
        for name, config in _sections_of_plugins(own).items():
            others[name] = config.parse(own.pop(name, {}), where=f"{where}: {name}")
        params = super().parse(own, where)
        params._plugins.update(others)
        return params

    @model_serializer(mode="wrap")
    def _with_plugins(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        own = {name: config.model_dump(mode="json") for name, config in self._plugins.items()}
        return {**serialise(self), **own}

    def section(self, name: str) -> Config:
        """The section of an extractor, or of a system that has one.

        Raises:
            ConfigError: if there is none of this name.
        """
        if name in self._plugins:
            return self._plugins[name]
        if name in type(self).model_fields:
            found = getattr(self, name)
            if isinstance(found, Config):
                return found
        raise ConfigError(f"params.yaml has no section {name}; add `{name}: {{}}` to it")

    @property
    def read(self) -> tuple[str, ...]:
        """The extractors whose rows are to be made: those that the system reads, or all."""
        if self.extract.unread:
            return tuple(self.extract.extractors)
        return tuple(get_system(self.system).reads)

    @field_validator("system")
    @classmethod
    def _system_is_known(cls, name: str) -> str:
        return get_system(plugins.require_known("systems", name)).name

    @field_validator("extract")
    @classmethod
    def _extractors_are_known(cls, extract: ExtractConfig) -> ExtractConfig:
        for name in extract.extractors:
            plugins.require_known("extractors", name)
        return extract

    @model_validator(mode="after")
    def _corruption_meets_tec(self) -> Self:
        if self.corruption.kind != "none" and "tec" not in get_system(self.system).reads:
            reading = [n for n in plugins.names("systems") if "tec" in get_system(n).reads]
            raise ValueError(
                f"corruption replaces TEC, which system {self.system} does not read; set "
                f"corruption.kind: none and both rates to 0, or choose one of {', '.join(reading)}"
            )
        return self

    @model_validator(mode="after")
    def _extractors_have_stages(self) -> Self:
        missing = [n for n in get_system(self.system).reads if n not in self.extract.extractors]
        if missing:
            raise ValueError(
                f"system {self.system} reads {', '.join(missing)}, which extract.extractors does "
                "not name; add it there"
            )
        return self

    @model_validator(mode="after")
    def _seeds_are_distinct(self) -> Self:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds holds a number twice")
        return self

    @model_validator(mode="after")
    def _dimensions_have_no_classes(self) -> Self:
        if self.labels.rated and self.optimisation.class_weights:
            raise ValueError(
                "optimisation.class_weights weighs classes, and labels.target is dimensions; set "
                "it to false"
            )
        if self.labels.rated and self.corpus.parts:
            raise ValueError(
                "labels.target: dimensions needs one corpus, and corpus.parts names several: only "
                "IEMOCAP states the range of its ratings, 1 to 5, so that there is no common "
                "unit; set it to classes"
            )
        return self


def _require_plugins(values: Any, where: str) -> None:
    """Check the name of the system first: without its plug-in, its section is unknown too."""
    if isinstance(values, Mapping) and isinstance(values.get("system"), str):
        try:
            plugins.require_known("systems", values["system"])
        except ConfigError as error:
            raise ConfigError(f"{where}: system: {error}") from None


def _sections_of_plugins(values: Any) -> dict[str, type[Config]]:
    """Section name to its type, for the plug-ins that plain values of params.yaml name.

    A section may also stay when no extractor or system of its name is in use. Names that are not
    known, or values that are no section, are left to the checks of `Params`.
    """
    if not isinstance(values, Mapping):
        return {}
    extract = values.get("extract")
    named = extract.get("extractors") if isinstance(extract, Mapping) else None
    sections = [name for name in values if name not in Params.model_fields]
    found: dict[str, type[Config]] = {
        _free(name, "extractors"): config_type(name)
        for name in _known([*(named if isinstance(named, list) else ()), *sections], "extractors")
        if name not in Params.model_fields or plugins.is_added("extractors", name)
    }
    unused = [name for name in sections if name not in found and name != values.get("system")]
    for name in _known([values.get("system"), *unused], "systems"):
        config = get_system(name).config
        if config is not None and name in found:
            raise ConfigError(
                f"an extractor and a system are both called {name} and have a section of "
                "params.yaml each; rename one of them in its plug-in"
            )
        if config is not None:
            found[_free(name, "systems")] = config
    return found


def _known(named: list[Any], kind: plugins.Kind) -> list[str]:
    return [name for name in named if isinstance(name, str) and name in plugins.names(kind)]


def _free(name: str, kind: plugins.Kind) -> str:
    """The name, unless a section of mfsn has it."""
    if name in Params.model_fields:
        distribution = plugins.origin(kind, name).get("distribution", "mfsn")
        raise ConfigError(
            f"{distribution} adds {name}, which is already the name of a section of params.yaml; "
            "rename it in that plug-in"
        )
    return name


class StageParams(Params):
    """The parameters of one stage: reading an undeclared section raises."""

    def __getattribute__(self, name: str) -> Any:
        if name in Params.model_fields:
            declared = object.__getattribute__(self, "__pydantic_private__")["_declared"]
            if declared is not None and name not in declared:
                raise _undeclared(name)
        return super().__getattribute__(name)

    _declared: frozenset[str] | None = None

    def section(self, name: str) -> Config:
        """The section of an extractor, or of a system that has one.

        Raises:
            ConfigError: if there is none of this name.
            UndeclaredParameterError: if the stage does not declare it.
        """
        if name in self._plugins and name not in (self._declared or ()):
            raise _undeclared(name)
        return super().section(name)


def _undeclared(name: str) -> UndeclaredParameterError:
    return UndeclaredParameterError(
        f"this stage reads `{name}` from params.yaml but dvc.yaml does not declare it; add it to "
        "the stage's params"
    )


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
            allowed, or that DVC reads as another one; one line for every problem.

    Example:
        >>> mfsn.load_params(Path("checkout")).corpus.name  # doctest: +SKIP
        'demo'
    """
    path = workspace / "params.yaml"
    values = read_yaml(path)
    params = Params.parse(values, where="params.yaml")
    refuse_read_otherwise(path.read_text(encoding="utf-8"), values, params)
    return params


def refuse_read_otherwise(text: str, values: Any, params: Params) -> None:
    """Refuse values that are other parameters for DVC than for mfsn.

    Args:
        text: of params.yaml.
        values: what mfsn reads in it.
        params: what these values mean.

    Raises:
        ConfigError: if there are any; one line for every value.
    """
    from ruamel.yaml.error import YAMLError

    try:
        found = differences(text)
    except YAMLError as error:
        said = " ".join(str(error).split("To suppress")[0].split())
        raise ConfigError(f"DVC cannot read params.yaml: {said}; correct it there") from None
    wrong = [each for each in found if not _means(params, replaced(values, each))]
    if wrong:
        raise ConfigError(
            "\n".join(
                f"params.yaml: {each.name} is {each.ours!r} for mfsn and {each.theirs!r} for DVC, "
                "which read different versions of YAML; write text in quotes, and numbers in plain "
                "decimal digits"
                for each in wrong
            )
        )


def _means(params: Params, values: Any) -> bool:
    try:
        return Params.parse(values, where="params.yaml") == params
    except ConfigError:
        return False


def outputs_of(params: Params, workspace: Path) -> Outputs:
    """Where the stages of these parameters write."""
    return Outputs(workspace, params.corpus.name, params.experiment)


def experiment_of(
    params: Params, outputs: Outputs, code: Mapping[str, str], *, searching: bool = False
) -> Experiment:
    """The experiment that parameters describe, as search and train run it.

    Args:
        params: all of them, or those of a stage that runs fits.
        outputs: where the stages write.
        code: module name to a hash of its meaning: the code of the system's fits.
        searching: leave out what only stage `train` reads.
    """
    from mfsn.training.declared import declared_section
    from mfsn.training.experiment import Experiment

    system = get_system(params.system)
    restricted = RESTRICTED if searching else (*RESTRICTED, *AFTER_SEARCH)
    declared: dict[str, Any] = {
        name: declared_section(system, name, getattr(params, name), searching=searching)
        for name in restricted
    }
    return Experiment(
        system=system,
        seeds=tuple(params.seeds),
        outputs=outputs,
        store=store_root(outputs.workspace),
        code=code,
        own=params.section(system.name) if system.config else None,
        **{name: getattr(params, name) for name in COMMON},
        **declared,
    )


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
    restricted._plugins = params._plugins
    declared = declared_sections(workspace, name)
    # No stage names a plug-in's section: it goes with the parameter that names the plug-in.
    declared |= {*params.extract.extractors} if "extract" in declared else set()
    declared |= {params.system} if "system" in declared else set()
    restricted._declared = declared
    return Stage(name, restricted, outputs_of(params, workspace))


def declared_sections(workspace: Path, stage: str) -> frozenset[str]:
    """The top-level names of params.yaml that dvc.yaml declares for a stage.

    Raises:
        ConfigError: if dvc.yaml is missing, is not YAML, or has no such stage.
    """
    name, _, item = stage.partition("@")
    try:
        entry = read_yaml(workspace / "dvc.yaml")["stages"][name]
        names = [str(declared) for declared in entry.get("params") or ()]
    except (KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"dvc.yaml has no stage {name} as DVC writes it; `git checkout dvc.yaml` brings it back"
        ) from None
    return frozenset(n.replace("${item.extractor}", item).partition(".")[0] for n in names)
