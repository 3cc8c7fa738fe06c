"""Files in YAML that people edit: one sentence says where one is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mfsn.errors import ConfigError


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        ConfigError: if it is missing, cannot be read, or is not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} is missing; `git checkout {path.name}` brings it back") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); correct that first") from None
    except yaml.MarkedYAMLError as error:
        place, said = error.problem_mark or error.context_mark, error.problem or error.context
        where = f"line {place.line + 1}, column {place.column + 1}: {said}" if place else said
        raise ConfigError(f"{path.name} is not valid YAML: {where}; correct it there") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigError(
            f"{path.name} is not valid YAML: it holds characters that are no text in UTF-8; save "
            "it as plain text"
        ) from None
