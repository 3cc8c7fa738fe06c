"""How closely the frame weights of co-attention follow sound level and pitch (`mfsn guidance`).

Spectrogram and MFCC decide one weight per frame. For each test segment, Spearman's correlation
between these weights and the level or pitch of the same frames is computed. Only frames of real
audio count; for pitch, only frames with voice. The result is the mean over the segments of an
utterance.

As a control, the same is computed with the weights of another utterance of the same fold. The
reason: weights that depend only on the position of a frame in its segment correlate with level
too, since speech begins and fades, but they correlate with the level of other utterances just as
much.

Shapes: N segments, T frames of co-attention, C values of a contour.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from mfsn.base.arrays import Float64
from mfsn.errors import ConfigError, TrainingError
from mfsn.models.inputs import ACOUSTIC
from mfsn.models.network import SerNetwork
from mfsn.params import Params, experiment_of, outputs_of
from mfsn.protocols.fold import Fold
from mfsn.report.guidance.contours import contours_of
from mfsn.training.data.loading import load_data
from mfsn.training.data.rows import Rows
from mfsn.training.experiment import Experiment
from mfsn.training.saved import load_network
from mfsn.training.system import get_system

FRAMES = 10
"""A segment with fewer frames that count is left out."""
BATCH = 128


def measure(workspace: Path, params: Params, sample: int | None = None) -> pd.DataFrame:
    """Compute the correlations in the test utterances of all models of the experiment.

    Args:
        workspace: the checkout.
        params: its parameters, which name the corpus and the experiment.
        sample: how many test utterances per fold, drawn with seed 0; all by default.

    Returns:
        One row per fold, seed, utterance, stream and quantity, with the columns `fold`, `seed`,
        `utterance_id`, `stream` (`sec` and `tec`, or `both` if the network has one joint stream),
        `quantity` (`level` or `pitch`), `correlation` and `control`. The last two are NaN if no
        segment has enough frames, or if all its weights are equal.

    Raises:
        ConfigError: if the system has no co-attention, or librosa is not installed.
        TrainingError: if there is no trained model, it belongs to another system, or its weights
            do not fit the network.
        MfsnError: a subclass, if tables or rows are missing or damaged.
    """
    parts = get_system(params.system).network
    if parts is None or not parts.encoders:
        raise ConfigError(
            f"system {params.system} has no co-attention and so no frame weights; choose one "
            "that has, such as mfsn, sec_tec or coattention, in params.yaml, and run `dvc repro`"
        )
    experiment = experiment_of(params, outputs_of(params, workspace), code={})
    networks = {
        (fold.name, seed): _network(experiment, f"{fold.name}-seed{seed}")
        for fold in experiment.folds
        for seed in experiment.seeds
    }
    data = load_data(experiment, "cpu", streaming=True)
    tables = []
    for fold in experiment.folds:
        segments, rows = _segments_of(experiment, fold, sample), data.of_fold(fold.name).rows
        contours = contours_of(experiment, rows, segments)
        for seed in experiment.seeds:
            weights = frame_weights(networks[fold.name, seed], rows, segments)
            found = correlate(segments, weights, contours)
            found.insert(0, "fold", fold.name)
            found.insert(1, "seed", seed)
            tables.append(found)
    return pd.concat(tables, ignore_index=True)


def summarise(correlations: pd.DataFrame) -> pd.DataFrame:
    """Summarise the utterances of all folds and seeds: one row per stream and quantity.

    The columns are `stream`, `quantity`, `mean` and `std` of the correlation, `control_mean`,
    `control_std`, `utterances` (how many have a correlation) and `of` (how many there are).
    """
    groups = correlations.groupby(["stream", "quantity"], sort=False)
    return groups.agg(
        mean=("correlation", "mean"),
        std=("correlation", "std"),
        control_mean=("control", "mean"),
        control_std=("control", "std"),
        utterances=("correlation", "count"),
        of=("correlation", "size"),
    ).reset_index()


@torch.inference_mode()
def frame_weights(network: SerNetwork, rows: Rows, segments: pd.DataFrame) -> dict[str, Float64]:
    """The weight of each frame as one [N, T] array per stream.

    Args:
        network: a network in evaluation mode.
        rows: the cached rows of the corpus; SEC and TEC are not read.
        segments: rows of the segment table; their index is the position in `rows`.
    """
    requests = [(rows_B, ACOUSTIC) for rows_B in torch.split(torch.tensor(segments.index), BATCH)]
    batches = [network.frame_weights(features) for features in rows.batches(requests)]
    return {
        stream: torch.cat([weights[stream] for weights in batches]).double().numpy()
        for stream in batches[0]
    }


def correlate(
    segments: pd.DataFrame,
    weights: Mapping[str, Float64],
    contours: Mapping[str, Sequence[Float64]],
) -> pd.DataFrame:
    """The correlations of one model, with the columns of `measure` except fold and seed.

    Args:
        segments: has `utterance_id` and `valid` (share of real audio); at least two utterances.
        weights: one [N, T] array per stream.
        contours: for each quantity, one contour per segment; see `follow`.
    """
    others, valid = _of_another(segments), segments["valid"]
    tables = []
    for stream, weights_NT in weights.items():
        for quantity, contour in contours.items():
            own = map(follow, weights_NT, contour, valid)
            control = map(follow, weights_NT[others], contour, valid)
            values = pd.DataFrame({"correlation": list(own), "control": list(control)})
            means = values.groupby(segments["utterance_id"].to_numpy(), sort=False).mean()
            means.insert(0, "stream", stream)
            means.insert(1, "quantity", quantity)
            tables.append(means.rename_axis("utterance_id").reset_index())
    return pd.concat(tables, ignore_index=True)


def follow(weights_T: Float64, contour_C: Float64, valid: float) -> float:
    """Spearman's correlation of frame weights and a contour; NaN if too few frames count.

    It is also NaN if all weights or all values are equal.

    Args:
        weights_T: the weights of T frames, which divide the segment evenly.
        contour_C: values at equal time steps, the first at the beginning of the segment; NaN where
            the quantity is not defined. Each frame takes the value nearest to its middle.
        valid: the share of the segment that is real audio.
    """
    frames = len(weights_T)
    middles = (np.arange(np.ceil(valid * frames - 1e-5)) + 0.5) / frames
    nearest = np.rint(middles * len(contour_C)).astype(int).clip(max=len(contour_C) - 1)
    pairs = pd.DataFrame({"weight": weights_T[: len(middles)], "value": contour_C[nearest]})
    ranks = pairs.dropna().rank()
    if len(ranks) < FRAMES or (ranks.nunique() < 2).any():
        return float("nan")
    return float(np.corrcoef(ranks["weight"], ranks["value"])[0, 1])


def _of_another(segments: pd.DataFrame) -> npt.NDArray[np.intp]:
    """For each segment, the position of a segment from another utterance, chosen at random."""
    places = dict(segments.reset_index().groupby("utterance_id", sort=False).indices)
    circle = list(places)
    random.Random(0).shuffle(circle)
    others = np.empty(len(segments), np.intp)
    for name, other in zip(circle, circle[1:] + circle[:1], strict=True):
        own = places[name]
        others[own] = places[other][np.arange(len(own)) % len(places[other])]
    return others


def _segments_of(experiment: Experiment, fold: Fold, sample: int | None) -> pd.DataFrame:
    ids = fold.test
    if sample is not None and sample < len(ids):
        ids = tuple(random.Random(0).sample(ids, sample))
    segments = experiment.segments[experiment.segments["utterance_id"].isin(ids)]
    audible_N = experiment.segment.audible(segments["valid_samples"].to_numpy())
    return segments.assign(valid=audible_N / experiment.segment.samples)


def _network(experiment: Experiment, name: str) -> SerNetwork:
    saved = load_network(experiment.outputs.models / name)
    trained = saved.record["system"]
    if trained != experiment.system.name:
        raise TrainingError(
            f"the models in {experiment.outputs.models} are of system {trained}, but params.yaml "
            f"says {experiment.system.name}; run `dvc repro`, or set system: {trained}"
        )
    return cast(SerNetwork, saved.network)
