"""Recipes are made of codes. The sentences that the first stores hashed stand here, and only here.

A recipe decides which rows belong together, so its values must never change for the sake of their
wording. Up to schema 1 two of its values were sentences. They are codes now, and the keys of rows
that exist already stay as they are, because the hash is still taken of the sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Code = str | int

_SENTENCES: Mapping[tuple[str, str], Mapping[Code, str]] = {
    ("segment", "cut"): {1: "consecutive, last padded at the end"},
    ("parameters", "precision"): {"bfloat16-2": "bfloat16 weights and activations"},
}
"""Section and name of a value in a recipe: each code with the sentence that schema 1 hashed.

This table is frozen. Changing a sentence orphans rows, and a new code needs no sentence."""


def coded(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe in codes, whether it was written in codes or with the sentences of schema 1."""
    return _replaced(recipe, {place: _turned(codes) for place, codes in _SENTENCES.items()})


def hashed(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What the identity of rows is the hash of: a recipe in codes as schema 1 wrote it."""
    return _replaced(recipe, _SENTENCES)


def _replaced(
    recipe: Mapping[str, Any], table: Mapping[tuple[str, str], Mapping[Code, Code]]
) -> dict[str, Any]:
    replaced = dict(recipe)
    for (section, name), others in table.items():
        values = replaced.get(section)
        if isinstance(values, Mapping) and isinstance(values.get(name), str | int):
            other = others.get(values[name], values[name])
            replaced[section] = {**values, name: other}
    return replaced


def _turned(codes: Mapping[Code, str]) -> dict[Code, Code]:
    return {sentence: code for code, sentence in codes.items()}
