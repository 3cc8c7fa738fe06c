"""From finished rows to one table: ours beside the published, with what a reader must know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mfsn.reproduce.plan import Table
from mfsn.reproduce.run import read_result
from mfsn.workspace import Outputs

SCORES = ("ua", "wa", "macro_f1")


def collect(
    workspace: Path, table: Table, experiments: Mapping[str, str], outputs: Outputs
) -> pd.DataFrame:
    """One row an experiment.

    Columns: `row`; `ua`, `ua_std` (over seeds, empty for one), `wa`, `macro_f1`, `published_ua`,
    `published_wa` in percent, one decimal; and what the scores hang on: `corpus`, `utterances`,
    `protocol`, `speaker_independent`, `selection`, `seeds`, `encoders`.

    Args:
        workspace: the checkout.
        table: the plan.
        experiments: name of each row to that of its experiment.
        outputs: of the parameters that the rows change, relative to the checkout.

    Raises:
        ReproduceError: if an experiment's output is not there.
    """
    records = []
    for row in table.rows:
        experiment = experiments[row.name]
        scores = read_result(workspace, experiment, outputs.scores)
        about = read_result(workspace, experiment, outputs.models / "run.json")
        records.append(
            {"row": row.label, **_scores(scores, row.published), **_facts(about, scores)}
        )
    return pd.DataFrame(records)


def _scores(scores: Mapping[str, Any], published: Mapping[str, float]) -> dict[str, Any]:
    ours = {name: round(100 * scores[name], 1) for name in SCORES}
    spread = round(100 * scores["std"]["ua"], 1) if "std" in scores else None
    return {
        "ua": ours["ua"],
        "ua_std": spread,
        "wa": ours["wa"],
        "macro_f1": ours["macro_f1"],
        "published_ua": published.get("ua"),
        "published_wa": published.get("wa"),
    }


def _facts(about: Mapping[str, Any], scores: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "corpus": about["corpus"],
        "utterances": scores["counts"]["utterances"],
        "protocol": str(about["protocol"]["name"]).replace("_", " "),
        "speaker_independent": about["protocol"]["speaker_independent"],
        "selection": scores["selection"],
        "seeds": " ".join(map(str, about["seeds"])),
        "encoders": "; ".join(_encoder(n, e) for n, e in about["encoders"].items()) or "none",
    }


def _encoder(name: str, encoder: Mapping[str, Any]) -> str:
    state = "trained" if encoder["trained"] else "frozen"
    return f"{name.upper()} {encoder['model']} ({encoder['weights']}, {state})"
