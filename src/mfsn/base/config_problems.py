"""Explain why a configuration refuses values: which one, what it is, and what it may be."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pydantic
from pydantic_core import ErrorDetails

_LONG = 60

_ALLOWED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "string_pattern_mismatch": "text of the form {pattern}",
    "string_too_short": "text of at least {min_length} characters",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "names with values",
    "invalid_key": "names that are text",
    "model_type": "names with values",
    "literal_error": "{expected}",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "a number below {lt}",
    "less_than_equal": "{le} or less",
    "too_short": "{min_length} or more entries",
    "too_long": "{max_length} or fewer entries",
}
"""For each kind of error, what is allowed instead."""


def explain(
    error: pydantic.ValidationError, model: type[pydantic.BaseModel], values: Any
) -> list[str]:
    """One sentence per refused value.

    Args:
        error: the error that pydantic raised.
        model: the class of the configuration.
        values: the values that it refused.
    """
    found: dict[str, list[ErrorDetails]] = defaultdict(list)
    for detail in error.errors():
        found[_path(detail, values)].append(detail)
    return [
        _sentence(path, found[path], model)
        for path in sorted(found)
        # If an entry of a list is wrong, errors about the list as a whole are left out.
        if not any(other.startswith(f"{path}.") for other in found)
    ]


def _path(detail: ErrorDetails, values: Any) -> str:
    """The name as the user wrote it, without the parts that pydantic adds for choices of types."""
    location = detail["loc"]
    written = [*_written(location, values)]
    return ".".join(map(str, [*written, location[-1]] if detail["type"] == "missing" else written))


def _written(location: Sequence[int | str], values: Any) -> Iterator[int | str]:
    for part in location:
        is_named = isinstance(values, Mapping) and part in values
        if is_named or (isinstance(values, list) and isinstance(part, int)):
            values = values[part]
            yield part


def _sentence(path: str, same: Sequence[ErrorDetails], model: type[pydantic.BaseModel]) -> str:
    first = same[0]
    name = path or "(the whole section)"
    match first["type"]:
        case "missing":
            return f"{name} is missing"
        case "extra_forbidden":
            return f"{name} is not a parameter{_suggestion(path, model)}"
        case "value_error":  # our own sentence about values that do not fit together
            sentence = str(first["ctx"]["error"])
            return f"{path}: {sentence}" if path else sentence
    allowed = ", or ".join(dict.fromkeys(map(_allowed, same)))
    return f"{name} is {_shown(first['input'])}; it takes {allowed}"


def _allowed(detail: ErrorDetails) -> str:
    known = _ALLOWED.get(detail["type"])
    if known is None:
        return detail["msg"].removeprefix("Input should be ")
    return known.format(**detail.get("ctx", {})).replace("'", "")


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONG else text[:_LONG] + "..."


def _suggestion(path: str, model: type[pydantic.BaseModel]) -> str:
    *sections, name = path.split(".")
    known = _known_names(model, sections)
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known are {', '.join(known)}" if known else ""


def _known_names(model: type[pydantic.BaseModel], path: Sequence[str]) -> list[str]:
    for part in path:
        field = model.model_fields.get(part)
        annotation = field.annotation if field else None
        if not (isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
