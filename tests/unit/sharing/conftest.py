"""A small prepared corpus in a workspace of its own, and its rows in a store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mfsn.base.files import write_json, write_text
from mfsn.manifest import SEGMENTS, UTTERANCES, write_table
from mfsn.segments.waves import waveform_store
from mfsn.sharing.corpus import PreparedCorpus
from mfsn.store import layout
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store

LICENCE = "synthetic speech of eSpeak NG, free to use"
SAMPLES = 48_000
SEC = (
    ArraySpec("low", (2, 3), "float16", ("frame", "feature")),
    ArraySpec("peak", (), "int64", ()),
)
FUNCTIONALS = (ArraySpec("functionals", (5,), "float32", ("functional",)),)


def utterances(licence: str) -> pd.DataFrame:
    rows = [
        {
            "utterance_id": f"ü{number}",
            "path": f"{number}.wav",
            "audio_sha256": f"audio {min(number, 4)}",  # the last two are the same recording
            "speaker": f"s{number % 2}",
            "emotion": "angry",
            "congruent": None if number else True,
            "duration_s": 4.5,
            "licence": licence,
        }
        for number in range(6)
    ]
    return pd.DataFrame(rows, columns=UTTERANCES.names)


def segments(manifest: pd.DataFrame, spec: StoreSpec) -> pd.DataFrame:
    rows = [
        (f"{name}#{index}", name, index, index * SAMPLES, SAMPLES, 0, sha)
        for name, sha in zip(manifest["utterance_id"], manifest["audio_sha256"], strict=True)
        for index in range(2)
    ]
    table = pd.DataFrame(rows, columns=SEGMENTS.names[:-1])
    keys = map(spec.row_key, table["audio_sha256"], table["start_sample"])
    return table.assign(row_key=list(keys))


def fill(store: Store, keys: list[str], seed: int = 0) -> None:
    """Write a row of random values for each key that is not there."""
    generator = np.random.default_rng(seed)
    rows = {
        array.name: generator.integers(-99, 99, (len(keys), *array.shape)).astype(array.dtype)
        for array in store.spec.arrays
    }
    with store.writer() as writer:
        writer.append(keys, rows)


class Prepared:
    """A workspace with its store, as the stages leave them."""

    def __init__(self, workspace: Path, store_root: Path) -> None:
        self.workspace = workspace
        self.store_root = store_root

    @property
    def corpus(self) -> PreparedCorpus:
        return PreparedCorpus.of_workspace()

    def store(self, extractor: str, root: Path | None = None) -> Store:
        (digest,) = self.corpus.digests([extractor])
        return Store(root or self.store_root, digest.spec)

    def state(self, licence: str) -> None:
        """Give all recordings this licence."""
        write_table(self.corpus.outputs.manifest, utterances(licence), UTTERANCES)

    def lose_outputs(self) -> None:
        """As in a new clone: nothing but what git holds."""
        shutil.rmtree(self.workspace / "data")

    def write(self) -> None:
        """The outputs of scan, prepare, segment and extract."""
        outputs, segment = self.corpus.outputs, self.corpus.segment
        self.state(LICENCE)
        table = segments(utterances(LICENCE), waveform_store(segment, self.store_root).spec)
        write_table(outputs.segments, table, SEGMENTS)
        write_json(outputs.prepared / "excluded.json", [])
        write_text(outputs.files, "path\tbytes\tsha256\n")
        write_json(self.workspace / "data" / "code" / "train.json", {"module": "hash"})
        self._extract("sec", SEC, self._places(table, "segment_id"))
        self._extract("functionals", FUNCTIONALS, self._places(table[::2], "utterance_id"))
        fill(waveform_store(segment, self.store_root), list(dict.fromkeys(table["row_key"])))

    def _places(self, table: pd.DataFrame, name: str) -> dict[str, tuple[str, int]]:
        columns = [name, "audio_sha256", "start_sample"]
        return {str(one): (str(sha), int(start)) for one, sha, start in table[columns].to_numpy()}

    def _extract(
        self, name: str, arrays: tuple[ArraySpec, ...], places: dict[str, tuple[str, int]]
    ) -> None:
        spec = StoreSpec(name, {"extractor": name, "version": 1}, arrays)
        keys = {identifier: spec.row_key(*place) for identifier, place in places.items()}
        Digest.of(spec, {"weights": "none"}, keys).write(self.corpus.outputs.digest(name))
        fill(Store(self.store_root, spec), list(dict.fromkeys(keys.values())))


@pytest.fixture
def prepared(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    """The workspace that the test stands in; four rows a shard."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(checkout / name, workspace)
    for variable in ("DVC_ROOT", "MFSN_REMOTE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("MFSN_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", 4)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # the disk is slow, and keeps its power
    made = Prepared(workspace, tmp_path / "store")
    made.write()
    return made


@pytest.fixture
def rows_of() -> Callable[[Store], dict[str, bytes]]:
    """Every row of a store directory by key, as bytes."""

    def read(store: Store) -> dict[str, bytes]:
        keys = sorted(store.committed())
        arrays = store.read(keys)
        return {
            key: b"".join(arrays[name][row].tobytes() for name in arrays)
            for row, key in enumerate(keys)
        }

    return read
