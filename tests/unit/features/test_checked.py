"""An extraction with nothing to do makes no extractor, if its rows were compared here before."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from mfsn.base.arrays import Float32, Int64
from mfsn.base.sealed import read_sealed_json, write_sealed_json
from mfsn.features.config import EncoderConfig, MfccConfig
from mfsn.features.extraction.extraction import extract
from mfsn.features.extraction.notes import Check
from mfsn.manifest import SEGMENTS
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import waveform_store
from mfsn.store import layout
from mfsn.store.spec import ArraySpec
from mfsn.store.store import Store

SEGMENT = SegmentConfig(duration_s=0.001, sample_rate_hz=8000)


class Mean:
    """The mean of a wave."""

    name: ClassVar[str] = "mfcc"
    version: ClassVar[int] = 1
    scope: ClassVar[Literal["segment", "utterance"]] = "segment"
    context: ClassVar[Literal["segment", "utterance"]] = "segment"
    batch_rows = 2
    tolerance = 1e-3
    parameters: Mapping[str, Any] = {}
    about: Mapping[str, Any] = {"config": {"b": 1, "a": 2}, "weights": "none"}
    arrays = (ArraySpec("mean", (), "float32", ()),)

    def extract(self, waves_BT: Float32, valid_B: Int64) -> dict[str, npt.NDArray[Any]]:
        return {"mean": waves_BT.mean(axis=1)}


class MeanOfAll(Mean):
    """The same of whole utterances."""

    scope: ClassVar[Literal["segment", "utterance"]] = "utterance"
    context: ClassVar[Literal["segment", "utterance"]] = "utterance"
    batch_rows = 1


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", 2)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return tmp_path / "store"


def segmented(root: Path, count: int = 5) -> pd.DataFrame:
    store, rows = waveform_store(SEGMENT, root), []
    with store.writer() as writer:
        for number in range(count):
            key = store.spec.row_key(f"sha {number}", 0)
            wave, full = np.full((1, 8), number + 1, np.int16), np.full(1, 8)
            counts = {a.name: full for a in store.spec.arrays if a.name != "wave"}
            writer.append([key], {"wave": wave, **counts})
            rows.append((f"u{number}#0", f"u{number}", 0, 0, 8, 0, f"sha {number}", key))
    return pd.DataFrame(rows, columns=SEGMENTS.names)


def check(root: Path) -> Check:
    return Check.of("mfcc", MfccConfig(), SEGMENT, root)


@pytest.mark.parametrize("extractor", [Mean(), MeanOfAll()])
def test_the_digest_is_that_of_the_extraction(root: Path, extractor: Mean) -> None:
    segments = segmented(root)
    assert check(root).digest(segments) is None
    digest = extract(extractor, segments, SEGMENT, root)
    assert check(root).digest(segments) is None  # not noted
    check(root).note(extractor, digest)
    for some in (segments, segments[1:3]):
        found = check(root).digest(some)
        assert found == extract(extractor, some, SEGMENT, root)
        assert found is not None and list(found.rows) == list(
            some["segment_id" if extractor.scope == "segment" else "utterance_id"]
        )


def test_rows_that_are_found_are_in_use(root: Path) -> None:
    """Garbage collection that is running must not delete them before the digest is written."""
    segments = segmented(root)
    check(root).note(Mean(), extract(Mean(), segments, SEGMENT, root))
    assert not list(root.glob("mfcc/*/.used/*"))
    assert check(root).digest(segments[:3]) is not None
    assert sorted(path.name for path in root.glob("mfcc/*/.used/*")) == ["000000", "000001"]


def newer_code(root: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("mfsn.features.extraction.notes.code_sha256", lambda: "another")


def another_library(root: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("mfsn.features.extraction.notes.library_versions", lambda: {"torch": "3.0"})


def another_processor(root: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("mfsn.features.extraction.notes.processor", lambda: ["another"])


def more_threads(root: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("MFSN_THREADS", "7")


def a_lost_row(root: Path, patch: pytest.MonkeyPatch) -> None:
    next(root.glob("mfcc/*/mean/c.1*")).unlink()


def rows_from_elsewhere(root: Path, patch: pytest.MonkeyPatch) -> None:
    found = layout.load(next(root.glob("mfcc/*")))
    assert found is not None
    with Store(root, found.spec).writer() as writer:
        writer.append(["of another machine"], {"mean": np.zeros(1, np.float32)})


def a_damaged_note(root: Path, patch: pytest.MonkeyPatch) -> None:
    next(root.glob("mfcc/*/.checked/*.json")).write_text("{")


def an_edited_note(root: Path, patch: pytest.MonkeyPatch) -> None:
    note = next(root.glob("mfcc/*/.checked/*.json"))
    write_sealed_json(note, {"commits": read_sealed_json(note)["commits"]})


def a_flipped_bit(root: Path, patch: pytest.MonkeyPatch) -> None:
    note = next(root.glob("mfcc/*/.checked/*.json"))
    note.write_text(note.read_text().replace("segment", "sogment"))


@pytest.mark.parametrize(
    "change",
    [newer_code, another_library, another_processor, more_threads, a_lost_row,
     rows_from_elsewhere, a_damaged_note, an_edited_note, a_flipped_bit],
)  # fmt: skip
def test_whatever_may_have_changed_the_rows_asks_for_the_extractor(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    segments = segmented(root)
    digest = extract(Mean(), segments, SEGMENT, root)
    check(root).note(Mean(), digest)
    change(root, monkeypatch)
    assert check(root).digest(segments) is None
    check(root).note(Mean(), extract(Mean(), segments, SEGMENT, root))
    assert check(root).digest(segments) == digest
    assert len(list(root.glob("mfcc/*/.checked/*.json"))) <= 2


def test_a_new_segment_asks_for_the_extractor(root: Path) -> None:
    segments = segmented(root)
    check(root).note(Mean(), extract(Mean(), segments[:4], SEGMENT, root))
    assert check(root).digest(segments) is None


def test_a_store_that_cannot_be_written_takes_no_note(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = segmented(root)
    digest = extract(Mean(), segments, SEGMENT, root)
    (root / digest.store / ".checked").write_text("in the way")
    check(root).note(Mean(), digest)
    assert check(root).digest(segments) is None


def test_a_checkpoint_is_known_by_the_bytes_that_are_loaded(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    folder.mkdir()
    config = EncoderConfig(
        model=str(folder), precision="float32", dtype="float16", levels={"low": 1, "high": -1}
    )

    def circumstances(config: EncoderConfig) -> str:
        return Check.of("sec", config, SEGMENT, root).circumstances

    (folder / "model.safetensors").write_bytes(b"weights")
    before = circumstances(config)
    (folder / "README.md").write_text("about it")
    assert circumstances(config) == before
    swapped = config.model_copy(update={"levels": {"high": -1, "low": 1}})
    assert circumstances(swapped) != before  # the last level is S_N
    (folder / "model.safetensors").write_bytes(b"Weights")  # retrained in place
    assert circumstances(config) != before
