"""Values that YAML 1.1 and YAML 1.2 read differently."""

from __future__ import annotations

import pytest

from mfsn.base.yaml_dialects import differences, replaced


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1e-4", [("a", "1e-4", 0.0001)]),
        ("a: {b: [0, 010]}", [("a.b.1", 8, 10)]),
        ("a: yes", [("a", True, "yes")]),
        ("a: {no: 1}", [("a", {False: 1}, {"no": 1})]),
        ("a: 1e-4\nb: [on, 0.1]", [("a", "1e-4", 0.0001), ("b.0", True, "on")]),
        ("a: '1e-4'\nb: [true, 1.0e-4, 010x, null, .nan]", []),
    ],
)
def test_each_value_with_two_meanings_is_named(text: str, found: list[tuple[object, ...]]) -> None:
    assert [(each.name, each.ours, each.theirs) for each in differences(text)] == found


def test_a_value_is_replaced_in_a_copy() -> None:
    (difference,) = differences("a: {b: [0, 010]}")
    values = {"a": {"b": [0, 8]}, "c": 1}
    assert replaced(values, difference) == {"a": {"b": [0, 10]}, "c": 1}
    assert values == {"a": {"b": [0, 8]}, "c": 1}
