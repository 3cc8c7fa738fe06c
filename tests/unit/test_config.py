"""The base of configurations: closed, frozen, and clear about what is wrong."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
import pytest
from pydantic import Field

from mfsn.config import Config, sha256_of
from mfsn.errors import ConfigError


class Inner(Config):
    hop_ms: float = 10.0


class Outer(Config):
    size: int
    inner: Inner = Inner()


def test_unknown_name_suggests_the_closest() -> None:
    with pytest.raises(ConfigError, match=r"params: sise is not a parameter; did you mean size\?"):
        Outer.parse({"size": 1, "sise": 2}, "params")


def test_unknown_nested_name_suggests_within_its_section() -> None:
    with pytest.raises(ConfigError, match=r"inner\.hop is not a parameter; did you mean hop_ms\?"):
        Outer.parse({"size": 1, "inner": {"hop": 5}}, "params")


def test_unknown_name_without_neighbour_lists_what_is_known() -> None:
    with pytest.raises(ConfigError, match="zzz is not a parameter; known are size, inner"):
        Outer.parse({"size": 1, "zzz": 2}, "params")


def test_all_problems_come_in_one_message() -> None:
    with pytest.raises(ConfigError) as raised:
        Outer.parse({"size": "many", "inner": {"hop_ms": "x"}}, "params")
    assert "size" in str(raised.value)
    assert "inner.hop_ms" in str(raised.value)


def test_a_wrong_entry_is_told_and_not_the_other_choices_of_its_list() -> None:
    class Chosen(Config):
        kinds: Literal["all"] | Annotated[tuple[Literal["a", "b"], ...], Field(min_length=1)]

    for given, says in (
        (["c"], "x: kinds.0 is 'c'; it takes a or b"),
        ("some", "x: kinds is 'some'; it takes all, or a list"),
        ([], "x: kinds is []; it takes all, or 1 or more entries"),
    ):
        with pytest.raises(ConfigError) as raised:
            Chosen.parse({"kinds": given}, "x")
        assert str(raised.value) == says


def test_a_section_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(ConfigError, match="the whole section"):
        Outer.parse(["size"], "params")


def test_configurations_are_frozen() -> None:
    config = Outer(size=1)
    with pytest.raises(pydantic.ValidationError):
        config.size = 2  # type: ignore[misc]


def test_fingerprint_follows_values_and_not_the_order_of_names() -> None:
    one = Outer.parse({"size": 1, "inner": {"hop_ms": 5.0}}, "a")
    other = Outer.parse({"inner": {"hop_ms": 5.0}, "size": 1}, "b")
    assert one.fingerprint() == other.fingerprint()
    assert one.fingerprint() != Outer(size=2).fingerprint()


def test_sha256_of_refuses_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        sha256_of({"x": float("nan")})
