"""A small experiment as the stages would have written it, from made-up numbers."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mfsn.base.files import write_json
from mfsn.evaluation.classes import summarise
from mfsn.evaluation.config import EvaluateConfig
from mfsn.evaluation.predictions import decide_utterances
from mfsn.manifest import UTTERANCES, predictions_schema, write_table
from mfsn.workspace import Outputs

CLASSES = ["angry", "happy", "neutral", "sad"]
OPERATIONS = ["zero", "sum", "attention", "attention_r", "concat_fc", "concat_fc_r", "ism", "ism_r"]
FOLDS = ["session1", "session2", "session3"]
EPOCHS = 12
HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    """A finished demo experiment, three folds, two seeds, two selection rules; to be read only."""
    return write_experiment(Outputs(tmp_path_factory.mktemp("finished"), "demo", "mfsn"))


@pytest.fixture
def experiment(finished: Outputs, tmp_path: Path) -> Outputs:
    """A copy that a test may change; without histories, since drawing them takes a second."""
    without = shutil.ignore_patterns("history.json")
    shutil.copytree(finished.workspace, tmp_path, dirs_exist_ok=True, ignore=without)
    return Outputs(tmp_path, "demo", "mfsn")


@pytest.fixture
def experiment_without_search(tmp_path: Path) -> Outputs:
    """The same of a system that has no architecture to search."""
    return write_experiment(Outputs(tmp_path, "demo", "acoustic"), searched=False)


def write_experiment(outputs: Outputs, *, searched: bool = True) -> Outputs:
    """Write every file that the report reads; without search, genotypes are absent."""
    manifest = make_manifest()
    write_table(outputs.manifest, manifest, UTTERANCES)
    write_json(outputs.prepared / "excluded.json", make_excluded())
    predictions = decide_utterances(make_segments(manifest), CLASSES, EvaluateConfig())
    write_table(outputs.predictions, predictions, predictions_schema(CLASSES))
    scores = summarise(predictions, manifest, CLASSES, "held_out", EvaluateConfig())
    write_json(outputs.scores, scores)
    write_json(outputs.models / "run.json", make_run(searched))
    for number, fold in enumerate(FOLDS):
        for seed in (0, 1):
            write_unit(outputs, fold, seed, strength=number, searched=searched)
    return outputs


def write_unit(outputs: Outputs, fold: str, seed: int, strength: int, *, searched: bool) -> None:
    """One fold and seed; `strength` is how far the search moved from the uniform mixture."""
    history = [make_epoch(epoch, seed, strength, searched) for epoch in range(1, EPOCHS + 1)]
    model, search = (root / f"{fold}-seed{seed}" for root in (outputs.models, outputs.search))
    levels = ["low", "mid", "high"] if searched else ["high"]
    chosen = {"fold": fold, "seed": seed, "rule": "held_out", "epoch": 9, "level": levels[-2:][0]}
    chosen |= {"levels": levels, "run": f"c0ffee{seed}"}
    write_json(model / "model.json", chosen)
    write_json(model / "history.json", history)
    if searched:
        write_json(search / "history.json", history)
        write_json(search / "genotype.json", make_genotype(chosen, history[8]))


def make_epoch(epoch: int, seed: int, strength: int, searched: bool) -> dict[str, Any]:
    """One entry of history.json."""
    levels = ("low", "mid", "high") if searched else ("high",)
    dev = {
        level: {"loss": 1.0, "wa": 0.5, "ua": 0.25 + 0.5 * (1 - math.exp(-epoch / (4 + i + seed)))}
        for i, level in enumerate(levels)
    }
    entry = {"epoch": epoch, "train_loss": 1.4 * math.exp(-epoch / 6) + 0.2, "dev": dev}
    return entry | (make_weights(epoch * strength) if searched else {})


def make_weights(push: float) -> dict[str, Any]:
    """Operation weights of one cell and their entropy, pushed towards the last operation."""
    alpha = np.linspace(0, 0.03 * push, len(OPERATIONS)) ** 2 * 8
    weights = np.exp(alpha) / np.exp(alpha).sum()
    entropy = float(-(weights * np.log(weights)).sum())
    return {"alpha_weights": [weights.tolist()], "entropy": [entropy]}


def make_genotype(chosen: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """genotype.json of the chosen epoch."""
    weights = entry["alpha_weights"][0]
    cell = {
        "alpha": [math.log(weight) for weight in weights],
        "weights": weights,
        "chosen": OPERATIONS[int(np.argmax(weights))],
        "entropy": entry["entropy"][0],
    }
    return chosen | {"operations": OPERATIONS, "cells": [cell]}


def make_manifest() -> pd.DataFrame:
    """Forty-eight utterances of six speakers in three sessions; one id and text are hostile."""
    rows = [
        {
            "utterance_id": f"voice{n % 6}_{n:02d}" if n else HOSTILE,
            "path": f"voice{n % 6}/{n:02d}.wav",
            "audio_sha256": f"{n:064x}",
            "speaker": f"voice{n % 6}",
            "session": FOLDS[n % 3],
            "gender": None,
            "emotion": CLASSES[n % 4],
            "valence": None,
            "arousal": None,
            "dominance": None,
            "transcript": f"it is {CLASSES[n // 4 % 4]} & <b>late</b>",
            "split": None,
            "congruent": n // 4 % 4 == n % 4,
            "duration_s": 1.5 + 0.1 * n,
            "licence": "CC0-1.0",
        }
        for n in range(48)
    ]
    return pd.DataFrame(rows)


def make_segments(manifest: pd.DataFrame) -> pd.DataFrame:
    """Log-posteriors that lean towards the label, but towards a mistake for the hostile id."""
    random = np.random.default_rng(0)
    rows = []
    for rule, lean in (("held_out", 1.2), ("oracle_test", 1.6)):
        for seed in (0, 1):
            for utterance in manifest.itertuples():
                scores = random.normal(size=len(CLASSES))
                scores[CLASSES.index(str(utterance.emotion))] += lean
                scores += [0, 0, 9, 0] if utterance.utterance_id == HOSTILE else 0
                scores -= np.log(np.exp(scores).sum())
                rows.append(
                    {
                        "segment_id": f"{utterance.utterance_id}#0",
                        "utterance_id": utterance.utterance_id,
                        "valid_samples": 24_000,
                        "fold": utterance.session,
                        "seed": seed,
                        "selection": rule,
                        "label": utterance.emotion,
                        "run": f"c0ffee{seed}",
                        **dict(zip((f"log_posterior_{c}" for c in CLASSES), scores, strict=True)),
                    }
                )
    return pd.DataFrame(rows)


def make_excluded() -> dict[str, Any]:
    """excluded.json with one of everything."""
    return {
        "silent": ["voice9_99"],
        "unrated": [],
        "excluded": [],
        "other_emotions": {"calm": 12},
        "counts": {"angry": 12},
        "expected": {"angry": 12},
        "missing": {},
        "identical": [["voice0_06", "voice1_07"]],
    }


def make_run(searched: bool) -> dict[str, Any]:
    """run.json."""
    encoder = {"model": "random/demo", "revision": None, "weights": "random weights"}
    digest = {
        "about": {"config": {"coefficients": 40}, "weights": "none"},
        "recipe": {"version": 1},
        "store": "mfcc/0123456789ab",
    }
    return {
        "schema": 1,
        "system": "mfsn" if searched else "acoustic",
        "title": "MFSN" if searched else "acoustic",
        "description": "searched fusion" if searched else "spectrogram and MFCC only",
        "fitted": "a network",
        "searched": searched,
        "pieces": "segments",
        "corpus": "demo",
        "classes": CLASSES,
        "protocol": {"name": "leave_one_session_out", "speaker_independent": True},
        "selection": {"rule": "held_out", "compare": ["oracle_test"], "refit": False},
        "encoders": {"sec": encoder | {"trained": False}} if searched else {},
        "seeds": [0, 1],
        "folds": FOLDS,
        "segment": {"duration_s": 3.0},
        "parameters": {
            "model": {"projection": 32, "alexnet_weights": "random"},
            "optimisation": {"lr": 0.001, "class_weights": False, "shuffle_labels": False},
            **({"train": {"network": "export"}} if searched else {}),
            **({"search": {"mode": "joint", "levels": []}} if searched else {}),
        },
        "features": {"mfcc": digest},
    }
