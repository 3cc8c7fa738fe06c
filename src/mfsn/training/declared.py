"""What a fit may read of params.yaml: the parameters that its system declares."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from mfsn.config import Config
from mfsn.errors import UndeclaredParameterError
from mfsn.training.system import System

C = TypeVar("C", bound=Config)


def declared_section(system: System, name: str, section: C, *, searching: bool) -> C:
    """A section of params.yaml as a system may read it.

    Args:
        system: its declaration names sections or single parameters.
        name: of the section.
        section: all of it.
        searching: leave out what only stage `train` reads.

    Returns:
        The section itself if the system declares all of it; otherwise an object with the declared
        parameters, for which reading another one raises `UndeclaredParameterError`.
    """
    named = system.parameters if searching else (*system.parameters, *system.after_search)
    if name in named:
        return section
    leaves = [leaf for entry in named for own, _, leaf in [entry.partition(".")] if own == name]
    return cast(C, _Declared(system.name, name, {leaf: getattr(section, leaf) for leaf in leaves}))


class _Declared:
    def __init__(self, system: str, section: str, values: dict[str, Any]) -> None:
        self._system, self._section = system, section
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise UndeclaredParameterError(
            f"system {self._system} reads {self._section}.{name} of params.yaml, which its "
            "declaration does not name; add it to `parameters` there"
        )
