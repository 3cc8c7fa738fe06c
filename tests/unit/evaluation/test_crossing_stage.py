"""stages/evaluate.py under the protocol cross_corpus, run as DVC runs it."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mfsn.manifest import UTTERANCES, segment_predictions_schema, write_table
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.make import make_folds
from mfsn.workspace import Outputs

CLASSES = ["angry", "sad"]
CROSSED = ProtocolConfig(name="cross_corpus")


def joined() -> pd.DataFrame:
    """Two corpora of three speakers."""
    names = [(c, f"{s}{e}", e) for c in ("one", "two") for s in "xyz" for e in CLASSES]
    records = [
        {"utterance_id": f"{c}/{name}", "path": f"../{c}/{name}.wav", "audio_sha256": c + name,
         "speaker": f"{c}/{name[0]}", "emotion": emotion}
        for c, name, emotion in names
    ]  # fmt: skip
    table = pd.DataFrame(records).assign(duration_s=1.0, licence="none")
    numbers = ("valence", "arousal", "dominance")
    return table.assign(**dict.fromkeys(numbers, np.nan)).reindex(columns=UTTERANCES.names)


def decided(manifest: pd.DataFrame) -> pd.DataFrame:
    """Every test utterance of every pair is said to be angry."""
    emotion = dict(zip(manifest["utterance_id"], manifest["emotion"], strict=True))
    records = [
        {"segment_id": f"{u}#0", "utterance_id": u, "valid_samples": 100, "fold": fold.name,
         "seed": 0, "selection": "held_out", "label": emotion[u], "run": "r",
         "log_posterior_angry": math.log(0.9), "log_posterior_sad": math.log(0.1)}
        for fold in make_folds(manifest, CROSSED, Path())
        for u in fold.test
    ]  # fmt: skip
    return pd.DataFrame(records)


@pytest.fixture
def outputs(checkout: Path, tmp_path: Path) -> Outputs:
    """A workspace in which `train` has run."""
    for name in ("src", "stages"):
        shutil.copytree(
            checkout / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(checkout / "dvc.yaml", tmp_path)
    params = yaml.safe_load((checkout / "params.yaml").read_text())
    params["labels"]["classes"] = CLASSES
    params["protocol"]["name"] = "cross_corpus"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    made = Outputs(tmp_path, params["corpus"]["name"], params["experiment"])
    manifest = joined()
    write_table(made.manifest, manifest, UTTERANCES)
    write_table(made.segment_predictions, decided(manifest), segment_predictions_schema(CLASSES))
    return made


def evaluate(outputs: Outputs) -> subprocess.CompletedProcess[str]:
    kept: dict[str, Any] = {k: v for k, v in os.environ.items() if not k.startswith("MFSN_")}
    script = [sys.executable, "stages/evaluate.py"]
    return subprocess.run(
        script, cwd=outputs.workspace, env=kept, capture_output=True, text=True, check=False
    )


def test_the_stage_scores_pairs_and_writes_the_matrix(outputs: Outputs) -> None:
    done = evaluate(outputs)
    assert done.returncode == 0, done.stderr
    scores = json.loads(outputs.scores.read_text())
    cells = {(cell["train"], cell["test"]): cell["utterances"] for cell in scores["matrix"]}
    assert cells == {("one", "one"): 2, ("one", "two"): 6, ("two", "one"): 6, ("two", "two"): 2}
    assert scores["ua"] == 0.5
    # What DVC plots counts no utterance that is tested within its corpus.
    confusion = pd.read_csv(outputs.plots / "predicted.csv")
    assert sorted(confusion["fold"].unique()) == ["one-to-two", "two-to-one"]


def test_the_stage_refuses_a_pair_that_is_missing(outputs: Outputs) -> None:
    manifest = joined()
    lacking = decided(manifest).query("fold != 'two-to-one'")
    write_table(outputs.segment_predictions, lacking, segment_predictions_schema(CLASSES))
    done = evaluate(outputs)
    assert done.returncode == 1
    assert done.stderr.startswith("evaluate: the predictions of two-to-one have other test")
    assert not outputs.scores.exists()
