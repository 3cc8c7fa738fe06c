"""A finished table as a page and as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from mfsn.reproduce.collect import _published, _scores, as_table, facts, notes
from mfsn.reproduce.page import render, write_table
from mfsn.reproduce.plan import Row, Table

TABLE = Table(
    title="A <table>",
    source="a paper",
    conditions="another corpus",
    rows=[
        Row(name="one", label="One & only", set={}, published={"ua": 70.6, "wa": 69.6}),
        Row(name="theirs", label="Theirs", published={"wa": 82.1}),
    ],
)
SCORES: dict[str, Any] = {
    "ua": 0.41666, "wa": 0.5, "macro_f1": 0.4, "chance_ua": 0.25,
    "selection": "held_out", "counts": {"utterances": 7},
}  # fmt: skip
ABOUT: dict[str, Any] = {
    "corpus": "mine",
    "protocol": {"name": "leave_one_session_out", "speaker_independent": False},
    "seeds": [0, 1],
    "encoders": {"sec": {"model": "m", "weights": "random weights", "trained": False}},
}


def rows(scores: dict[str, Any] = SCORES) -> pd.DataFrame:
    one, theirs = TABLE.rows
    ours = {**_scores(scores), **facts(ABOUT, scores)}
    return as_table(
        [
            {"row": one.label, **ours, **_published(one, TABLE)},
            {"row": theirs.label, **_published(theirs, TABLE)},
        ]
    )


def test_a_row_says_what_its_scores_hang_on() -> None:
    row, _ = rows().to_dict("records")
    assert (row["ua"], row["wa"], row["published_ua"]) == (41.7, 50.0, 70.6)
    assert pd.isna(row["ua_std"])
    assert row["utterances"] == 7
    assert row["published_on"] == "another corpus"
    assert row["protocol"] == "leave one session out"
    assert row["encoders"] == "SEC m (random weights, frozen)"
    assert row["seeds"] == "0 1"


def test_the_page_keeps_ours_apart_from_the_published() -> None:
    page = render(TABLE, rows())
    assert "A &lt;table&gt;" in page
    assert "One &amp; only" in page
    assert "The published scores are for another corpus (a paper)" in page
    assert "(not speaker-independent)" in page
    assert "±" not in page
    assert "Short fits" not in page


def test_a_row_that_is_published_only_has_nothing_of_ours() -> None:
    _, row = rows().to_dict("records")
    assert row["published_wa"] == 82.1
    empty = {name for name, value in row.items() if pd.isna(value)}
    assert empty == set(rows().columns) - {"row", "published_wa", "published_on"}
    page = render(TABLE, rows())
    assert page.count("Theirs") == 1  # among the scores, and not among the conditions of ours
    assert "None" not in page


def test_the_mark_on_the_bar_is_chance_where_nothing_is_published() -> None:
    assert "--chance: 0.706" in render(TABLE, rows())
    alone = rows().iloc[:1].assign(published_ua=None, published_wa=None, published_on=None)
    page = render(TABLE, alone)
    assert "--chance: 0.25" in page
    assert "the mark on it is chance" in page


def test_a_corpus_that_does_not_fit_is_said_first() -> None:
    other = rows()
    other.attrs["departure"] = "the published scores are of <that>"
    page = render(TABLE, other)
    assert "The published scores are of &lt;that&gt;." in page
    assert "Our scores can be compared with them only if" not in page


def test_a_spread_over_seeds_is_shown() -> None:
    assert '<td class="n">1.3</td>' in render(TABLE, rows(SCORES | {"std": {"ua": 0.0134}}))


def test_short_fits_are_no_results() -> None:
    short = rows()
    short.attrs["short"] = True
    assert "Short fits: these scores only show that the table runs" in render(TABLE, short)


def test_page_and_csv_stand_beside_the_results(tmp_path: Path) -> None:
    page = write_table(tmp_path, "mine", "t", rows(), render(TABLE, rows()))
    assert page == tmp_path / "data/results/mine/tables/t.html"
    table = pd.read_csv(page.with_suffix(".csv"))
    assert table["published_wa"].tolist() == [69.6, 82.1]


def test_notes_stand_above_and_below_the_scores() -> None:
    table = rows()
    table.attrs |= {"short": True, "departure": "our scores cannot be compared"}
    page = render(TABLE, table)
    before, _, after = page.partition("<tbody>")
    for note in ("Our scores cannot be compared.", "Short fits: these scores only show"):
        assert note in before
        assert note in after


def test_one_model_as_sec_and_as_tec_is_said() -> None:
    encoder = {"model": "m", "weights": "pretrained", "trained": False}
    about = ABOUT | {"encoders": {"sec": encoder, "tec": encoder}}
    same = as_table([{"row": "Both & same", **_scores(SCORES), **facts(about, SCORES)}])
    assert notes(same) == ["SEC and TEC are the same model in: Both & same."]
    assert "SEC and TEC are the same model in: Both &amp; same." in render(TABLE, same)
    assert notes(rows()) == []
