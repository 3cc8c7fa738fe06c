"""The page of `mfsn inspect --html` as its reader meets it: clicks, keys, sound, map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.xdist_group("browser")
PAINTED = """canvas => new Set(
    canvas.getContext("2d").getImageData(60, 0, canvas.width - 60, canvas.height).data).size"""


def shown(page: Page) -> str:
    """The id of the utterance that is shown."""
    return str(page.locator("#head h2").inner_text())


def listed(page: Page) -> list[str]:
    """The ids in the list; long ones are shown short, and whole when pointed at."""
    rows = page.locator("#list li")
    return [str(name) for name in rows.evaluate_all("rows => rows.map(row => row.title)")]


def click(page: Page, utterance_id: str) -> None:
    page.locator("#list").get_by_title(utterance_id, exact=True).and_(page.locator("li")).click()
    expect(page.locator("#head h2")).to_have_text(utterance_id)


def audio(page: Page, what: str) -> Any:
    return page.locator("#audio").evaluate(f"audio => audio.{what}")


def expect_playing(page: Page, playing: bool) -> None:
    expect(page.locator("#audio")).to_have_js_property("paused", not playing)


def test_every_utterance_is_listed_and_can_be_chosen(page: Page) -> None:
    ids = listed(page)
    assert len(ids) == 8
    for number, name in enumerate(ids):
        page.locator("#list li").nth(number).click()
        assert shown(page) == name
        expect(page.locator("#list li[aria-selected=true]")).to_have_attribute("title", name)
    expect(page.locator("#count")).to_have_text("8 of 8 utterances")


def test_all_panels_are_painted(page: Page) -> None:
    click(page, "u05")
    expect(page.locator("figcaption b")).to_have_text(
        [
            "Waveform",
            "Spectrogram",
            "MFCC",
            "Change: 1 − cosine similarity to the frame before",
            "Distance from the utterance’s mean frame",
            "Norm of each frame, where it varies",
        ]
    )
    for number in range(6):
        assert page.locator("#stack figure canvas").nth(number).evaluate(PAINTED) > 3
    expect(page.locator("#stack figure").nth(3)).to_contain_text("SEC low")
    expect(page.locator("#stack figure").nth(3)).to_contain_text("TEC last")


def test_the_sound_is_there_and_a_segment_ends_where_it_should(page: Page) -> None:
    click(page, "u05")
    expect(page.locator("#audio")).to_have_js_property("readyState", 4)
    assert audio(page, "duration") == pytest.approx(1.1, abs=0.1)
    expect(page.locator("#segments button")).to_have_count(3)
    page.locator("#audio").evaluate(
        "audio => audio.addEventListener('playing', () => { audio.dataset.heard = 'yes'; })"
    )
    page.locator("#segments button").nth(1).click()
    expect(page.locator("#audio")).to_have_attribute("data-heard", "yes")
    expect_playing(page, False)
    # A busy machine stops late, and the page goes back to the end of the segment: 1 s exactly.
    expect(page.locator("#audio")).to_have_js_property("currentTime", 1)


def test_keys_move_play_and_search(page: Page) -> None:
    ids = listed(page)
    page.keyboard.press("ArrowDown")
    assert shown(page) == ids[1]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert shown(page) == ids[0]
    page.keyboard.press("Space")
    expect_playing(page, True)
    page.keyboard.press("Space")
    expect_playing(page, False)
    page.keyboard.press("/")
    page.keyboard.type("words 6")
    assert listed(page) == ["u06"]


def test_keys_move_on_after_a_button_was_pressed(page: Page) -> None:
    page.locator("#segments button").first.click()
    page.keyboard.press("ArrowDown")
    assert shown(page) == listed(page)[1]


def test_filters_combine_and_count(page: Page) -> None:
    page.select_option("#by-emotion", "sad")
    assert len(listed(page)) == 4
    page.select_option("#by-speaker", "s1")
    assert listed(page) == ["u05", "u07"]
    expect(page.locator("#count")).to_have_text("2 of 8 utterances")
    page.select_option("#by-outcome", "right")
    assert listed(page) == []
    assert page.locator("#points .faint").count() == 8


def test_the_most_confidently_wrong_come_first(page: Page) -> None:
    page.select_option("#by-outcome", "wrong")
    page.select_option("#order", "wrong")
    confidences = [
        float(text.split()[-1]) for text in page.locator("#list .outcome").all_text_contents()
    ]
    assert len(confidences) == 4
    assert confidences == sorted(confidences, reverse=True)


def test_a_point_of_the_map_chooses_its_utterance(page: Page) -> None:
    for method in ("tsne", "pca"):
        page.get_by_label("Method of the map").select_option(method)
        for number in (5, 6):
            point = page.locator("#points circle:not(.ring)").nth(number)
            point.click()
            assert shown(page) == listed(page)[number]
            ring = page.locator("#points .ring")
            assert ring.get_attribute("cx") == point.get_attribute("cx")


def test_the_map_is_coloured_by_what_is_asked(page: Page) -> None:
    for kind, names in (("emotion", "angry sad"), ("speaker", "s0 s1"), ("outcome", "right wrong")):
        page.get_by_label("Colour of the map").select_option(kind)
        assert page.locator("#legend .key").all_inner_texts() == names.split()
        fills = {
            str(fill)
            for fill in page.locator("#points circle:not(.ring)").evaluate_all(
                "circles => circles.map(circle => circle.style.fill)"
            )
        }
        assert len(fills) == 2


def test_neighbours_of_each_level_lead_there(page: Page) -> None:
    expect(page.locator("#near h4")).to_have_text(["SEC low", "SEC high", "TEC last"])
    first = page.locator("#near ol").nth(1).locator("button").first
    wanted = first.get_attribute("title")
    first.click()
    assert shown(page) == wanted


def test_decisions_name_fold_seed_and_every_segment(page: Page) -> None:
    click(page, "u05")
    decision = page.locator("#decision")
    expect(decision).to_contain_text("angry, wrong")
    expect(decision).to_contain_text("out-of-fold: fold 1, seed 0; rule held_out")
    expect(decision.locator(".heat thead th")).to_have_text(["#0", "#1", "#2"])


def test_names_and_words_stay_text(page: Page) -> None:
    hostile = next(name for name in listed(page) if "script" in name)
    click(page, hostile)
    assert shown(page) == hostile
    click(page, "u02")
    assert "<img src=x onerror=" in page.locator("blockquote").inner_text()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1 + 8 + 1


def test_long_names_are_short_to_the_eye_and_whole_to_a_screen_reader(page: Page) -> None:
    hostile = next(name for name in listed(page) if "script" in name)
    row = page.get_by_role("option", name=hostile)
    expect(row).to_have_attribute("title", hostile)
    short = row.locator(".id").inner_text()
    assert "…" in short and len(short) < len(hostile)
    for near in page.locator("#near button").all():
        named = near.get_attribute("aria-label") or ""
        assert named.startswith(f"{near.get_attribute('title')}, ")


def test_the_points_of_the_map_reach_all_four_sides(page: Page) -> None:
    for method in ("tsne", "pca"):
        page.get_by_label("Method of the map").select_option(method)
        places = page.locator("#points circle:not(.ring)").evaluate_all(
            "all => all.map(c => [Number(c.getAttribute('cx')), Number(c.getAttribute('cy'))])"
        )
        for axis in zip(*places, strict=True):
            assert (min(axis), max(axis)) == (-1, 1)


def test_the_values_at_the_pointer_are_those_of_its_segment(page: Page) -> None:
    click(page, "u05")
    canvas = page.locator("#stack canvas").first
    box = canvas.bounding_box()
    assert box is not None
    # Three segments of 0.5 s each; the panel begins 46 pixels from the left.
    canvas.hover(position={"x": 46 + (box["width"] - 46) * 0.75 / 1.5, "y": 10})
    expect(page.locator("#readout")).to_contain_text("segment #1 · change: SEC low ")


def test_licensed_sound_is_left_out_and_said(page: Page) -> None:
    click(page, "u07")
    expect(page.locator("#silence")).to_have_text("The recording is left out (licence: ask us).")
    expect(page.locator("#audio")).to_be_hidden()
    expect(page.locator("#segments button")).to_have_count(0)
    page.keyboard.press("Space")
    expect(page.locator("#notes")).to_contain_text("use --with-audio if your licence allows")


def test_a_link_opens_at_its_utterance(page: Page, page_file: Path) -> None:
    click(page, "u03")
    assert page.url == f"{page_file.as_uri()}#u03"
    page.reload()
    page.wait_for_selector("#stack canvas")
    assert shown(page) == "u03"


def test_a_narrow_page_does_not_scroll_sideways(browser: Browser, page_file: Path) -> None:
    narrow = browser.new_page(viewport={"width": 360, "height": 700})
    narrow.goto(page_file.as_uri())
    narrow.wait_for_selector("#stack canvas")
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 360
    narrow.close()
