"""What the page knows of all its utterances at once: the list, the maps, who is near whom."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from mfsn.report.browser.space import maps, neighbours
from mfsn.report.utterance.source import Source
from mfsn.report.utterance.utterance import ENCODERS, RANGE_DB, levels_of

LISTED = ("utterance_id", "emotion", "speaker", "transcript", "duration_s")
Array = npt.NDArray[Any]


def overview(
    source: Source, ids: Sequence[str], is_playable: Callable[[str], bool]
) -> dict[str, Any]:
    """The page's index, as plain values.

    Args:
        source: of the corpus and experiment.
        ids: the utterances of the page.
        is_playable: whether recordings of a licence may be heard on the page.
    """
    means = mean_levels(source, ids)
    shown = tqdm(means.items(), "maps", unit="level", disable=None)
    placed = {level: maps(mean_UD) for level, mean_UD in shown}
    return {
        "classes": source.classes,
        "dimensions": source.dimensions,
        "utterances": _listed(source, ids),
        "notes": list(notes(source, ids, is_playable)),
        "neighbours": {level: neighbours(mean_UD) for level, mean_UD in means.items()},
        "maps": {level: places for level, places in placed.items() if places},
    }


def mean_levels(source: Source, ids: Sequence[str]) -> dict[str, Array]:
    """The mean frame of each utterance, (U, D), by level; frames of padding are left out."""
    shown = tqdm(ids, "levels", unit="utterance", disable=None)
    means = [{name: v.mean_D for name, v in levels_of(source, i).items()} for i in shown]
    return {name: np.stack([mean[name] for mean in means]) for name in means[0]}


def scale_db(source: Source, ids: Sequence[str]) -> tuple[float, float]:
    """The levels that spectrograms are drawn between: 80 dB below the loudest, in tens."""
    reader = source.readers.get("spectrogram")
    if reader is None:
        return -RANGE_DB, 0.0
    segments = [name for i in ids for name in source.segments_of(i)["segment_id"]]
    top = float(np.ceil(reader.read(segments, ["max_db"])["max_db"].max() / 10) * 10)
    return top - RANGE_DB, top


def notes(source: Source, ids: Sequence[str], is_playable: Callable[[str], bool]) -> Iterator[str]:
    """Sentences about what the page does not show, or what its figures do not mean."""
    if len(ids) < len(source.manifest):
        yield f"{len(ids)} of the corpus's {len(source.manifest)} utterances are on this page."
    for name in source.missing:
        if name in source.troubles:  # whose sentence names a folder of this machine
            yield f"{name} cannot be read and is left out; mfsn inspect says why."
        else:
            yield f"{name} is not extracted yet; dvc repro extract@{name} does it."
    if source.predictions.empty:
        yield "Nothing is predicted yet; dvc repro trains and evaluates."
    elif source.dimensions:
        yield f"The experiment predicts {', '.join(source.dimensions)} and decides on no class."
    weights = {n: source.readers[n].digest.about.get("weights") for n in source.readers}
    random = ", ".join(n.upper() for n in ENCODERS if weights.get(n) == "random weights")
    if random:
        yield f"Encoders with random weights ({random}) say nothing about pretrained ones."
    silent = [licence for licence in _licences(source, ids) if not is_playable(licence)]
    if silent:
        yield (
            f"Recordings are left out where their licence is not free ({'; '.join(silent)}); "
            "--with-audio takes them in."
        )


def _licences(source: Source, ids: Sequence[str]) -> list[str]:
    shown = source.manifest[source.manifest["utterance_id"].isin(ids)]
    return sorted(shown["licence"].unique())


def _listed(source: Source, ids: Sequence[str]) -> list[dict[str, Any]]:
    table = source.manifest.set_index("utterance_id", drop=False).loc[list(ids), list(LISTED)]
    return [_entry(source, values) for values in table.to_dict("records")]


def _entry(source: Source, values: Mapping[Hashable, Any]) -> dict[str, Any]:
    entry = {str(name): None if pd.isna(value) else value for name, value in values.items()}
    decision = source.decision_of(values["utterance_id"])
    if decision is None:
        return entry | {"predicted": None, **_values(source, values["utterance_id"])}
    confidence = round(decision.confidence, 4)
    return entry | {"predicted": decision.predicted, "confidence": confidence}


def _values(source: Source, utterance_id: str) -> dict[str, Any]:
    """Predicted values, and how far they lie from the labels in the mean; nothing without any."""
    rating = source.rating_of(utterance_id)
    if rating is None:
        return {}
    error = float(np.abs(rating.predicted_D - rating.label_D).mean())
    return {"values": rating.predicted_D.round(4).tolist(), "error": round(error, 4)}
