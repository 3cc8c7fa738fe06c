"""`mfsn inspect --html` where dimensions are predicted: values in the place of classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from mfsn.corpora.licences import is_free_to_share
from mfsn.manifest import (
    SEGMENTS,
    predictions_schema,
    read_table,
    segment_predictions_schema,
    write_table,
)
from mfsn.params import Params, load_params, outputs_of
from mfsn.report.utterance.choice import for_page
from mfsn.report.utterance.inspect import write_page
from mfsn.report.utterance.source import open_source

pytestmark = pytest.mark.xdist_group("browser")
NAMES = ["valence", "arousal"]


@pytest.fixture(scope="module")
def rated_page_file(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page about the same utterances, as an experiment that predicts values has it."""
    raw = load_params(project).model_dump(mode="json")
    raw["labels"] |= {"target": "dimensions", "dimensions": NAMES}
    params = Params.parse(raw | {"experiment": "rated"}, where="test")
    write_values(project, params)
    source = open_source(project, params)
    out = tmp_path_factory.mktemp("rated") / "page.html"
    return write_page(source, for_page(source), is_free_to_share, out)


def write_values(project: Path, params: Params) -> None:
    """u05 is predicted 1.5 too high in valence, all others 0.5; a segment's number is on top.

    u06 is read whole.
    """
    outputs = outputs_of(params, project)
    segments = read_table(outputs.segments, SEGMENTS)
    values = {f"{kind}_{name}": 3.0 for kind in ("label", "mean") for name in NAMES}
    keys: dict[str, Any] = {
        "fold": "1",
        "seed": 0,
        "selection": "held_out",
        "run": "cafe",
        "label": "angry",
    }
    rows = segments[["segment_id", "utterance_id", "valid_samples"]].assign(**keys, **values)
    over = (rows["utterance_id"] == "u05") + 0.5
    rows = rows.assign(predicted_valence=3.0 + over, predicted_arousal=2.5)
    number = segments["index"].to_numpy()
    whole = rows.drop_duplicates("utterance_id").drop(columns=["segment_id", "valid_samples"])
    write_table(outputs.predictions, pd.DataFrame(whole), predictions_schema([], NAMES))
    rows = rows.assign(predicted_valence=rows["predicted_valence"] + number)
    is_whole = rows["utterance_id"] == "u06"
    rows = rows.assign(segment_id=rows["segment_id"].mask(is_whole, "u06#all"))
    rows = rows.drop_duplicates("segment_id")
    write_table(outputs.segment_predictions, rows, segment_predictions_schema([], NAMES))


@pytest.fixture
def rated_page(browser: Browser, rated_page_file: Path) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1300, "height": 900}, offline=True)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(rated_page_file.as_uri())
    opened.wait_for_selector("#stack canvas")
    yield opened
    assert complaints == []
    context.close()


def test_values_of_utterance_and_segments_are_shown(rated_page: Page) -> None:
    rated_page.locator("#list li", has_text="u05").first.click()
    decision = rated_page.locator("#decision")
    expect(decision.locator("h3")).to_have_text("Values")
    whole, of_segments = decision.locator("table").all()
    expect(whole.locator("tr")).to_have_text(
        ["predictedlabel", "valence4.503.00", "arousal2.503.00"]
    )
    expect(of_segments.locator("thead th")).to_have_text(["#0", "#1", "#2"])
    expect(of_segments.locator("tbody tr").first.locator("td")).to_have_text(
        ["4.50", "5.50", "6.50"]
    )
    assert "fold 1, seed 0" in decision.inner_text()


def test_where_the_system_reads_whole_utterances_there_is_no_table_of_segments(
    rated_page: Page,
) -> None:
    rated_page.locator("#list li", has_text="u06").first.click()
    expect(rated_page.locator("#decision table")).to_have_count(1)
    expect(rated_page.locator("#decision h4")).to_have_count(0)


def test_the_list_is_of_values_and_of_no_mistakes(rated_page: Page) -> None:
    expect(rated_page.locator("#list .outcome").first).to_have_text("3.50 · 2.50")
    expect(rated_page.locator("#by-outcome")).to_be_hidden()
    rated_page.select_option("#order", label="furthest from the label first")
    expect(rated_page.locator("#list .id").first).to_have_text("u05")
    assert "wrong" not in "".join(rated_page.locator("#order option").all_text_contents())
    assert rated_page.locator("#map select").last.locator("option").count() == 2
