"""What an extractor is: a configuration, an identity, and a function that makes rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy.typing as npt

from mfsn import plugins
from mfsn.base.arrays import Float32, Int64
from mfsn.config import Config
from mfsn.store.spec import ArraySpec, StoreSpec

Scope = Literal["segment", "utterance", "text"]
"""What a row belongs to. segment: there is one row per segment. utterance: there is one row per
utterance. text: there is one row per text, and utterances with the same transcript share it; its
key is a hash of the text, so it does not depend on the audio."""

Context = Literal["segment", "utterance", "text"]
"""What an extractor is given to make a row. segment: the wave of one segment. utterance: all
samples of the utterance, from which it makes the rows of all its segments, or the utterance's one
row. text: the transcript."""


class Reach(NamedTuple):
    """What the rows of an extractor belong to, and what they are made of."""

    scope: Scope
    context: Context


Rows = dict[str, npt.NDArray[Any]]
"""Array name to an array that has the rows on its first axis, in the storage dtype."""


class Described(Protocol):
    """What every extractor says about itself."""

    @property
    def name(self) -> str:
        """The extractor's name in params.yaml and dvc.yaml, such as `mfcc`."""

    @property
    def version(self) -> int:
        """A number to raise with every change of what `extract` computes."""

    @property
    def batch_rows(self) -> int:
        """How many waves or texts each call of `extract` is given; 1 with context `utterance`."""

    @property
    def tolerance(self) -> float:
        """How far a row that is computed again on another processor may differ from the cached
        one, relative to the largest magnitude of the row.
        """

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything that decides what is computed, as numbers and codes. It has no sentences
        and no names of checkpoints; it has the hash of their weights.
        """

    @property
    def about(self) -> Mapping[str, Any]:
        """Plain values for people and for prediction: {"config": ..., "weights": "random weights" |
        "pretrained" | "none"}, for encoders also {"levels": names in their order}. They do not
        belong to the identity.
        """

    @property
    def arrays(self) -> tuple[ArraySpec, ...]:
        """The arrays of one row. See `mfsn.features.lengths` for rows of different lengths."""


class Hearing(Protocol):
    """Something that makes rows of audio.

    `extract` is called with exactly `batch_rows` waves each time, because rows are the same to the
    bit only if the shape of the batch is. The caller fills the last batch with rows of zeros.
    """

    @property
    def scope(self) -> Literal["segment", "utterance"]:
        """What a row belongs to."""

    @property
    def context(self) -> Literal["segment", "utterance"]:
        """What is heard to make it; always `utterance` if that is the scope."""

    @property
    def batch_rows(self) -> int:
        """How many waves each call of `extract` is given; 1 with context `utterance`."""

    def extract(self, waves_BT: Float32, valid_B: Int64) -> Rows:
        """Compute the rows of a batch.

        Args:
            waves_BT: mono audio, full scale 1, padded with zeros at the end (as
                `mfsn.segments.extractor_input` gives it). With context `utterance` it is one wave
                of any length, without padding.
            valid_B: samples of real audio in each wave.

        Returns:
            One row per wave. With context `utterance` and scope `segment`, the rows of all
            segments of the utterance.

        Raises:
            RangeError: if a value does not fit the storage dtype.
        """


class Extractor(Described, Hearing, Protocol):
    """An extractor that makes rows of audio."""


class TextExtractor(Described, Protocol):
    """An extractor that makes rows of transcripts."""

    @property
    def scope(self) -> Literal["text"]:
        """What a row belongs to."""

    @property
    def context(self) -> Literal["text"]:
        """What it is made of."""

    def extract(self, texts: Sequence[str]) -> Rows:
        """Compute the rows of exactly `batch_rows` texts; the caller adds empty texts if needed.

        Raises:
            RangeError: if a value does not fit the storage dtype, or a row is too long.
        """


AnyExtractor = Extractor | TextExtractor


class Together(Hearing, Protocol):
    """Extractors whose rows come from one pass.

    `extract` gives the arrays of all of them, each array under `<extractor>/<array>`.
    """

    @property
    def extractors(self) -> Sequence[Extractor]:
        """At least one extractor. They have the same scope and context."""


class SharesPass(Protocol):
    """An extractor that can make the rows of another one too."""

    def together_with(self, name: str, config: Config) -> Together | None:
        """Put this extractor and another one together, if one pass gives the rows of both.

        Args:
            name: of the other extractor.
            config: its section of params.yaml.

        Returns:
            None if the other one needs a pass of its own.
        """


def reach_of(extractor: AnyExtractor) -> Reach:
    """What the rows of an extractor belong to, and what they are made of."""
    return Reach(extractor.scope, extractor.context)


def store_spec(extractor: AnyExtractor, segment: Mapping[str, Any]) -> StoreSpec:
    """The identity of an extractor's rows.

    Args:
        extractor: what makes them.
        segment: the recipe of the waves, from `mfsn.segments.waves.segment_recipe`. Rows of texts
            do not depend on it.
    """
    added = plugins.origin("extractors", extractor.name)
    recipe = {
        "extractor": extractor.name,
        "version": extractor.version,
        "parameters": dict(extractor.parameters),
        **({} if extractor.scope == "text" else {"segment": dict(segment)}),
        **({"plugin": added} if added else {}),
    }
    return StoreSpec(extractor.name, recipe, extractor.arrays)
