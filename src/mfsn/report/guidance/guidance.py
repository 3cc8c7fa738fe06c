"""How far co-attention's frame weights follow level and pitch (`mfsn guidance`).

Spectrogram and MFCC make one weight a frame. Spearman's correlation of those weights with the level
and with the pitch of the same frames is taken in each test segment, over its frames of real audio
(of voice, for pitch), and averaged over the segments of an utterance.

The control has the weights of another utterance of the same fold in their place. Weights that only
know where in a segment a frame stands correlate with level too, since speech begins and fades; they
do so as well with the level of another utterance.

Shapes: N segments, T frames of co-attention, C values of a contour.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from mfsn.base.arrays import Float64
from mfsn.errors import ConfigError, TrainingError
from mfsn.models.network import SerNetwork
from mfsn.params import Params, experiment_of, outputs_of
from mfsn.protocols.fold import Fold
from mfsn.report.guidance.contours import contours_of
from mfsn.training.data.fold_data import TrainingData, load_data
from mfsn.training.data.rows import Rows
from mfsn.training.experiment import Experiment
from mfsn.training.saved import load_network
from mfsn.training.system import get_system

FRAMES = 10
"""A segment with fewer frames to correlate is left out."""
BATCH = 128


def measure(workspace: Path, params: Params, sample: int | None = None) -> pd.DataFrame:
    """Correlate in the test utterances of all models of the experiment.

    Args:
        workspace: the checkout.
        params: its parameters; they say which corpus and experiment.
        sample: utterances of each fold, drawn with seed 0; all by default.

    Returns:
        One row an utterance, stream and quantity: `fold`, `seed`, `utterance_id`, `stream` (`sec`,
        `tec`; `both` of a joint one), `quantity` (level, pitch), `correlation` and `control`, which
        are empty where no segment has enough frames, or its weights are all alike.

    Raises:
        ConfigError: if the system has no co-attention, or librosa is not installed.
        TrainingError: if there is no trained model, it is of another system, or its weights do not
            fit.
        MfsnError: a subclass, if tables or rows are missing or damaged.
    """
    parts = get_system(params.system).network
    if parts is None or not parts.encoders:
        raise ConfigError(
            f"system {params.system} has no co-attention, so that no frame has a weight; "
            "`mfsn guidance` looks at systems such as mfsn, sec_tec and coattention"
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
        segments = _segments_of(fold, data, sample)
        contours = contours_of(experiment, data.rows, segments)
        for seed in experiment.seeds:
            weights = frame_weights(networks[fold.name, seed], data.rows, segments)
            found = correlate(segments, weights, contours)
            found.insert(0, "fold", fold.name)
            found.insert(1, "seed", seed)
            tables.append(found)
    return pd.concat(tables, ignore_index=True)


def summarise(correlations: pd.DataFrame) -> pd.DataFrame:
    """Over utterances, of folds and seeds together: one row a stream and quantity.

    Columns: `stream`, `quantity`, `mean` and `std` of the correlation, `control_mean`,
    `control_std`, `utterances` that have a correlation, `of` how many.
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
    """Stream to [N, T]: the weight of each frame.

    Args:
        network: in evaluation mode.
        rows: the cached rows of the corpus; SEC and TEC are not read.
        segments: the index is that of the rows.
    """
    unread = replace(rows, sec={}, tec_NTD=None)
    requests = [(rows_B, None) for rows_B in torch.split(torch.tensor(segments.index), BATCH)]
    batches = [network.frame_weights(features) for features in unread.batches(requests)]
    return {
        stream: torch.cat([weights[stream] for weights in batches]).double().numpy()
        for stream in batches[0]
    }


def correlate(
    segments: pd.DataFrame,
    weights: Mapping[str, Float64],
    contours: Mapping[str, Sequence[Float64]],
) -> pd.DataFrame:
    """The correlations of one model; columns as `measure`, but for fold and seed.

    Args:
        segments: `utterance_id` and `valid` (share of real audio); of two utterances or more.
        weights: stream to [N, T].
        contours: quantity to one contour a segment; see `follow`.
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
    """Spearman's correlation of frame weights and a contour; NaN where there is none.

    Args:
        weights_T: of T frames that divide the segment evenly.
        contour_C: values at equal distances, the first at the segment's beginning; NaN where the
            quantity is not defined. A frame takes the value nearest to its middle.
        valid: share of the segment that is real audio.
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
    """Each segment's position to that of a segment of another utterance, in a drawn order."""
    places = dict(segments.reset_index().groupby("utterance_id", sort=False).indices)
    circle = list(places)
    random.Random(0).shuffle(circle)
    others = np.empty(len(segments), np.intp)
    for name, other in zip(circle, circle[1:] + circle[:1], strict=True):
        own = places[name]
        others[own] = places[other][np.arange(len(own)) % len(places[other])]
    return others


def _segments_of(fold: Fold, data: TrainingData, sample: int | None) -> pd.DataFrame:
    ids = fold.test
    if sample is not None and sample < len(ids):
        ids = tuple(random.Random(0).sample(ids, sample))
    segments = data.segments[data.segments["utterance_id"].isin(ids)]
    return segments.assign(valid=data.rows.valid_N.numpy()[segments.index])


def _network(experiment: Experiment, name: str) -> SerNetwork:
    saved = load_network(experiment.outputs.models / name)
    trained = saved.record["system"]
    if trained != experiment.system.name:
        raise TrainingError(
            f"the models in {experiment.outputs.models} are of system {trained}, and params.yaml "
            f"says {experiment.system.name}; run `dvc repro`, or set system: {trained}"
        )
    return saved.network
