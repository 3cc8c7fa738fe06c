"""Genotypes: what a search found for a fold and seed, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mfsn.base.kept_json import read_kept
from mfsn.errors import TrainingError
from mfsn.models.network import SerNetwork
from mfsn.models.operations import OPERATIONS
from mfsn.runs.unit import Unit
from mfsn.training.config import Rule
from mfsn.training.experiment import Experiment
from mfsn.training.selection import Choice

SCHEMA = 1
FILE = "genotype.json"


def describe_genotype(
    unit: Unit,
    experiment: Experiment,
    network: SerNetwork,
    choices: Mapping[Rule, Choice],
    levels: tuple[str, ...],
) -> dict[str, Any]:
    """The genotype of the rule that counts, without the fold's speakers.

    `mfsn.systems.search` adds the speakers to the stage's output. The result of a search does not
    depend on the test speakers, so a unit is reused when they change.

    Args:
        unit: fold and seed.
        experiment: the parameters.
        network: with the weights that the rule chose.
        choices: of every rule; the other rules are listed under `selected`.
        levels: SEC levels that were drawn from, in their order.
    """
    rule = experiment.selection.rule
    return {
        "schema": SCHEMA,
        **unit.identity,
        "system": experiment.system.name,
        "mode": experiment.search.mode,
        "levels": list(levels),
        "rule": rule,
        "epoch": choices[rule].epoch,
        "level": choices[rule].level,
        "selected": {
            name: {"epoch": choice.epoch, "level": choice.level} for name, choice in choices.items()
        },
        "operations": list(OPERATIONS),
        "cells": describe_cells(network),
    }


def describe_cells(network: SerNetwork) -> list[dict[str, Any]]:
    """For each Fusion Cell: alpha, its softmax, the operation with the largest weight, entropy."""
    columns = zip(
        network.cells, network.operation_weights(), network.operation_entropies(), strict=True
    )
    return [
        {
            "alpha": cell.alpha_O.tolist(),
            "weights": weights,
            "chosen": _strongest(weights, zero=True),
            "entropy": entropy,
        }
        for cell, weights, entropy in columns
    ]


def strongest(genotype: Mapping[str, Any], *, zero: bool = True) -> list[str]:
    """The operation with the largest weight in each Fusion Cell.

    Args:
        genotype: of a unit.
        zero: whether Zero may be one of them.
    """
    return [_strongest(cell["weights"], zero) for cell in genotype["cells"]]


def is_given(genotype: Mapping[str, Any]) -> bool:
    """Whether the operations were given or drawn, not searched."""
    return genotype["mode"] in ("fixed", "random")


def read_genotype(search: Path, unit: Unit) -> dict[str, Any]:
    """The genotype that the search stage wrote for a unit.

    Raises:
        TrainingError: if there is none.
        DamagedFileError: if it is damaged, and later, when an entry is asked for that it lacks.
    """
    path = search / unit.name / FILE
    if not path.is_file():
        raise TrainingError(f"{path} is missing; run `dvc repro search` to make it")
    genotype: dict[str, Any] = read_kept(path)
    return genotype


def _strongest(weights: Sequence[float], zero: bool) -> str:
    allowed = {n: w for n, w in zip(OPERATIONS, weights, strict=True) if zero or n != "zero"}
    return max(allowed, key=lambda name: allowed[name])
