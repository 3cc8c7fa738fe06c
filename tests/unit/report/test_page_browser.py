"""The report in headless Chromium: a narrow window shows all of every table."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from mfsn.report.page import render_page
from mfsn.report.run import read_run
from mfsn.workspace import Outputs

WIDER_THAN_ITS_PLACE = """() => [...document.querySelectorAll('section, .scroll, dl, table')]
    .filter(e => e.scrollWidth > e.clientWidth + 1
              || e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(e => `${e.tagName} in ${e.closest('section').querySelector('h2')?.textContent}`)"""


@pytest.fixture
def narrow(finished: Outputs, tmp_path: Path) -> Iterator[Page]:
    """The report of a finished experiment, 500 pixels wide."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine; `apt-get install chromium` to run this test")
    path = tmp_path / "report.html"
    path.write_text(render_page(read_run(finished, {})), "utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 500, "height": 900}, offline=True)
        page.goto(path.as_uri())
        yield page
        browser.close()


def test_nothing_is_cut_off_in_a_narrow_window(narrow: Page) -> None:
    assert narrow.evaluate(WIDER_THAN_ITS_PLACE) == []
