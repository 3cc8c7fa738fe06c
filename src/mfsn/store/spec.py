"""The content of a store directory: the identity of its rows, and their arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from mfsn.config import sha256_of
from mfsn.store.recipe_codes import coded, hashed

Dtype = Literal["float16", "float32", "int16", "int64"]


@dataclass(frozen=True)
class ArraySpec:
    """One array of a row, such as the level `high` with shape (149, 768)."""

    name: str
    shape: tuple[int, ...]
    """Shape of one row, without the row axis."""
    dtype: Dtype
    dims: tuple[str, ...]
    """Names of the axes of one row, such as ("frame", "feature")."""


@dataclass(frozen=True)
class StoreSpec:
    """Identity of one store directory: everything that decides what its rows hold.

    `recipe` holds the extractor's name and version, its parameters, for rows made of audio the
    segment recipe, and for encoders a hash of weights, configuration and preprocessor, the compute
    precision and the storage dtype. Its values are numbers and codes (see
    `mfsn.store.recipe_codes`), never sentences, paths, batch sizes or devices.
    """

    extractor: str
    recipe: Mapping[str, Any]
    arrays: tuple[ArraySpec, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "recipe", coded(self.recipe))

    @property
    def directory(self) -> str:
        """Folder below the store root: `<extractor>/<12 digits of the identity's hash>`."""
        return f"{self.extractor}/{self.identity[:12]}"

    @cached_property
    def identity(self) -> str:
        """sha256 (hexadecimal) of extractor, recipe and arrays."""
        arrays = [[a.name, list(a.shape), a.dtype, list(a.dims)] for a in self.arrays]
        return sha256_of([self.extractor, hashed(self.recipe), arrays])

    def row_key(self, content_sha256: str, start_sample: int = 0) -> str:
        """Content key (64 hexadecimal digits) of a row.

        Args:
            content_sha256: of the audio file, or of the text that the row is made of.
            start_sample: where the row's segment starts in the file; 0 for a whole one and a text.
        """
        return sha256_of([self.identity, content_sha256, start_sample])
