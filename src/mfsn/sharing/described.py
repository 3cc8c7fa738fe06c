"""The identity of an extractor as JSON, checked carefully since it may come from a stranger."""

from __future__ import annotations

import json
import re
from typing import Any

from mfsn.store.digest import Digest
from mfsn.store.layout import described_array, parse_array, row_bytes
from mfsn.store.spec import ArraySpec, StoreSpec

LARGEST_ROW_BYTES = 2**30
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def describe(digest: Digest) -> str:
    """A digest without its rows as JSON: extractor, recipe, arrays, about."""
    values = {
        "extractor": digest.extractor,
        "recipe": dict(digest.recipe),
        "arrays": [described_array(array) for array in digest.arrays],
        "about": dict(digest.about),
    }
    return json.dumps(values, indent=1, sort_keys=True, allow_nan=False) + "\n"


def parse_description(text: str | bytes) -> Digest:
    """A digest without rows, from the text that `describe` wrote.

    Names are used for folders, and shapes decide how much memory is used, so both are limited.

    Raises:
        ValueError: if the text is not such a description.
    """
    try:
        values = json.loads(text)
        arrays = tuple(_array(array) for array in values["arrays"])
        spec = StoreSpec(_name(values["extractor"]), dict(values["recipe"]), arrays)
        names = {array.name for array in arrays}
        if not arrays or len(names) < len(arrays) or "commits" in names:
            raise ValueError("its arrays cannot be those of a store")
        return Digest.of(spec, dict(values["about"]), {})
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it lacks {error}") from None


def _array(described: Any) -> ArraySpec:
    array = parse_array(described)
    if not all(isinstance(n, int) and n > 0 for n in array.shape) or len(array.shape) > 8:
        raise ValueError("the shape of an array is wrong")
    if row_bytes(array) > LARGEST_ROW_BYTES:
        raise ValueError("a row is larger than a store can hold")
    if len(array.dims) != len(array.shape) or not all(isinstance(d, str) for d in array.dims):
        raise ValueError("the dimensions of an array do not fit its shape")
    _name(array.name)
    return array


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a name")
    return value
