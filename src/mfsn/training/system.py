"""What a system is: one declaration, which the stages, the report and prediction follow.

A declaration holds names and plain values, so that reading it imports nothing heavy. The code that
fits and scores is named as `module:class` and imported when it runs. A fit is identified by the
code that its `fits` and `search` classes import, so that the code of other systems never runs it
again.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from mfsn import plugins
from mfsn.config import Config
from mfsn.errors import ConfigError
from mfsn.models.config import NetworkParts

if TYPE_CHECKING:
    from pathlib import Path

    from mfsn.base.arrays import Float64
    from mfsn.features.base import Extractor, Together
    from mfsn.features.extraction.in_memory import Recording, Span
    from mfsn.models.base import Network
    from mfsn.runs.work import Device, Do
    from mfsn.store.spec import ArraySpec
    from mfsn.training.experiment import Experiment

Arrays = Literal["all", "last"] | tuple[str, ...]
"""Which arrays of an extractor are read: all, the last one, or those named."""

Pieces = Literal["segments", "utterances"]
"""What a model decides on: segments, whose scores are put together per utterance, or whole
utterances."""


@dataclass(frozen=True)
class System:
    """One system of `params.yaml: system`.

    A plug-in declares its own: an entry point in the group `mfsn.systems` names an instance.

    Attributes:
        name: its name in params.yaml; that of the entry point.
        title: its name on pages and in tables, such as `SEC + TEC`.
        description: what it does, in a few words, as `mfsn` prints them.
        reads: extractor to the arrays of it that are read. Nothing else is extracted or loaded.
        parameters: the parameters that decide a fit, beside labels, segment, protocol and
            selection: sections (`model`) or single parameters (`optimisation.class_weights`).
        fits: `module:class` of its `Fits` for stage `train`.
        scorer: `module:class` of its `Scorer`, which is made from a model's folder and its
            extractors.
        search: `module:class` of its `Fits` for stage `search`; None if nothing is searched.
        network: the parts of its network; None if it trains no network, or a network of another
            kind.
        builds: `module:function` that makes its network, with the arguments of
            `mfsn.models.network.build_network`. `config` is the system's own section of
            params.yaml, or else `model`. None for a system that trains no network.
        pieces: whether a model decides on segments, whose scores are put together per utterance, or
            on whole utterances.
        config: the type of a section of params.yaml that has the system's own name; for plug-ins.
        after_search: as `parameters`, for the parameters that only stage `train` reads.
    """

    name: str
    title: str
    description: str
    reads: Mapping[str, Arrays]
    parameters: tuple[str, ...]
    after_search: tuple[str, ...] = field(default=(), kw_only=True)
    fits: str
    scorer: str
    search: str | None = None
    network: NetworkParts | None = None
    builds: str | None = None
    pieces: Pieces = "segments"
    config: type[Config] | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """The part of the declaration that decides a fit, as plain values."""
        return {
            "name": self.name,
            "reads": {
                name: list(a) if isinstance(a, tuple) else a for name, a in self.reads.items()
            },
            "code": [self.search, self.fits, self.builds],
            "network": None if self.network is None else asdict(self.network),
            **plugins.origin("systems", self.name),
        }

    def chosen(self, extractor: str, arrays: tuple[ArraySpec, ...]) -> tuple[ArraySpec, ...]:
        """The arrays of an extractor that are read, in their order.

        Args:
            extractor: one of `reads`.
            arrays: all that it has.

        Raises:
            ConfigError: if an array that the system names is not among them.
        """
        wanted = self.reads[extractor]
        if wanted == "all":
            return arrays
        if wanted == "last":
            return arrays[-1:]
        missing = sorted(set(wanted) - {array.name for array in arrays})
        if missing:
            raise ConfigError(
                f"system {self.name} reads {', '.join(missing)} of {extractor}, which has only "
                f"{', '.join(array.name for array in arrays)}; choose another system or extractor"
            )
        return tuple(array for array in arrays if array.name in wanted)


@dataclass(frozen=True)
class Sizes:
    """The size of what a system reads, known before it is read."""

    arrays: Mapping[str, tuple[ArraySpec, ...]]
    """Extractor to the arrays that are read."""
    rows: Mapping[str, int]
    """Extractor to its number of rows."""
    utterances: int

    @property
    def row_bytes(self) -> int:
        """Bytes of all rows."""
        from mfsn.store.layout import row_bytes  # numpy, which `scan` does without

        return sum(
            self.rows[name] * row_bytes(array)
            for name, arrays in self.arrays.items()
            for array in arrays
        )


@dataclass(frozen=True)
class Fits(ABC):
    """How a system's units are fitted; an instance is sent to worker processes.

    A system derives its own class, and changes what is not as here.
    """

    streams: ClassVar[bool] = False
    """Whether rows may stay in the store while units are fitted."""
    threads: ClassVar[int | None] = 1
    """The threads of one unit: see `mfsn.runs.work.Needs`. 1 for all but the training of encoders.
    Another number rounds differently."""
    device: ClassVar[Device] = "cpu"
    """`cpu` for what never uses a GPU, `auto` for what uses one if there is one."""

    experiment: Experiment
    streaming: bool
    """Whether large arrays stay in the store and are read batch by batch."""

    @abstractmethod
    def open(self) -> Do:
        """Read what all units need, once per process; the result computes one unit.

        A unit leaves the files that `mfsn.training.results` writes, or for a search those of
        `mfsn.systems.search`.
        """

    @staticmethod
    def held_bytes(sizes: Sizes) -> int:
        """Bytes of features that one process holds if rows do not stay in the store: all rows."""
        return sizes.row_bytes

    @staticmethod
    @abstractmethod
    def about(experiment: Experiment) -> dict[str, Any]:
        """Entries of run.json that only this system has; `fitted` names what is fitted."""

    @staticmethod
    def jobs(experiment: Experiment) -> int | None:  # noqa: ARG004 (of the machine alone)
        """How many units run at once if the system decides it; None if the machine decides it."""
        return None


class Scorer(Protocol):
    """A trained model with its extractors; made from its folder and the extractors by name."""

    def spans(self, recording: Recording) -> list[Span]:
        """The pieces of a recording that are scored, in samples."""
        ...

    def __call__(self, group: Sequence[Recording]) -> Float64:
        """Log-posteriors of classes, or values of dimensions: [pieces, C], float64.

        Args:
            group: recordings; the pieces of all of them are scored, in their order.
        """
        ...


def get_system(name: str) -> System:
    """The declaration of a system.

    Raises:
        ConfigError: if there is no such system; the message names those that there are.
    """
    declared = plugins.load("systems", name)
    if not isinstance(declared, System):
        raise ConfigError(
            f"the entry point of system {name} is no mfsn.training.system.System; "
            "correct it in the plug-in"
        )
    if declared.name != name:  # else its distribution would be missing from its identity
        raise ConfigError(
            f"system {name} calls itself {declared.name}; give the entry point and the declaration "
            "one name in the plug-in"
        )
    later = {"train", "classical"} & {entry.partition(".")[0] for entry in declared.parameters}
    if declared.search and later:
        raise ConfigError(
            f"system {name} names {', '.join(sorted(later))} in `parameters`, which stage search "
            "does not read; name it in `after_search`"
        )
    return declared


def builder_of(system: System) -> Callable[..., Network]:
    """The function that makes a system's network.

    Raises:
        ConfigError: if the system trains no network.
    """
    if system.builds is None:
        raise ConfigError(f"system {system.name} has no network; choose another one")
    found: Callable[..., Network] = _named(system.builds)
    return found


def fits_of(system: System) -> type[Fits]:
    """The class that fits a system's units in stage `train`."""
    found: type[Fits] = _named(system.fits)
    return found


def search_of(system: System) -> type[Fits] | None:
    """The class that searches a system's units in stage `search`; None without a search."""
    return None if system.search is None else _named(system.search)


def make_scorer(
    system: System, folder: Path, extractors: Mapping[str, Extractor | Together]
) -> Scorer:
    """A trained model of a system.

    Args:
        system: of the model.
        folder: of the model, as stage `train` wrote it.
        extractors: those that it reads, by name. Those that share a pass stand together under the
            name of the first.
    """
    scorer: Scorer = _named(system.scorer)(folder, extractors)
    return scorer


def modules_of(system: System) -> list[str]:
    """The modules whose imports are the code of a system's fits."""
    named = (system.fits, system.search, system.builds)
    return [reference.partition(":")[0] for reference in named if reference]


def _named(reference: str) -> Any:
    module, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"{reference}, which a system declares, cannot be imported ({error}); correct the "
            "declaration"
        ) from error
