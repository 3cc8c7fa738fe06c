"""Which utterances are similar in a level: nearest neighbours, and maps in two dimensions.

Shapes: U utterances, D features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

NEIGHBOURS = 8
FEWEST = 5
"""There is no map if there are fewer utterances."""
PERPLEXITY = 30

Array = npt.NDArray[Any]


def centred(mean_UD: Array, of_corpus_ND: Array) -> Array:
    """The mean frames without what all recordings have in common.

    Frames of trained encoders point nearly the same way: cosines of 0.999 would be all that is
    seen.

    Args:
        mean_UD: the mean frame of each utterance.
        of_corpus_ND: the same of utterances that stand for the corpus.
    """
    difference_UD: Array = mean_UD - of_corpus_ND.mean(axis=0)
    return difference_UD


def neighbours(mean_UD: Array) -> list[list[tuple[int, float]]]:
    """For each utterance, the most similar others with their cosine similarity, nearest first.

    Args:
        mean_UD: the mean frame of each utterance, as `centred` returns it.
    """
    length_U1 = np.linalg.norm(mean_UD, axis=1, keepdims=True)
    unit_UD = mean_UD / np.maximum(length_U1, 1e-12)
    return [_nearest(unit_UD, number) for number in range(len(unit_UD))]


def _nearest(unit_UD: Array, number: int) -> list[tuple[int, float]]:
    cosine_U = unit_UD @ unit_UD[number]
    ordered = np.argsort(-cosine_U, kind="stable")
    others = ordered[ordered != number][:NEIGHBOURS]
    return [(int(other), round(float(cosine_U[other]), 4)) for other in others]


def maps(mean_UD: Array) -> dict[str, list[list[float]]]:
    """Positions of the utterances on two maps, `pca` and `tsne`.

    PCA is of the vectors. t-SNE is of their cosine distances, with a fixed seed and started from
    PCA. Each axis has its own scale, so that the utterances reach from -1 to 1 on both. There are
    no maps for fewer than `FEWEST` utterances, or if all are equal.

    Args:
        mean_UD: the mean frame of each utterance, as `centred` returns it.
    """
    if len(mean_UD) < FEWEST or not np.ptp(mean_UD, axis=0).any():
        return {}
    vectors_UD = mean_UD.astype(np.float64)
    perplexity = min(PERPLEXITY, (len(mean_UD) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, metric="cosine", init="pca", random_state=0)
    # One thread, since the number of threads changes the rounding and so the result.
    with threadpool_limits(1):
        pca = PCA(2, svd_solver="full").fit_transform(vectors_UD)
        return {"pca": _scaled(pca), "tsne": _scaled(tsne.fit_transform(vectors_UD))}


def _scaled(place_U2: Array) -> list[list[float]]:
    low_2, high_2 = place_U2.min(axis=0), place_U2.max(axis=0)
    # An axis on which all are equal stays in the middle.
    half_2 = np.maximum(high_2 - low_2, 1e-12) / 2
    scaled: list[list[float]] = ((place_U2 - (high_2 + low_2) / 2) / half_2).round(4).tolist()
    return scaled
