"""Every finished run as one row: those of the workspace, and the experiments that DVC keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from mfsn.base.files import read_json
from mfsn.errors import DamagedFileError
from mfsn.report.results.experiments import kept_experiments
from mfsn.report.results.row import COLUMNS, encoder_names, score_columns
from mfsn.workspace import Outputs


def results(workspace: Path) -> pd.DataFrame:
    """One row per finished run: first the outputs of the workspace, then DVC's experiments.

    Args:
        workspace: the folder with params.yaml.

    Returns:
        The columns are `run` (the name of the experiment, or DVC's name for it), `corpus`,
        `system`, `encoders`, `protocol`, `folds`, `seeds`, `score` (UA, or CCC of dimensions),
        `value`, `low` and `high` (the score and its 95 % interval), `wa`, all between 0 and 1,
        `finished` (when: of the workspace, when scores.json was written or brought back),
        `commit` (from which an experiment of DVC started), and `changed` (its parameters that
        differ from that commit). Experiments whose scores DVC's cache lacks have no scores.

    Raises:
        DamagedFileError: if a file of a finished run is damaged.
        CacheError: if git cannot read the repository.
    """
    rows = [*_in_workspace(workspace), *kept_experiments(workspace)]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"folds": "Int64", "seeds": "Int64"})


def _in_workspace(workspace: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((workspace / "data" / "results").glob("*/*/scores.json")):
        outputs = Outputs(workspace, path.parent.parent.name, path.parent.name)
        about_file = outputs.models / "run.json"
        if not about_file.is_file():
            continue  # `train` is at work
        about, scores = read_json(about_file), read_json(path)
        try:
            yield _described(outputs, about) | score_columns(scores)
        except (KeyError, TypeError, AttributeError):
            raise DamagedFileError(
                f"{path} or {about_file} is damaged; delete both and run `dvc repro` to make them "
                "again"
            ) from None


def _described(outputs: Outputs, about: Mapping[str, Any]) -> dict[str, Any]:
    written = datetime.fromtimestamp(outputs.scores.stat().st_mtime, UTC)
    return {
        "run": outputs.experiment,
        "corpus": outputs.corpus,
        "system": about["system"],
        "encoders": encoder_names(each["model"] for each in about["encoders"].values()),
        "protocol": about["protocol"]["name"],
        "finished": written.isoformat(timespec="seconds"),
    }
