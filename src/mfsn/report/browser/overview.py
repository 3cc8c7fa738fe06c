"""What the page holds about all utterances together: the list, the maps, the neighbours."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from mfsn.report.browser.names import shortened
from mfsn.report.browser.space import centred, maps, neighbours
from mfsn.report.utterance.choice import for_page
from mfsn.report.utterance.source import Source
from mfsn.report.utterance.utterance import ENCODERS, RANGE_DB, levels_of

LISTED = ("utterance_id", "emotion", "speaker", "transcript", "duration_s")
Array = npt.NDArray[Any]


def overview(
    source: Source, ids: Sequence[str], is_playable: Callable[[str], bool]
) -> dict[str, Any]:
    """The index of the page, as plain values.

    Args:
        source: the tables and features of the experiment.
        ids: the utterances of the page.
        is_playable: given a licence, whether the page may contain recordings under it.
    """
    corpus = for_page(source)
    means = mean_levels(source, ids, corpus)
    levels = tqdm(means, "maps", unit="level", disable=None)
    return {
        "classes": source.classes,
        "dimensions": source.dimensions,
        "utterances": _listed(source, ids),
        "notes": list(notes(source, ids, is_playable)),
        "centred_over": len(corpus),
        "neighbours": {level: neighbours(mean_UD) for level, mean_UD in means.items()},
        "maps": {level: places for level in levels if (places := maps(means[level]))},
    }


def mean_levels(source: Source, ids: Sequence[str], corpus: Sequence[str]) -> dict[str, Array]:
    """The mean frame of each utterance without padding, one (U, D) array per level.

    Args:
        source: the tables and features of the experiment.
        ids: the utterances of the page.
        corpus: utterances that stand for the corpus; their mean is taken away.
    """
    read = dict.fromkeys([*ids, *corpus])
    shown = tqdm(read, "levels", unit="utterance", disable=None)
    means = {i: {name: v.mean_D for name, v in levels_of(source, i).items()} for i in shown}
    return {
        name: centred(
            np.stack([means[i][name] for i in ids]), np.stack([means[i][name] for i in corpus])
        )
        for name in means[ids[0]]
    }


def scale_db(source: Source, ids: Sequence[str]) -> tuple[float, float]:
    """The range in dB in which spectrograms are drawn.

    The top is the largest level of all utterances, rounded up to a multiple of 10 dB; the bottom
    is `RANGE_DB` below it.
    """
    reader = source.readers.get("spectrogram")
    if reader is None:
        return -RANGE_DB, 0.0
    segments = [name for i in ids for name in source.segments_of(i)["segment_id"]]
    top = float(np.ceil(reader.read(segments, ["max_db"])["max_db"].max() / 10) * 10)
    return top - RANGE_DB, top


def notes(source: Source, ids: Sequence[str], is_playable: Callable[[str], bool]) -> Iterator[str]:
    """Sentences about what the page does not show, or what its figures do not mean."""
    if len(ids) < len(source.manifest):
        yield f"This page shows {len(ids)} of the {len(source.manifest)} utterances of the corpus."
    for name in source.missing:
        if name in source.troubles:  # the reason names a folder of this machine, so it stays out
            yield f"{name} cannot be read and is left out; mfsn inspect prints the reason."
        else:
            yield f"{name} is not extracted yet; run dvc repro extract@{name}."
    if source.predictions.empty:
        yield "Nothing is predicted yet; run dvc repro to train and evaluate."
    elif source.dimensions:
        yield f"The experiment predicts {', '.join(source.dimensions)}, not classes."
    weights = {n: source.readers[n].digest.about.get("weights") for n in source.readers}
    random = ", ".join(n.upper() for n in ENCODERS if weights.get(n) == "random weights")
    if random:
        yield f"Encoders with random weights ({random}) tell nothing about pretrained ones."
    silent = [licence for licence in _licences(source, ids) if not is_playable(licence)]
    if silent:
        yield (
            f"Recordings under licences that are not free to share ({'; '.join(silent)}) are left "
            "out; use --with-audio if your licence allows them here."
        )


def _licences(source: Source, ids: Sequence[str]) -> list[str]:
    shown = source.manifest[source.manifest["utterance_id"].isin(ids)]
    return sorted(shown["licence"].unique())


def _listed(source: Source, ids: Sequence[str]) -> list[dict[str, Any]]:
    table = source.manifest.set_index("utterance_id", drop=False).loc[list(ids), list(LISTED)]
    rows = zip(table.to_dict("records"), shortened(ids), strict=True)
    return [_entry(source, values) | {"short": short} for values, short in rows]


def _entry(source: Source, values: Mapping[Hashable, Any]) -> dict[str, Any]:
    entry = {str(name): None if pd.isna(value) else value for name, value in values.items()}
    decision = source.decision_of(values["utterance_id"])
    if decision is None:
        return entry | {"predicted": None, **_values(source, values["utterance_id"])}
    confidence = round(decision.confidence, 4)
    return entry | {"predicted": decision.predicted, "confidence": confidence}


def _values(source: Source, utterance_id: str) -> dict[str, Any]:
    """The predicted values and their mean distance from the labels; empty if there are none."""
    rating = source.rating_of(utterance_id)
    if rating is None:
        return {}
    error = float(np.abs(rating.predicted_D - rating.label_D).mean())
    return {"values": rating.predicted_D.round(4).tolist(), "error": round(error, 4)}
