"""Collect finished rows in one table: our scores, the published ones, and their conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mfsn.reproduce.plan import Row, Table
from mfsn.reproduce.run import Finished

SCORES = ("ua", "wa", "macro_f1", "chance_ua")
COLUMNS = [
    "row", "ua", "ua_std", "wa", "macro_f1", "chance_ua", "published_ua", "published_wa",
    "corpus", "utterances", "protocol", "speaker_independent", "selection", "seeds", "encoders",
    "published_on",
]  # fmt: skip


def collect(finished: Finished) -> pd.DataFrame:
    """Make one row per experiment or published score.

    The columns are `row`; in percent with one decimal `ua`, `ua_std` (over seeds, empty for a
    single seed), `wa`, `macro_f1`, `chance_ua`, `published_ua` and `published_wa`; the conditions
    of our scores: `corpus`, `utterances`, `protocol`, `speaker_independent`, `selection`, `seeds`
    and `encoders`; and the conditions of the published scores: `published_on`. A row that has only
    published scores has empty columns for ours.

    Raises:
        ReproduceError: if an output of an experiment is missing.
    """
    records = []
    for row in finished.table.rows:
        ours: dict[str, Any] = {}
        if row.name in finished.experiments:
            scores = finished.read(row, finished.outputs.scores)
            ours = _scores(scores) | facts(finished.about(row), scores)
        records.append({"row": row.label, **ours, **_published(row, finished.table)})
    return as_table(records)


def as_table(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a table with all columns in their order; missing values are empty."""
    return pd.DataFrame(records, columns=COLUMNS).astype({"utterances": "Int64"})


def _scores(scores: Mapping[str, Any]) -> dict[str, Any]:
    ours = {name: round(100 * scores[name], 1) for name in SCORES}
    spread = round(100 * scores["std"]["ua"], 1) if "std" in scores else None
    return {**ours, "ua_std": spread}


def _published(row: Row, table: Table) -> dict[str, Any]:
    scores = {f"published_{name}": row.published.get(name) for name in ("ua", "wa")}
    return {**scores, "published_on": table.conditions if row.published else None}


def facts(about: Mapping[str, Any], scores: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions of an experiment's scores, from its run.json and scores.json."""
    return {
        "corpus": about["corpus"],
        "utterances": scores["counts"]["utterances"],
        "protocol": str(about["protocol"]["name"]).replace("_", " "),
        "speaker_independent": about["protocol"]["speaker_independent"],
        "selection": scores["selection"],
        "seeds": " ".join(map(str, about["seeds"])),
        "encoders": "; ".join(_encoder(n, e) for n, e in about["encoders"].items()) or "none",
    }


def notes(rows: pd.DataFrame) -> list[str]:
    """What must be known beside the scores of a table; it stands above and below them.

    Args:
        rows: as `collect` returned them, with `attrs`: `departure` says why published scores do not
            compare, and `short` says that the fits were short.
    """
    departure = rows.attrs.get("departure")
    found = [f"{departure[0].upper()}{departure[1:]}."] if departure else []
    if rows.attrs.get("short"):
        found.append(
            "Short fits: these scores only show that the table runs. They say nothing about the "
            "systems."
        )
    twice = [row.row for row in rows.itertuples() if _is_one_encoder(row.encoders)]
    if twice:
        found.append(f"SEC and TEC are the same model in: {', '.join(map(str, twice))}.")
    return found


def _is_one_encoder(encoders: Any) -> bool:
    """Whether the text of column `encoders` names two encoders that are the same model."""
    named = [one.partition(" ")[2] for one in str(encoders).split("; ")]
    return len(named) == 2 and named[0] == named[1]


def _encoder(name: str, encoder: Mapping[str, Any]) -> str:
    state = "trained" if encoder["trained"] else "frozen"
    return f"{name.upper()} {encoder['model']} ({encoder['weights']}, {state})"
