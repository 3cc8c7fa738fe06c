"""Names of corpora, extractors, protocols and systems, and what each name stands for.

One table lists what mfsn itself brings. A plug-in is an installed distribution that adds names by
entry points in the groups `mfsn.corpora`, `mfsn.extractors`, `mfsn.protocols` and `mfsn.systems`:

    [project.entry-points."mfsn.corpora"]
    mycorpus = "my_package.reader:MyCorpus"

What an entry point must name is described by `mfsn.corpora.base.Reader`, `mfsn.features.registry`,
`mfsn.protocols.division.Divide` and `mfsn.training.system.System`. The name and version of the
distribution are part of the identity of what the plug-in makes. Installed distributions are looked
at once per process, and nothing is imported before it is asked for.
"""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mfsn.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Kind = Literal["corpora", "extractors", "protocols", "systems"]

_BUILT_IN: Mapping[Kind, Mapping[str, str]] = {
    "corpora": {
        "demo": "mfsn.corpora.demo.reader:Demo",
        "ravdess": "mfsn.corpora.readers.ravdess:Ravdess",
        "emodb": "mfsn.corpora.readers.emodb:EmoDb",
        "iemocap": "mfsn.corpora.readers.iemocap:Iemocap",
        "savee": "mfsn.corpora.readers.savee:Savee",
        "meld": "mfsn.corpora.readers.meld:Meld",
        "cremad": "mfsn.corpora.readers.cremad:CremaD",
        "nemo": "mfsn.corpora.readers.nemo:Nemo",
        "table": "mfsn.corpora.readers.table:Table",
    },
    "extractors": {
        "sec": "mfsn.features.extractors.encoder:SecExtractor",
        "tec": "mfsn.features.extractors.encoder:TecExtractor",
        "spectrogram": "mfsn.features.extractors.spectrogram:SpectrogramExtractor",
        "mfcc": "mfsn.features.extractors.mfcc:MfccExtractor",
        "functionals": "mfsn.features.extractors.functionals:FunctionalsExtractor",
    },
    "protocols": {
        "leave_one_session_out": "mfsn.protocols.kinds.leave_one_out:leave_one_session_out",
        "leave_one_speaker_out": "mfsn.protocols.kinds.leave_one_out:leave_one_speaker_out",
        "stratified_k_fold": "mfsn.protocols.kinds.stratified_k_fold:stratified_k_fold",
        "grouped_k_fold": "mfsn.protocols.kinds.grouped_k_fold:grouped_k_fold",
        "folds_from_file": "mfsn.protocols.kinds.folds_from_file:folds_from_file",
        "official_split": "mfsn.protocols.kinds.official_split:official_split",
        "cross_corpus": "mfsn.protocols.kinds.cross_corpus:cross_corpus",
    },
    "systems": {
        "mfsn": "mfsn.systems.mfsn:SYSTEM",
        "sec_tec": "mfsn.systems.sec_tec:SYSTEM",
        "coattention": "mfsn.systems.coattention:SYSTEM",
        "acoustic": "mfsn.systems.acoustic:SYSTEM",
        "classical": "mfsn.systems.classical:SYSTEM",
        "probe": "mfsn.systems.probe:SYSTEM",
        "weighted_layers": "mfsn.systems.weighted_layers:SYSTEM",
        "layer_statistics": "mfsn.systems.layer_statistics:SYSTEM",
    },
}
_ONE = {
    "corpora": "corpus reader",
    "extractors": "extractor",
    "protocols": "protocol",
    "systems": "system",
}
_RESERVED = {"corpora": ["joined"], "extractors": ["waveform"], "protocols": [], "systems": []}
"""Names that mean something else in params.yaml or in the store."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def names(kind: Kind) -> list[str]:
    """All names of a kind: those of mfsn in its order, then those of plug-ins, sorted.

    Raises:
        ConfigError: if an installed plug-in uses a name that it may not use.
    """
    return [*_BUILT_IN[kind], *_added(kind)]


def require_known(kind: Kind, name: str, also: Sequence[str] = ()) -> str:
    """Return the name if it is one of its kind.

    Args:
        kind: what the name stands for.
        name: the name.
        also: other names that may stand in this place.

    Raises:
        ConfigError: if it is not; the message lists all names and the nearest one. If an installed
            plug-in uses a name that it may not use.
    """
    known = [*names(kind), *also]
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ConfigError(
            f"there is no {_ONE[kind]} {name!r}{hint}; choose one of {', '.join(known)}, or "
            "install the plug-in that adds it"
        )
    return name


def load(kind: Kind, name: str) -> Any:
    """Import what a name stands for.

    Raises:
        ConfigError: as `require_known`; or if the plug-in cannot be imported.
    """
    require_known(kind, name)
    if name in _BUILT_IN[kind]:
        module, _, attribute = _BUILT_IN[kind][name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    point = _added(kind)[name]
    try:
        return point.load()
    except Exception as error:  # whatever the code of a plug-in does when it is imported
        raise ConfigError(
            f"{_ONE[kind]} {name} cannot be imported from {point.value} of the distribution "
            f"{_distribution(point)} ({type(error).__name__}: {error}); correct or uninstall it"
        ) from error


def module_of(kind: Kind, name: str) -> str:
    """The module that defines a name, such as `mfsn.corpora.readers.ravdess`.

    Raises:
        ConfigError: as `require_known`.
    """
    require_known(kind, name)
    reference = _BUILT_IN[kind].get(name) or _added(kind)[name].value
    return reference.partition(":")[0].strip()


def folders_of(packages: Iterable[str]) -> dict[str, Path]:
    """The folders that hold the packages of plug-ins, by the name of the package.

    A package that is not found, or is no folder of Python files, is left out.
    """
    found = {name: find_spec(name) for name in packages}
    files = {name: Path(s.origin) for name, s in found.items() if s is not None and s.origin}
    return {
        name: path.parent.parent if path.name == "__init__.py" else path.parent
        for name, path in files.items()
    }


def origin(kind: Kind, name: str) -> dict[str, str]:
    """Where a plug-in's name comes from, for the identity of what the plug-in makes.

    Returns:
        {"distribution": its name, "version": its version}; empty for a name of mfsn, and for a name
        that nobody has.

    Raises:
        ConfigError: if an installed plug-in uses a name that it may not use.
    """
    point = _added(kind).get(name)
    if point is None or point.dist is None:
        return {}
    return {"distribution": point.dist.name, "version": point.dist.version}


def is_added(kind: Kind, name: object) -> bool:
    """Whether a name is one of a plug-in.

    Raises:
        ConfigError: if an installed plug-in uses a name that it may not use.
    """
    return name in _added(kind)


@cache
def _added(kind: Kind) -> Mapping[str, EntryPoint]:
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=f"mfsn.{kind}"), key=lambda point: point.name):
        _refuse_name(kind, point, found)
        found[point.name] = point
    return found


def _refuse_name(kind: Kind, point: EntryPoint, found: Mapping[str, EntryPoint]) -> None:
    what = f"the distribution {_distribution(point)} adds the {_ONE[kind]} {point.name!r}"
    advice = "rename it in that distribution, or uninstall it"
    if point.name in _BUILT_IN[kind] or point.name in _RESERVED[kind]:
        raise ConfigError(f"{what}, but mfsn uses this name itself; {advice}")
    if point.name in found:
        other = _distribution(found[point.name])
        raise ConfigError(f"{what}, and so does the distribution {other}; uninstall one of them")
    if not _NAME.fullmatch(point.name):
        allowed = "small letters, digits and _, a letter first"
        raise ConfigError(f"{what}, but a name has only {allowed}; {advice}")


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"
