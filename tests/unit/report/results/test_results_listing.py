"""`mfsn results`: the table fits into a terminal, and loses nothing."""

from __future__ import annotations

import re

import pandas as pd

from mfsn.report.results.listing import WIDTH, lines
from mfsn.report.results.row import COLUMNS

RUN = {
    "run": "one", "corpus": "toy", "system": "sec_tec", "encoders": "whisper", "folds": 4,
    "protocol": "leave_one_speaker_out", "seeds": 3, "score": "UA", "value": 0.5, "low": 0.41,
    "high": 0.59, "wa": 0.625, "finished": "2026-12-01T12:53:50+00:00",
}  # fmt: skip


def listed(*runs: dict[str, object]) -> list[str]:
    return lines(pd.DataFrame([RUN | run for run in runs], columns=COLUMNS))


def test_a_line_per_run_without_empty_columns() -> None:
    ccc = {"score": "CCC", "value": 0.25, "low": None, "high": None, "wa": None}
    header, one, rated = listed({}, ccc)
    assert re.split(r"  +", header) == [
        "run", "corpus", "system", "encoders", "protocol", "seeds", "score (95 %)", "WA"
    ]  # fmt: skip
    assert one.split("  ")[-2:] == ["UA 50.0 (41.0 to 59.0)", "62.5"]
    assert rated.endswith("CCC 0.250")


def test_what_an_experiment_changed_stands_below_it() -> None:
    many = ", ".join(f"model.parameter_{n}={n}" for n in range(12))
    _, _, *below = listed({"commit": "abcdef0", "changed": many})
    assert " ".join(line.strip() for line in below) == f"commit abcdef0, {many}"
    assert max(map(len, below)) <= WIDTH


def test_long_names_are_wrapped_and_whole() -> None:
    long: dict[str, object] = {
        "run": "a-very-long-name-of-an-experiment",
        "encoders": "data2vec-audio-base + " * 2,
    }
    found = listed(long, {"commit": "abcdef0"})
    assert max(map(len, found)) <= WIDTH
    assert sum(line.count("data2vec-audio-base") for line in found) == 2


def test_scores_that_the_cache_lacks_are_told() -> None:
    assert "not in DVC's cache" in listed({"value": None, "wa": None})[1]
