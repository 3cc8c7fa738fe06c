"""Codes in recipes, and the sentences that schema 1 hashed."""

from __future__ import annotations

from typing import Any

import pytest

from mfsn.config import sha256_of
from mfsn.store.recipe_codes import coded, hashed
from mfsn.store.spec import StoreSpec

CODES: dict[str, Any] = {
    "version": 1,
    "parameters": {"precision": "bfloat16-2", "cut": 1},
    "segment": {"cut": 1, "duration_s": 3.0},
}
SENTENCES: dict[str, Any] = {
    "version": 1,
    "parameters": {"precision": "bfloat16 weights and activations", "cut": 1},
    "segment": {"cut": "consecutive, last padded at the end", "duration_s": 3.0},
}


def test_each_code_has_the_sentence_that_was_hashed() -> None:
    assert hashed(CODES) == hashed(SENTENCES) == SENTENCES
    assert coded(CODES) == coded(SENTENCES) == CODES


def test_an_identity_is_the_hash_of_the_sentences() -> None:
    one, other = (StoreSpec("sec", recipe, ()) for recipe in (CODES, SENTENCES))
    assert one == other
    assert one.identity == sha256_of(["sec", SENTENCES, []])


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "bfloat16-3"])
def test_codes_without_a_sentence_stay_as_they_are(precision: str) -> None:
    recipe = {"parameters": {"precision": precision}, "segment": {"cut": 2}}
    assert coded(recipe) == hashed(recipe) == recipe


@pytest.mark.parametrize("recipe", [{}, {"segment": 1}, {"segment": {"cut": [1]}}, {"segment": {}}])
def test_recipes_of_another_form_stay_as_they_are(recipe: dict[str, Any]) -> None:
    assert coded(recipe) == hashed(recipe) == recipe
