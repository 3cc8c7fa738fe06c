"""What an extractor is: a configuration, an identity, and a function from waves to arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Protocol

import numpy.typing as npt

from mfsn import plugins
from mfsn.base.arrays import Float32, Int64
from mfsn.store.spec import ArraySpec, StoreSpec

Scope = Literal["segment", "utterance", "segments_of_utterance"]
"""What an extractor hears and what its rows are. segment: one row a segment, from its own wave.
utterance: one row an utterance, from all its samples. segments_of_utterance: one row a segment,
from all samples of its utterance."""


class Extractor(Protocol):
    """Turns a batch of waves into one row a wave, or an utterance into one row a segment.

    `extract` is called with exactly `batch_rows` waves each time (the tail is padded with rows of
    zeros by the caller), because only a fixed batch shape gives bit-identical rows.
    """

    name: ClassVar[str]
    """The extractor's name in params.yaml and dvc.yaml, such as `mfcc` (`sec` and `tec` share a
    class and set it per instance)."""
    version: ClassVar[int]
    """Raise it with every change of what `extract` computes."""
    scope: ClassVar[Scope]
    """Extractors that hear whole utterances get one wave of any length a call (`batch_rows` = 1)
    and give the rows of that utterance."""
    batch_rows: int
    tolerance: float
    """Largest difference, relative to the row's largest magnitude, between a row recomputed on
    another processor and the cached one."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Plain values that decide what is computed, weights hash included; names are not."""

    @property
    def about(self) -> Mapping[str, Any]:
        """Plain values for people and for prediction: {"config": ..., "weights": "random weights" |
        "pretrained" | "none"}, for encoders also {"levels": names in their order}; not part of the
        identity.
        """

    @property
    def arrays(self) -> tuple[ArraySpec, ...]:
        """The arrays of one row."""

    def extract(self, waves_BT: Float32, valid_B: Int64) -> dict[str, npt.NDArray[Any]]:
        """Compute the rows of a batch.

        Args:
            waves_BT: mono audio, full scale 1, padded with zeros at the end (as
                `mfsn.segments.extractor_input` gives it).
            valid_B: samples of real audio in each wave.

        Returns:
            Array name to an array with the rows on its first axis, in the storage dtype: one a
            wave, or those of all segments of the one utterance.

        Raises:
            RangeError: if a value does not fit the storage dtype.
        """


def store_spec(extractor: Extractor, segment: Mapping[str, Any]) -> StoreSpec:
    """The identity of an extractor's rows for a segment recipe.

    Args:
        segment: the recipe of the waves, from `mfsn.segments.waves.segment_recipe`.
    """
    added = plugins.origin("extractors", extractor.name)
    recipe = {
        "extractor": extractor.name,
        "version": extractor.version,
        "parameters": dict(extractor.parameters),
        "segment": dict(segment),
        **({"plugin": added} if added else {}),
    }
    return StoreSpec(extractor.name, recipe, extractor.arrays)
