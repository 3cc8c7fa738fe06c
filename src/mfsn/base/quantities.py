"""Numbers, sizes and durations in the form that people type and read."""

from __future__ import annotations

import re

from mfsn.errors import ConfigError

_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SECONDS = {"S": 1.0, "M": 60.0, "H": 3600.0, "D": 86400.0}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


def parse_bytes(text: str, where: str) -> int:
    """Bytes from `50GB`, `1.5TB` or `20GiB`.

    Raises:
        ConfigError: if the text is not a size.
    """
    number, unit = _split(text)
    if unit not in _BYTES:
        raise ConfigError(f"{where} {text}: it takes a size such as 500MB, 50GB or 20GiB")
    return round(number * _BYTES[unit])


def parse_duration(text: str, where: str) -> float:
    """Seconds from `90s`, `30m`, `12h`, `7d` or `0`.

    Raises:
        ConfigError: if the text is not a duration.
    """
    number, unit = _split(text)
    if unit not in _SECONDS and not (unit == "" and number == 0):
        raise ConfigError(f"{where} {text}: it takes a duration such as 12h, 7d or 0")
    return number * _SECONDS.get(unit, 0.0)


def show_bytes(size: float) -> str:
    """A size in words, such as `1.2 GB`."""
    for unit, limit in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if abs(size) >= limit:
            return f"{size / limit:.1f} {unit}"
    return f"{size:.0f} B"


def show_duration(seconds: float) -> str:
    """A duration in words, such as `3.0 days`, `2.5 h` or `40 s`."""
    for unit, limit in (("days", 2 * 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= limit:
            return f"{seconds / (86400.0 if unit == 'days' else limit):.1f} {unit}"
    return f"{seconds:.0f} s"


def counted(number: int, noun: str) -> str:
    """A number with a noun, such as `1 row` or `2 rows`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _split(text: str) -> tuple[float, str]:
    found = _NUMBER.fullmatch(text.strip())
    return (float(found[1]), found[2].upper()) if found else (-1.0, "?")
