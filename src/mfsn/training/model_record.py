"""What the train stage wrote about a model, for prediction: read, checked and described."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from mfsn.base.kept_json import read_kept
from mfsn.errors import PredictionError
from mfsn.protocols.fold import fold_title
from mfsn.training.summary import describe_score

RUN = "run.json"
OF_MODEL = {"system", "classes", "segment", "fold", "seed", "dev"}
"""The entries of model.json that prediction needs."""
OF_RUN = {"corpus", "features", "encoders", "parameters"}
"""The entries of run.json that prediction needs."""


def read_record(path: Path, needed: Set[str] = frozenset()) -> dict[str, Any]:
    """Read model.json or run.json.

    Args:
        path: the file.
        needed: fields that it must have.

    Raises:
        PredictionError: if it is missing, is no JSON, or lacks one of them.
        DamagedFileError: later, when an entry is asked for that it lacks.
    """
    if not path.is_file():
        raise PredictionError(
            f"{path} is missing, so {path.parent} holds no trained model; run `dvc repro`, or name "
            "another folder"
        )
    content: Any = None
    with contextlib.suppress(ValueError):
        content = read_kept(path)
    if isinstance(content, dict) and "schema" in content and not content.keys() >= needed:
        raise PredictionError(
            f"{path} was made by another version of mfsn; run `dvc repro` to train again"
        )
    if not isinstance(content, dict) or not content.keys() >= needed:
        raise PredictionError(f"{path} is damaged; run `dvc repro` or `dvc checkout` to restore it")
    return content


def doubts(run: Mapping[str, Any]) -> Iterator[str]:
    """Reasons not to trust a model."""
    if run["corpus"] == "demo":
        yield "the model learnt from the demo's synthetic voices; it knows nothing about people"
    random = [n for n, e in run["encoders"].items() if e["weights"] == "random weights"]
    if random:
        yield f"{' and '.join(random)} have random weights: the model has no pretrained encoder"
    if run["parameters"].get("optimisation", {}).get("shuffle_labels"):
        yield "the model learnt shuffled labels, as a check; its predictions are chance"


def describe(record: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """Which model it is: system, corpus, fold, seed and development score."""
    return (
        f"{record['system']} trained on {run['corpus']}, {fold_title(record['fold'])}, seed "
        f"{record['seed']} ({describe_score(record['dev'], 'development')})"
    )
