"""Change values in the text of params.yaml; comments and everything else stay as they are."""

from __future__ import annotations

import io
from collections.abc import Iterable, MutableMapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter


def rewritten(text: str, complete: str, names: Iterable[str]) -> str:
    """Give the text other values.

    Args:
        text: the text of params.yaml.
        complete: the text of a params.yaml that has all the wanted values.
        names: which values to take from `complete`, by dotted name; one that is not there is
            removed. Within a section, a parameter is taken as a whole.
    """
    yaml = _round_trip()
    document, wanted = yaml.load(text), yaml.load(complete)
    for path in dict.fromkeys(tuple(name.split(".")[:2]) for name in names):
        _put(document, wanted, path)
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def _put(document: CommentedMap, wanted: CommentedMap, path: tuple[str, ...]) -> None:
    name, *inside = path
    old, new = document.get(name), wanted.get(name)
    if name not in wanted:
        document.pop(name, None)
    elif inside and isinstance(old, CommentedMap) and isinstance(new, CommentedMap):
        _put(old, new, tuple(inside))
    elif name in document:
        document[name] = new
    else:
        document.insert(_place(document, list(wanted), name), name, new)


def _place(document: MutableMapping[str, Any], order: list[str], name: str) -> int:
    """The place after the names that come before it."""
    before = order[: order.index(name)]
    return max((i + 1 for i, there in enumerate(document) if there in before), default=0)


def _round_trip() -> YAML:
    yaml = YAML()
    yaml.width = 10**6
    yaml.preserve_quotes = True
    yaml.Representer = _Representer
    return yaml


class _Representer(RoundTripRepresenter):
    """Writes null as a word, as the presets do."""


def _null(representer: _Representer, _value: None) -> ScalarNode:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(type(None), _null)
