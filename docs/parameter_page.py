"""Writes docs/parameters.md from the configuration classes and their docstrings.

`make docs` runs it before it builds the pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from sphinx.pycode import ModuleAnalyzer

from mfsn import plugins
from mfsn.config import Config
from mfsn.params import Params
from mfsn.training.system import get_system

PAGE = Path(__file__).with_name("parameters.md")
HEAD = """\
# Parameters

The file `params.yaml` says what is computed. This page explains every name in that file. The page
is made from the code by `make docs`, so do not edit it by hand.

Under each name you find what it takes, and its default. The default counts where `params.yaml` does
not name the parameter. `mfsn preset NAME` writes a `params.yaml` that names all of them.

## Without a section
"""
_KINDS = {
    "boolean": "`true` or `false`",
    "integer": "a whole number",
    "null": "`null`",
    "number": "a number",
    "object": "names with values",
    "string": "text",
}
_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
}


def page() -> str:
    """The whole page, as Markdown that ends with a line break."""
    return "\n".join([HEAD, *_section([""], Params), *_sections_of_systems()])


def explanation(config: type[Config], name: str) -> str:
    """The docstring of a parameter, with links to the pages that it names; empty without one."""
    docstrings = ModuleAnalyzer.for_module(config.__module__).find_attr_docs()
    text = "\n".join(docstrings.get((config.__name__, name), ())).strip()
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", text)


def _sections_of_systems() -> Iterator[str]:
    """The sections that only one system has; params.yaml needs them with that system alone."""
    for name in plugins.names("systems"):
        config = get_system(name).config
        if config is not None and not plugins.is_added("systems", name):
            yield from (f"## {name}", "", " ".join((config.__doc__ or "").split()), "")
            yield from _section([f"{name}."], config)


def _section(places: Sequence[str], config: type[Config]) -> Iterator[str]:
    """The parameters of a class, then the sections below it.

    Args:
        places: what stands before each name, such as `sec.` and `tec.`, which share a class.
        config: the class.
    """
    schema = config.model_json_schema()["properties"]
    below: dict[type[Config], list[str]] = {}
    for name, field in config.model_fields.items():
        inner = _config_in(field)
        if inner is not None:
            below.setdefault(inner, []).append(name)
        if inner is not field.annotation:
            takes = f"*Takes {_taken(schema[name])}; {_default(field)}.*"
            yield from ("### " + _titles(places, [name]), "", takes, "")
            yield from (explanation(config, name), "")
    for inner, names in below.items():
        yield from ("## " + _titles(places, names), "", " ".join((inner.__doc__ or "").split()), "")
        yield from _section([f"{place}{name}." for place in places for name in names], inner)


def _config_in(field: FieldInfo) -> type[Config] | None:
    """The class of a section, or of each entry of a list of sections."""
    for found in (field.annotation, *getattr(field.annotation, "__args__", ())):
        if isinstance(found, type) and issubclass(found, Config):
            return found
    return None


def _titles(places: Sequence[str], names: Sequence[str]) -> str:
    return ", ".join(place + name for place in places for name in names)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "no default, so it must be named"
    return f"default `{json.dumps(field.get_default(call_default_factory=True))}`"


def _taken(schema: Mapping[str, Any]) -> str:
    """What a parameter takes, in words, from its JSON schema."""
    match schema:
        case {"anyOf": choices} | {"oneOf": choices}:
            return ", or ".join(map(_taken, choices))
        case {"enum": values}:
            return " or ".join(f"`{value}`" for value in values)
        case {"const": value}:
            return f"`{value}`"
        case {"$ref": _}:
            return "a section with the names below"
        case {"type": "array"}:
            return _taken_list(schema)
    bounds = [text.format(schema[key]) for key, text in _BOUNDS.items() if key in schema]
    return " ".join([_KINDS[schema["type"]], " and ".join(bounds)]).strip()


def _taken_list(schema: Mapping[str, Any]) -> str:
    if "prefixItems" in schema:
        return f"a list of {len(schema['prefixItems'])}, each {_taken(schema['prefixItems'][0])}"
    least = f"{schema['minItems']} or more, " if "minItems" in schema else ""
    return f"a list, {least}each {_taken(schema['items'])}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
