"""Run the four systems on the corpus of params.yaml, from one cache; print UA and WA as a table.

Usage: python benchmarks/systems.py [SEED ...]      (default: the seeds of params.yaml)

Each system is an experiment of its own under data/results/<corpus>/<system>; params.yaml is put
back at the end. Scores are means over folds and seeds, in percent, with the standard deviation over
seeds where there are several.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from mfsn.base.files import read_json, write_text
from mfsn.params import load_params, outputs_of
from mfsn.workspace import find_workspace

SYSTEMS = ("mfsn", "sec_tec", "acoustic", "classical")


def main(seeds: list[int]) -> None:
    workspace = find_workspace()
    path = workspace / "params.yaml"
    original = path.read_text(encoding="utf-8")
    try:
        rows = [(system, run(workspace, system, seeds)) for system in SYSTEMS]
    finally:
        write_text(path, original)
    print("| system | UA | WA | macro-F1 | pooled UA |\n|---|---|---|---|---|")
    for system, metrics in rows:
        print(f"| {system} | {row(metrics)} |")


def run(workspace: Path, system: str, seeds: list[int]) -> dict[str, Any]:
    params = yaml.safe_load((workspace / "params.yaml").read_text(encoding="utf-8"))
    params |= {"system": system, "experiment": system}
    if seeds:
        params["seeds"] = seeds
    write_text(workspace / "params.yaml", yaml.safe_dump(params, sort_keys=False))
    subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=workspace, check=True)
    metrics: dict[str, Any] = read_json(outputs_of(load_params(workspace), workspace).metrics)
    return metrics


def row(metrics: dict[str, Any]) -> str:
    values = (metrics["ua"], metrics["wa"], metrics["macro_f1"], metrics["ua_pooled"])
    return " | ".join(f"{100 * value:.1f}" for value in values)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
