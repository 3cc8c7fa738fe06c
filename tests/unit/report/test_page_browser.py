"""The report in headless Chromium: a narrow window shows all of every table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from mfsn.report.experiment.page import render_page
from mfsn.report.experiment.run import read_run
from mfsn.workspace import Outputs

WIDER_THAN_ITS_PLACE = """() => [...document.querySelectorAll('section, .scroll, dl, table')]
    .filter(e => e.scrollWidth > e.clientWidth + 1
              || e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(e => `${e.tagName} in ${e.closest('section').querySelector('h2')?.textContent}`)"""


@pytest.fixture
def narrow(browser: Browser, finished: Outputs, tmp_path: Path) -> Iterator[Page]:
    """The report of a finished experiment, 500 pixels wide."""
    path = tmp_path / "report.html"
    path.write_text(render_page(read_run(finished, {})), "utf-8")
    page = browser.new_page(viewport={"width": 500, "height": 900}, offline=True)
    page.goto(path.as_uri())
    yield page
    page.close()


def test_nothing_is_cut_off_in_a_narrow_window(narrow: Page) -> None:
    assert narrow.evaluate(WIDER_THAN_ITS_PLACE) == []
