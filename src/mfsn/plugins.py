"""Names of corpora, extractors, protocols and systems, to what they stand for.

What mfsn brings stands in one table. A plug-in is a distribution with an entry point in the group
`mfsn.corpora`, `mfsn.extractors`, `mfsn.protocols` or `mfsn.systems`; its name and version are part
of the identity of what it makes. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from mfsn.errors import ConfigError

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
    },
}
_ONE = {
    "corpora": "corpus reader",
    "extractors": "extractor",
    "protocols": "protocol",
    "systems": "system",
}


def names(kind: Kind) -> list[str]:
    """All names of a kind: what mfsn brings, then what plug-ins add."""
    return [*_BUILT_IN[kind], *_added(kind)]


def require_known(kind: Kind, name: str) -> str:
    """The name, if there is one of its kind.

    Raises:
        ConfigError: if there is none; it lists what there is and the nearest name.
    """
    known = names(kind)
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ConfigError(
            f"there is no {_ONE[kind]} {name!r}{hint}; choose one of {', '.join(known)}"
        )
    return name


def load(kind: Kind, name: str) -> Any:
    """What a name stands for.

    Raises:
        ConfigError: if there is no such name, or its plug-in cannot be imported.
    """
    require_known(kind, name)
    if name in _BUILT_IN[kind]:
        module, _, attribute = _BUILT_IN[kind][name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    point = _added(kind)[name]
    try:
        return point.load()
    except (ImportError, AttributeError, SyntaxError) as error:
        raise ConfigError(
            f"{_ONE[kind]} {name} of {_distribution(point)[0]} cannot be imported "
            f"({type(error).__name__}: {error}); repair or uninstall that plug-in"
        ) from error


def module_of(kind: Kind, name: str) -> str:
    """The module that a name is defined in, such as `mfsn.corpora.readers.ravdess`.

    Raises:
        ConfigError: if there is no such name.
    """
    require_known(kind, name)
    if name in _BUILT_IN[kind]:
        return _BUILT_IN[kind][name].partition(":")[0]
    return _added(kind)[name].module


def origin(kind: Kind, name: str) -> dict[str, str]:
    """The distribution and version that a plug-in's name comes from; empty for those of mfsn."""
    if name in _BUILT_IN[kind] or name not in _added(kind):
        return {}
    distribution, version = _distribution(_added(kind)[name])
    return {"distribution": distribution, "version": version}


@cache
def _added(kind: Kind) -> Mapping[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=f"mfsn.{kind}"):
        if point.name in _BUILT_IN[kind]:
            raise ConfigError(
                f"{_distribution(point)[0]} names a {_ONE[kind]} {point.name}, which mfsn has "
                "already; rename it in that plug-in, or uninstall it"
            )
        found[point.name] = point
    return found


def _distribution(point: EntryPoint) -> tuple[str, str]:
    if point.dist is None:
        return point.value, "unknown"
    return point.dist.name, point.dist.version
