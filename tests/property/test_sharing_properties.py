"""Whatever rows hold, what is shared comes back as the same bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mfsn.base.files import write_text
from mfsn.manifest import SEGMENTS, UTTERANCES, write_table
from mfsn.segments.config import SegmentConfig
from mfsn.sharing import batches, copying
from mfsn.sharing.copying import pull, push
from mfsn.sharing.corpus import PreparedCorpus
from mfsn.sharing.export import export_corpus
from mfsn.sharing.remote import Remote
from mfsn.sharing.restore import import_corpus
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec, Dtype, StoreSpec
from mfsn.store.store import Store
from mfsn.workspace import Outputs

Rows = dict[str, npt.NDArray[Any]]

# HDF5 pads texts of fixed length with zeros.
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=9)
FINITE: dict[str, Any] = {"allow_nan": False, "allow_infinity": False}


@st.composite
def stored(draw: st.DrawFn) -> tuple[Digest, Rows]:
    """A digest of arrays of any dtype and shape, and their rows, all that a store takes."""
    names = draw(st.lists(NAMES, min_size=1, max_size=7, unique=True))
    shapes = st.lists(hnp.array_shapes(min_dims=0, max_side=3), min_size=1, max_size=3)
    arrays, rows = [], {}
    for number, shape in enumerate(draw(shapes)):
        dtype = draw(st.sampled_from(get_args(Dtype)))
        dims = tuple(f"axis {axis}" for axis in range(len(shape)))
        values = hnp.from_dtype(np.dtype(dtype), **(FINITE if dtype.startswith("float") else {}))
        arrays.append(ArraySpec(f"array{number}", shape, dtype, dims))
        rows[f"array{number}"] = draw(hnp.arrays(dtype, (len(names), *shape), elements=values))
    spec = StoreSpec("sec", {"version": 1}, tuple(arrays))
    return Digest.of(spec, {}, {name: spec.row_key(f"audio {name}", 0) for name in names}), rows


@pytest.fixture(scope="module", autouse=True)
def small_pieces() -> Iterator[None]:
    """A few rows a piece, so that pieces have borders."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(batches, "BATCH_BYTES", 64)
        patched.setattr(copying, "BATCH_BYTES", 64)
        patched.setattr(copying, "MOST_ROWS_PER_BUNDLE", 3)
        yield


def write(root: Path, digest: Digest, rows: Rows) -> Store:
    store = Store(root, digest.spec)
    with store.writer() as writer:
        writer.append(list(digest.rows.values()), rows)
    return store


def assert_same(store: Store, digest: Digest, rows: Rows) -> None:
    read = store.read(list(digest.rows.values()))
    assert {name: (a.dtype, a.tobytes()) for name, a in read.items()} == {
        name: (a.dtype, a.tobytes()) for name, a in rows.items()
    }


def prepare(workspace: Path, digest: Digest) -> PreparedCorpus:
    """The tables that belong to the digest, an utterance a row."""
    outputs = Outputs(workspace, "toy", "any")
    write_text(workspace / "params.yaml", "corpus: toy\n")
    fixed: dict[str, Any] = {"path": "x", "emotion": "angry", "duration_s": 1.0, "licence": "CC0"}
    names = list(digest.rows)
    table = pd.DataFrame({"utterance_id": names}).assign(**fixed, congruent=None)
    table["audio_sha256"] = [f"audio {name}" for name in names]
    write_table(outputs.manifest, table.reindex(columns=UTTERANCES.names), UTTERANCES)
    counts = dict.fromkeys(["index", "start_sample", "valid_samples", "clipped_samples"], 0)
    table["segment_id"] = [f"{name}#0" for name in names]
    table = table.assign(**counts, row_key="key").reindex(columns=SEGMENTS.names)
    write_table(outputs.segments, table, SEGMENTS)
    for path in (outputs.files, outputs.prepared / "excluded.json"):
        write_text(path, "[]\n")
    digest.write(outputs.digest("sec"))
    return PreparedCorpus(outputs, SegmentConfig())


@settings(deadline=None, max_examples=25)
@given(stored())
def test_export_and_import(drawn: tuple[Digest, Rows]) -> None:
    digest, rows = drawn
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root / "here", digest, rows)
        export_corpus(root / "toy.h5", prepare(root / "workspace", digest), root / "here")
        import_corpus(root / "toy.h5", root / "there", None)
        assert_same(Store(root / "there", digest.spec), digest, rows)


@settings(deadline=None, max_examples=25)
@given(stored(), st.integers(0, 7))
def test_push_and_pull(drawn: tuple[Digest, Rows], there_already: int) -> None:
    digest, rows = drawn
    with tempfile.TemporaryDirectory() as folder:
        root, remote = Path(folder), Remote(f"{folder}/remote")
        write(root / "here", digest, rows)
        first = dict(list(digest.rows.items())[:there_already])
        part = Digest.of(digest.spec, {}, first)
        write(root / "there", part, {name: a[:there_already] for name, a in rows.items()})
        push(remote, root / "here", digest)
        pulled = pull(remote, root / "there", digest)
        assert pulled.copied == max(0, len(digest.rows) - there_already)
        assert_same(Store(root / "there", digest.spec), digest, rows)
