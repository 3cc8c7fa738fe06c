"""Choose how to read a frozen encoder in each fold without its test speakers, then open the fold.

Usage: mfsn preset ravdess
       mfsn set sec.model FOLDER sec.levels all system probe
       dvc repro
       python benchmarks/accuracy_encoder.py

FOLDER is an encoder in the transformers format, such as Whisper-base. An utterance is its mean, or
its mean and standard deviation, over the valid frames of one layer or of all layers, alone or
beside the functionals of benchmarks/accuracy.py. Choosing, freezing and opening are those of that
script. The baseline is the usual probe: logistic regression on the mean of one layer. The choice is
in data/results/<corpus>/accuracy/<name of the encoder>.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from accuracy import Recipe, choose_and_open, read_vectors
from tqdm import tqdm

from mfsn.features.config import FunctionalsConfig
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table, scored
from mfsn.models.inputs import positions_within
from mfsn.params import Params, load_params, outputs_of
from mfsn.store.reader import FeatureReader
from mfsn.systems.linear.classical import LEVEL
from mfsn.systems.linear.fits import Vectors
from mfsn.workspace import Outputs, find_workspace, store_root

READ_SEGMENTS = 256
FUNCTIONALS = FunctionalsConfig(set=("ComParE_2016", "eGeMAPSv02"), trim_db=35.0, parts=(1, 2))
"""Those that benchmarks/accuracy.py chose in most folds, without copies at other speeds."""
CS = (0.01, 0.1)
"""Of logistic regression."""
RIDGE_CS = (0.4, 1.6)


def main() -> None:
    workspace = find_workspace()
    params = load_params(workspace)
    outputs = outputs_of(params, workspace)
    manifest = scored(read_table(outputs.manifest, UTTERANCES))
    layers = statistics(params, outputs, manifest)
    functionals = read_vectors(FUNCTIONALS, params, outputs, manifest)
    features = candidates(layers, functionals)
    name = Path(params.sec.model).name
    frozen_at = outputs.results.parent / "accuracy" / f"{name}.json"
    baselines = [Recipe(f"{layer}, mean", False, "logistic", c) for layer in layers for c in CS]
    choose_and_open(features, frozen_at, [*baselines, *recipes(layers)], baselines)


def recipes(layers: Sequence[str] | Mapping[str, Any]) -> list[Recipe]:
    """What is chosen from, beside the baselines."""
    single = [Recipe(f"{layer}, mean and deviation", False, "logistic", c)
              for layer in layers for c in CS]  # fmt: skip
    together = ("all layers", "all layers and functionals")
    return [*single, *(Recipe(name, False, "ridge", c) for name in together for c in RIDGE_CS)]


def candidates(
    layers: Mapping[str, npt.NDArray[np.float32]], functionals: Vectors
) -> dict[str, Vectors]:
    """Name of features to vectors in the order of the functionals' utterances.

    Args:
        layers: level to mean and deviation of each utterance, [U, 2, D].
        functionals: of the same utterances.
    """
    flat = {name: rows_U2D.reshape(len(rows_U2D), -1) for name, rows_U2D in layers.items()}
    of_layers = np.concatenate([*flat.values()], axis=1)
    halves = [rows_U2D.shape[2] for rows_U2D in layers.values() for _ in range(2)]
    beside = np.concatenate([of_layers, functionals.levels[LEVEL]], axis=1)

    def vectors(rows_UP: npt.NDArray[Any], blocks: Sequence[int]) -> Vectors:
        return replace(functionals, levels={LEVEL: rows_UP}, copies=(), blocks=list(blocks))

    found = {
        "all layers": vectors(of_layers, halves),
        "all layers and functionals": vectors(beside, [*halves, *functionals.blocks]),
    }
    for layer, rows_U2D in layers.items():
        width = rows_U2D.shape[2]
        found[f"{layer}, mean"] = vectors(rows_U2D[:, 0], [width])
        found[f"{layer}, mean and deviation"] = vectors(flat[layer], [width, width])
    return found


def statistics(
    params: Params, outputs: Outputs, manifest: pd.DataFrame
) -> dict[str, npt.NDArray[np.float32]]:
    """Level to mean and standard deviation over the valid frames of each utterance, [U, 2, D]."""
    reader = FeatureReader.open(outputs.digest("sec"), store_root())
    table = read_table(outputs.segments, SEGMENTS)
    place = {name: number for number, name in enumerate(manifest["utterance_id"])}
    table = table[table["utterance_id"].isin(place)]
    audible = params.segment.audible(table["valid_samples"].to_numpy())
    ids, own = table["segment_id"].tolist(), table["utterance_id"].map(place).to_numpy()
    found = {}
    for array in tqdm(reader.digest.arrays, "statistics", unit="layer"):
        frames, width = array.shape
        valid = positions_within(audible, params.segment.samples, frames)
        sums_U2D = np.zeros((len(place), 2, width))
        for first in range(0, len(ids), READ_SEGMENTS):
            piece = slice(first, first + READ_SEGMENTS)
            rows_STD = reader.read(ids[piece], [array.name])[array.name].astype(np.float64)
            counts_ST1 = (np.arange(frames) < valid[piece, None])[:, :, None]
            for power in (1, 2):
                total_SD = (rows_STD**power * counts_ST1).sum(axis=1)
                np.add.at(sums_U2D[:, power - 1], own[piece], total_SD)
        mean_U2D = sums_U2D / np.bincount(own, valid, len(place))[:, None, None]
        variance_UD = np.maximum(mean_U2D[:, 1] - mean_U2D[:, 0] ** 2, 0)
        found[array.name] = np.stack([mean_U2D[:, 0], np.sqrt(variance_UD)], 1).astype(np.float32)
    return found


if __name__ == "__main__":
    main()
