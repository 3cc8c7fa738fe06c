"""Long names on the page: what they have in common goes, what differs stays."""

from __future__ import annotations

import pytest

from mfsn.report.browser.names import LONG, LONGEST, shortened


def test_short_names_stay_as_they_are() -> None:
    names = ["a-same-1-x", "a-same-2-x"]
    assert shortened(names) == names


def test_what_all_long_names_share_goes_and_what_differs_stays() -> None:
    names = [
        f"recordings/of the year 2020/{who}/call-{n:04}-left-channel.wav"
        for who, n in (("anna", 1), ("anna", 2), ("benedict", 1))
    ]
    assert shortened(names) == [
        "recordings…anna…0001…wav", "recordings…anna…0002…wav", "recordings…benedict…0001…wav",
    ]  # fmt: skip


def test_ends_are_compared_from_the_end_and_beginnings_from_the_start() -> None:
    names = ["one/very/long/common/beginning/a-left-channel-final",
             "one/very/long/common/beginning/b c-left-channel-final"]  # fmt: skip
    assert shortened(names) == ["one…a…final", "one…b c…final"]


def test_names_without_words_in_common_lose_their_middle() -> None:
    names = ["a" * 200 + "1", "b" * 200 + "2"]
    for short, name in zip(shortened(names), names, strict=True):
        assert len(short) == LONGEST
        assert (short[:30], short[-30:]) == (name[:30], name[-30:])


@pytest.mark.parametrize("middles", ["12", "xy"])
def test_two_names_are_never_shown_alike(middles: str) -> None:
    names = ["a" * 100 + middle + "a" * 100 for middle in middles]
    assert shortened(names) == names


def test_one_name_has_nothing_in_common_with_another() -> None:
    name = "one/long name of many words/" + "x" * (LONG - 10)
    assert shortened([name]) == [name]
    assert shortened([]) == []
