"""Extractors of scope `text`: a toy goes through `extract` into a store and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import pytest

from mfsn.config import sha256_of
from mfsn.errors import ExtractorVersionError, ManifestError, PredictionError, RangeError
from mfsn.features.base import Rows, store_spec
from mfsn.features.config import MfccConfig
from mfsn.features.extraction.extraction import extract
from mfsn.features.extraction.in_memory import Recording, extract_recordings
from mfsn.features.extraction.items import transcripts_of
from mfsn.features.extraction.notes import Check
from mfsn.features.lengths import counted_array, filled
from mfsn.manifest import SEGMENTS
from mfsn.segments.config import SegmentConfig
from mfsn.store.digest import Digest
from mfsn.store.reader import FeatureReader
from mfsn.store.spec import ArraySpec
from mfsn.store.store import Store

CUT = SegmentConfig(duration_s=0.001, sample_rate_hz=8000)
SAID = {"a": "dogs are sitting", "b": "kids", "c": "dogs are sitting", "d": "grüß dich"}
MOST = 4


class Words:
    """Length and first letter of each word."""

    name: ClassVar[str] = "words"
    version: ClassVar[int] = 1
    scope: ClassVar[Literal["text"]] = "text"
    context: ClassVar[Literal["text"]] = "text"
    batch_rows = 2
    tolerance = 1e-6
    parameters: ClassVar[Mapping[str, Any]] = {"language": "en"}
    about: ClassVar[Mapping[str, Any]] = {"config": {}, "weights": "none"}
    arrays = counted_array(ArraySpec("words", (MOST, 2), "float32", ("word", "number")))

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self.calls: list[Sequence[str]] = []

    def extract(self, texts: Sequence[str]) -> Rows:
        self.calls.append(texts)
        rows = [
            self.scale * np.array([(len(w), ord(w[0])) for w in text.split()]).reshape(-1, 2)
            for text in texts
        ]
        return filled(rows, self.arrays[0], "words.most")


def table(utterances: Sequence[str] = tuple(SAID)) -> pd.DataFrame:
    """Two segments per utterance; no wave of them is in the store."""
    rows = [
        (f"{name}#{index}", name, index, 8 * index, 8, 0, f"audio of {name}", "no such row")
        for name in utterances
        for index in range(2)
    ]
    return pd.DataFrame(rows, columns=SEGMENTS.names)


def run(root: Path, words: Words, said: Mapping[str, str] = SAID) -> Digest:
    return extract(words, table(list(said)), CUT, root, transcripts=said)


def test_rows_go_into_a_store_and_back(tmp_path: Path) -> None:
    digest = run(tmp_path, Words())
    digest.write(tmp_path / "words.json")
    reader = FeatureReader.open(tmp_path / "words.json", tmp_path)
    assert reader.ids == list(SAID)
    read = reader.read(list(SAID))
    for row, text in enumerate(SAID.values()):
        count = len(text.split())
        assert read["words_valid"][row] == count
        assert read["words"][row, :count, 0].tolist() == [len(word) for word in text.split()]
        assert not read["words"][row, count:].any()


def test_a_key_depends_on_the_text_and_not_on_the_audio(tmp_path: Path) -> None:
    words = Words()
    digest = run(tmp_path, words)
    assert digest.rows["a"] == digest.rows["c"] != digest.rows["b"]
    identity = store_spec(words, {"duration_s": 3.0}).identity
    assert identity == store_spec(words, {"duration_s": 1.0}).identity == digest.spec.identity
    sha = sha256(SAID["d"].encode()).hexdigest()
    assert digest.rows["d"] == sha256_of([identity, sha, 0])


def test_every_call_has_the_same_number_of_texts(tmp_path: Path) -> None:
    words = Words()
    run(tmp_path, words)
    assert words.calls == [["dogs are sitting", "kids"], ["grüß dich", ""]]


def test_texts_that_are_there_are_not_computed_again(tmp_path: Path) -> None:
    run(tmp_path, Words())
    words = Words()
    run(tmp_path, words, SAID | {"e": "kids", "f": "new words"})
    assert words.calls[1:] == [["new words", ""]]  # the first call compares


def test_a_change_without_a_new_version_is_noticed(tmp_path: Path) -> None:
    run(tmp_path, Words())
    with pytest.raises(ExtractorVersionError, match="words: array words"):
        run(tmp_path, Words(scale=2))


def test_notes_serve_texts_too(tmp_path: Path) -> None:
    digest = run(tmp_path, Words())
    check = Check.of("words", MfccConfig(), CUT, tmp_path)
    check.note(Words(), digest)
    assert check.digest(table(), SAID) == digest
    assert check.digest(table(), SAID | {"b": "something else"}) is None


@pytest.mark.parametrize("said", [{"a": "yes"}, {"a": "yes", "b": " ", "c": "", "d": ""}, None])
def test_missing_transcripts_are_one_sentence(
    tmp_path: Path, said: Mapping[str, str] | None
) -> None:
    first, count = ("b", 3) if said else ("a", 4)
    expected = rf"^words reads transcripts, but {count} of 4 utterances have none \(the first is "
    with pytest.raises(ManifestError, match=rf"{expected}{first}\); add them .* read words$"):
        extract(Words(), table(), CUT, tmp_path, transcripts=said)
    assert not Store(tmp_path, store_spec(Words(), {})).path.exists()


def test_transcripts_come_from_the_manifest() -> None:
    columns = {"utterance_id": ["a", "b", "c"], "transcript": ["yes", None, float("nan")]}
    assert transcripts_of(pd.DataFrame(columns)) == {"a": "yes", "b": "", "c": ""}


def test_recordings_in_memory_get_the_same_rows(tmp_path: Path) -> None:
    digest = run(tmp_path, Words())
    silence = Recording("a.wav", np.zeros((2, 8), np.int16), np.array([8, 8]), CUT)
    group = [replace(silence, path=name, transcript=text) for name, text in SAID.items()]
    found = extract_recordings(Words(), group)
    stored = Store(tmp_path, digest.spec).read([digest.rows[name] for name in SAID])
    for array, rows in stored.items():
        np.testing.assert_array_equal(found[array], rows)
    with pytest.raises(PredictionError, match=r"a.wav has no transcript, which words reads; give"):
        extract_recordings(Words(), [group[0], silence])


def test_a_row_beyond_the_stated_maximum_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RangeError, match=r"^words.most is 4, but a row has 5 entries; raise it"):
        run(tmp_path, Words(), {"a": "one two three four five"})
