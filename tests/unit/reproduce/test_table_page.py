"""A finished table as a page and as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from mfsn.reproduce.collect import _facts, _scores
from mfsn.reproduce.page import render, write_table
from mfsn.reproduce.plan import Row, Table

TABLE = Table(
    title="A <table>",
    source="a paper",
    conditions="another corpus",
    rows=[Row(name="one", label="One & only", published={"ua": 70.6, "wa": 69.6})],
)
SCORES: dict[str, Any] = {
    "ua": 0.41666, "wa": 0.5, "macro_f1": 0.4, "selection": "held_out", "counts": {"utterances": 7},
}  # fmt: skip
ABOUT: dict[str, Any] = {
    "corpus": "mine",
    "protocol": {"name": "leave_one_session_out", "speaker_independent": False},
    "seeds": [0, 1],
    "encoders": {"sec": {"model": "m", "weights": "random weights", "trained": False}},
}


def rows(scores: dict[str, Any] = SCORES) -> pd.DataFrame:
    row = TABLE.rows[0]
    return pd.DataFrame(
        [{"row": row.label, **_scores(scores, row.published), **_facts(ABOUT, scores)}]
    )


def test_a_row_says_what_its_scores_hang_on() -> None:
    (row,) = rows().to_dict("records")
    assert (row["ua"], row["wa"], row["published_ua"]) == (41.7, 50.0, 70.6)
    assert row["ua_std"] is None
    assert row["protocol"] == "leave one session out"
    assert row["encoders"] == "SEC m (random weights, frozen)"
    assert row["seeds"] == "0 1"


def test_the_page_keeps_ours_apart_from_the_published() -> None:
    page = render(TABLE, rows())
    assert "A &lt;table&gt;" in page
    assert "One &amp; only" in page
    assert "Published scores are of another corpus (a paper)" in page
    assert "(not speaker-independent)" in page
    assert "±" not in page
    assert "Short fits" not in page


def test_a_spread_over_seeds_is_shown() -> None:
    assert '<td class="n">1.3</td>' in render(TABLE, rows(SCORES | {"std": {"ua": 0.0134}}))


def test_short_fits_are_no_results() -> None:
    short = rows()
    short.attrs["short"] = True
    assert "Short fits: these scores show that the table runs" in render(TABLE, short)


def test_page_and_csv_stand_beside_the_results(tmp_path: Path) -> None:
    page = write_table(tmp_path, "mine", "t", TABLE, rows())
    assert page == tmp_path / "data/results/mine/tables/t.html"
    table = pd.read_csv(page.with_suffix(".csv"))
    assert table["published_wa"].tolist() == [69.6]
