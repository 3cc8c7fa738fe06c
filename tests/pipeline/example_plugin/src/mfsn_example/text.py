"""Extractor `wordcount`: the lengths of the first words of a transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mfsn.config import Config
from mfsn.features.lengths import counted_array, filled
from mfsn.store.spec import ArraySpec


class WordcountConfig(Config):
    """Parameters of the extractor (params.yaml: wordcount)."""

    words: int = Field(4, ge=1)
    """How many words of a transcript are counted; the words after them are left out."""


class WordcountExtractor:
    """The number of letters of each word."""

    name: ClassVar[str] = "wordcount"
    config_type: ClassVar[type[Config]] = WordcountConfig
    version: ClassVar[int] = 1
    scope: ClassVar[Literal["text"]] = "text"
    context: ClassVar[Literal["text"]] = "text"
    batch_rows = 4
    tolerance = 0.0

    def __init__(self, config: WordcountConfig) -> None:
        self._words = config.words

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What decides the rows."""
        return {"words": self._words}

    @property
    def about(self) -> Mapping[str, Any]:
        """For people and for prediction."""
        return {"config": {"words": self._words}, "weights": "none"}

    @property
    def arrays(self) -> tuple[ArraySpec, ...]:
        """One number per word, and how many words there are."""
        return counted_array(ArraySpec("letters", (self._words,), "float32", ("word",)))

    def extract(self, texts: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Compute the rows of a batch of transcripts."""
        rows = [np.array([len(word) for word in t.split()[: self._words]]) for t in texts]
        return filled(rows, self.arrays[0], "wordcount.words")
