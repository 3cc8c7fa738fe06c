"""The base class of every configuration: frozen and typed; unknown names are errors.

Each configuration is next to the classes that it configures; `mfsn.params` puts them together.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Self

import pydantic

from mfsn.base import config_problems
from mfsn.errors import ConfigError


class Config(pydantic.BaseModel):
    """A frozen configuration that refuses unknown parameters."""

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    @classmethod
    def parse(cls, values: Any, where: str) -> Self:
        """Build the configuration from plain values.

        Args:
            values: a mapping as read from YAML or JSON.
            where: the place to name in errors, such as `params.yaml: mfcc`.

        Raises:
            ConfigError: if a name is unknown, or a value has the wrong type or range; the message
                has one line per problem.
        """
        try:
            return cls.model_validate(values)
        except pydantic.ValidationError as error:
            problems = config_problems.explain(error, cls, values)
            raise ConfigError("\n".join(f"{where}: {each}" for each in problems)) from None

    def fingerprint(self) -> str:
        """The first 16 hexadecimal digits of the sha256 of the canonical JSON."""
        return sha256_of(self.model_dump(mode="json"))[:16]


def sha256_of(values: Any) -> str:
    """The sha256 (hexadecimal) of plain values as canonical JSON: sorted keys, no spaces."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def plain(value: Any) -> str:
    """A value as in params.yaml: text without quotes, false, null."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
