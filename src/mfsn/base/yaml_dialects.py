"""Values that two dialects of YAML read differently.

mfsn reads YAML 1.1 (PyYAML), and DVC reads YAML 1.2 (ruamel.yaml). `1e-4` is text in the first and
a number in the second, `010` is 8 and 10, and `yes` is true and text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Difference:
    """One value with two meanings."""

    path: tuple[Any, ...]
    """The keys and positions that lead to it."""
    ours: Any
    theirs: Any

    @property
    def name(self) -> str:
        """The path as people write it: `labels.classes.0`."""
        return ".".join(map(str, self.path))


def differences(text: str) -> list[Difference]:
    """The values that YAML 1.1 and YAML 1.2 read differently; keys count to the value above them.

    Args:
        text: valid YAML 1.1.

    Raises:
        ruamel.yaml.YAMLError: if it is not valid YAML 1.2, such as a mapping with a key twice.
    """
    from ruamel.yaml import YAML

    return list(_compare(yaml.safe_load(text), YAML(typ="safe").load(text), ()))


def replaced(values: Any, difference: Difference) -> Any:
    """A copy of the values, with one of them as the other dialect reads it."""
    return _replaced(values, difference.path, difference.theirs)


def _compare(ours: Any, theirs: Any, path: tuple[Any, ...]) -> Iterator[Difference]:
    if isinstance(ours, dict) and isinstance(theirs, dict) and _same(list(ours), list(theirs)):
        for key in ours:
            yield from _compare(ours[key], theirs[key], (*path, key))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for position, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _compare(one, other, (*path, position))
    elif not _same(ours, theirs):
        yield Difference(path, ours, theirs)


def _same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)


def _replaced(values: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = values.copy()
    copy[path[0]] = _replaced(values[path[0]], path[1:], new)
    return copy
