"""The base of every configuration: frozen, typed, and closed to unknown names.

Configurations live beside the classes that they configure; `mfsn.params` assembles them.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Self

import pydantic

from mfsn.errors import ConfigError


class Config(pydantic.BaseModel):
    """A frozen configuration that refuses parameters it does not know."""

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    @classmethod
    def parse(cls, values: Any, where: str) -> Self:
        """Build the configuration from plain values.

        Args:
            values: a mapping as YAML or JSON gives it.
            where: the place named in the error, such as `params.yaml: mfcc`.

        Raises:
            ConfigError: if a name is unknown, or a value has the wrong type or range; every
                problem is listed in one message.
        """
        try:
            return cls.model_validate(values)
        except pydantic.ValidationError as error:
            raise ConfigError(_explain(error, cls, where)) from None

    def fingerprint(self) -> str:
        """The first 16 hexadecimal digits of the sha256 of the canonical JSON."""
        return sha256_of(self.model_dump(mode="json"))[:16]


def sha256_of(values: Any) -> str:
    """The sha256 (hexadecimal) of plain values as canonical JSON: sorted keys, no spaces."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _explain(error: pydantic.ValidationError, cls: type[Config], where: str) -> str:
    lines = [_explain_one(detail, cls) for detail in error.errors()]
    return f"{where}: " + "; ".join(lines)


def _explain_one(detail: Any, cls: type[Config]) -> str:
    path = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "value_error" and isinstance(detail["input"], dict):
        sentence = str(detail["ctx"]["error"])  # of ours, about values that do not go together
        return f"{path}: {sentence}" if path else sentence
    name = path or "(the whole section)"
    if detail["type"] == "missing":
        return f"{name} is missing"
    if detail["type"] != "extra_forbidden":
        return f"{name}: {detail['msg']} (got {detail['input']!r})"
    known = _known_names(cls, detail["loc"][:-1])
    return f"{name} is not a parameter{_suggestion(str(detail['loc'][-1]), known)}"


def _known_names(cls: type[Config], path: tuple[int | str, ...]) -> list[str]:
    model: type[pydantic.BaseModel] = cls
    for part in path:
        field = model.model_fields.get(str(part))
        annotation = field.annotation if field else None
        if not (isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)


def _suggestion(name: str, known: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known are {', '.join(known)}" if known else ""
