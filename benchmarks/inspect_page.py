"""The page of `mfsn inspect --html`: seconds to write, megabytes by part, seconds in Chromium.

    python benchmarks/inspect_page.py

Takes the prepared corpus of the checkout around the current folder, at most 500 utterances, and
opens the page from its file in headless Chromium, offline.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

from playwright.sync_api import sync_playwright

from mfsn.corpora.licences import is_free_to_share
from mfsn.params import load_params
from mfsn.report.utterance.choice import for_page
from mfsn.report.utterance.inspect import write_page
from mfsn.report.utterance.source import open_source
from mfsn.workspace import find_workspace

OPENINGS = 5
BLOCK = re.compile(r'<script type="application/json" id="(\w+)-?\d*">(.*?)</script>', re.DOTALL)
CHOOSE_EACH = """async () => {
    const rows = [...document.querySelectorAll("#list li")].slice(0, 50);
    const start = performance.now();
    for (const row of rows) { row.click(); await new Promise((then) => setTimeout(then)); }
    return (performance.now() - start) / rows.length;
}"""


def main() -> None:
    """Write, weigh, open."""
    workspace = find_workspace()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.html"
        start = time.perf_counter()
        source = open_source(workspace, load_params(workspace))
        ids = for_page(source)
        write_page(source, ids, is_free_to_share, path)
        print(f"{len(ids)} utterances written in {time.perf_counter() - start:.1f} s")
        weigh(path)
        show(path)


def weigh(path: Path) -> None:
    """Print the page's size, whole and by what is in it."""
    parts: Counter[str] = Counter()
    for kind, text in BLOCK.findall(path.read_text("utf-8")):
        content = json.loads(text)
        for name, value in content.items():
            parts[name if kind == "utterance" else kind] += len(json.dumps(value))
    named = ", ".join(f"{name} {size / 1e6:.1f}" for name, size in parts.most_common(6))
    print(f"{path.stat().st_size / 1e6:.1f} MB: {named}")


def show(path: Path) -> None:
    """Print how long Chromium takes until the first utterance is painted, and to choose another."""
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opening, choosing = [], []
        for _ in range(OPENINGS):
            page = browser.new_context(offline=True).new_page()
            start = time.perf_counter()
            page.goto(path.as_uri())
            page.wait_for_selector("#stack canvas")
            opening.append(time.perf_counter() - start)
            choosing.append(page.evaluate(CHOOSE_EACH))
            page.close()
        browser.close()
    print(
        f"Chromium: {statistics.median(opening):.2f} s to open, "
        f"{statistics.median(choosing):.0f} ms to choose another (medians of {OPENINGS})"
    )


if __name__ == "__main__":
    main()
