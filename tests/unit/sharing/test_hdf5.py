"""`mfsn cache export` and `import`: what the file holds, and what becomes of it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import google_crc32c
import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from mfsn import cli
from mfsn.errors import ExportError, MissingRowError, StorageFullError
from mfsn.manifest import LATER, UTTERANCES, read_table
from mfsn.sharing.export import export_corpus
from mfsn.sharing.restore import import_corpus
from mfsn.store.digest import Digest
from mfsn.store.reader import FeatureReader
from mfsn.store.store import Store
from mfsn.store.upkeep.listing import list_store

ReadAll = Callable[[Store], dict[str, bytes]]


@pytest.fixture
def exported(prepared: Any, tmp_path: Path) -> Path:
    """The corpus's features as a file."""
    export_corpus(tmp_path / "toy.h5", prepared.corpus, prepared.store_root)
    return tmp_path / "toy.h5"


def outputs(workspace: Path) -> dict[str, bytes]:
    data = workspace / "data"
    return {str(p.relative_to(data)): p.read_bytes() for p in data.rglob("*") if p.is_file()}


def edit(path: Path, change: Callable[[h5py.File], None]) -> None:
    with h5py.File(path, "r+") as file:
        change(file)


def rewrite(file: h5py.File, name: str, values: Any, **options: Any) -> None:
    """Put another dataset in a dataset's place, with a sha256 that is right."""
    del file[name]
    made = file.create_dataset(name, data=values, **options)
    if made.dtype.kind != "O":
        made.attrs["sha256"] = hashlib.sha256(np.asarray(made[()]).tobytes()).hexdigest()


def test_rows_per_fold_are_not_exported_in_silence(prepared: Any, tmp_path: Path) -> None:
    path = prepared.corpus.outputs.digest("sec")
    digest = Digest.read(path)
    replace(digest, rows={}, folds={"one": digest.rows}).write(path)
    with pytest.raises(ExportError, match="since sec has rows per fold, which this file cannot"):
        export_corpus(tmp_path / "toy.h5", prepared.corpus, prepared.store_root)
    assert not (tmp_path / "toy.h5").exists()


def test_plain_h5py_finds_everything_in_its_place(prepared: Any, exported: Path) -> None:
    reader = FeatureReader.open(prepared.corpus.outputs.digest("sec"), prepared.store_root)
    rows = reader.read(reader.ids)
    manifest = pd.read_parquet(prepared.corpus.outputs.manifest)
    with h5py.File(exported) as file:
        assert file.attrs["corpus"] == "demo"
        assert "free to use" in file.attrs["licences"]
        sec = file["features/sec"]
        assert sec["id"].asstr()[:].tolist() == reader.ids
        np.testing.assert_array_equal(sec["low"][:], rows["low"])
        np.testing.assert_array_equal(sec["peak"][:], rows["peak"])
        assert [dimension.label for dimension in sec["low"].dims] == ["row", "frame", "feature"]
        sums = [google_crc32c.value(row.tobytes()) for row in rows["low"]]
        assert sec["crc32c/low"][:].tolist() == sums
        assert sec["low"].attrs["sha256"] == hashlib.sha256(rows["low"].tobytes()).hexdigest()
        assert json.loads(sec["description"].asstr()[()])["recipe"]["extractor"] == "sec"
        assert file["utterances/emotion"].asstr()[:].tolist() == manifest["emotion"].tolist()
        assert file["utterances/utterance_id"].asstr()[0] == "ü0"
        assert file["utterances/congruent"][:].tolist() == [1, -1, -1, -1, -1, -1]
        assert np.isnan(file["utterances/valence"][:]).all()
        assert file["segments/start_sample"][:2].tolist() == [0, 48_000]
        assert file["params.yaml"].asstr()[()] == Path("params.yaml").read_text("utf-8")


def test_every_dataset_has_its_sha256_and_lies_in_one_piece(exported: Path) -> None:
    def look(name: str, found: h5py.Dataset | h5py.Group) -> None:
        if isinstance(found, h5py.Dataset):
            seen.append(name)
            assert found.chunks is None
            digest = hashlib.sha256(np.asarray(found[()]).tobytes()).hexdigest()
            assert found.attrs["sha256"] == digest, name

    seen: list[str] = []
    with h5py.File(exported) as file:
        file.visititems(look)
    assert len(seen) > 30


def test_a_round_trip_in_an_empty_clone_changes_no_bit(
    prepared: Any, exported: Path, tmp_path: Path, rows_of: ReadAll
) -> None:
    before, stores = outputs(prepared.workspace), {}
    for name in ("sec", "functionals"):
        stores[name] = rows_of(prepared.store(name))
    prepared.lose_outputs()
    brought = import_corpus(exported, tmp_path / "other", prepared.workspace)
    assert outputs(prepared.workspace) == before
    assert brought.rows == {"functionals": (5, 5), "sec": (10, 10)}
    for name, rows in stores.items():
        assert rows_of(prepared.store(name, tmp_path / "other")) == rows
    export_corpus(tmp_path / "again.h5", prepared.corpus, tmp_path / "other")
    assert (tmp_path / "again.h5").read_bytes() == exported.read_bytes()


def test_an_export_from_before_the_later_columns_is_imported(
    prepared: Any, tmp_path: Path, rows_of: ReadAll
) -> None:
    path = prepared.corpus.outputs.manifest
    table = pq.read_table(path)
    pq.write_table(table.drop_columns([*LATER]), path)
    export_corpus(tmp_path / "old.h5", prepared.corpus, prepared.store_root)
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        for name in LATER:
            del file[f"utterances/{name}"]
    before, rows = outputs(prepared.workspace), rows_of(prepared.store("sec"))
    prepared.lose_outputs()
    import_corpus(tmp_path / "old.h5", tmp_path / "other", prepared.workspace)
    assert outputs(prepared.workspace) == before
    assert rows_of(prepared.store("sec", tmp_path / "other")) == rows
    assert read_table(path, UTTERANCES)["same_as"].isna().all()


def test_an_import_tells_the_store_who_needs_the_rows(
    prepared: Any, exported: Path, tmp_path: Path
) -> None:
    import_corpus(exported, tmp_path / "other", prepared.workspace)
    assert {e.extractor: len(e.users) for e in list_store(tmp_path / "other")} == {
        "functionals": 1,
        "sec": 1,
    }


def test_rows_that_are_there_stay_and_are_counted(
    prepared: Any, exported: Path, rows_of: ReadAll
) -> None:
    before = rows_of(prepared.store("sec"))
    brought = import_corpus(exported, prepared.store_root, prepared.workspace)
    assert brought.rows == {"functionals": (5, 0), "sec": (10, 0)}
    assert brought.outputs == ()
    assert rows_of(prepared.store("sec")) == before


def test_chosen_extractors_and_waves(prepared: Any, tmp_path: Path, rows_of: ReadAll) -> None:
    file = tmp_path / "waves.h5"
    assert export_corpus(file, prepared.corpus, prepared.store_root, ["waveform"]) == {
        "waveform": 12
    }
    import_corpus(file, tmp_path / "other", None)
    there = rows_of(prepared.store("waveform"))
    assert rows_of(prepared.store("waveform", tmp_path / "other")) == there


def test_missing_rows_are_refused_and_the_old_file_stays(
    prepared: Any, exported: Path, tmp_path: Path
) -> None:
    before = exported.read_bytes()
    with pytest.raises(
        MissingRowError, match=r"^nothing was exported, since 5 rows of functionals not in .*empty"
    ):
        export_corpus(exported, prepared.corpus, tmp_path / "empty", replace=True)
    assert exported.read_bytes() == before
    assert not list(tmp_path.glob(".*.partial"))


def test_a_file_that_does_not_fit_on_the_disk_is_refused_before_it_starts(
    prepared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(StorageFullError, match="free some space"):
        export_corpus(tmp_path / "toy.h5", prepared.corpus, prepared.store_root)
    assert not (tmp_path / "toy.h5").exists()


def test_other_outputs_stay_and_nothing_is_imported(
    prepared: Any, exported: Path, tmp_path: Path
) -> None:
    prepared.state("CC BY 4.0")
    before = outputs(prepared.workspace)
    with pytest.raises(ExportError, match=r"manifest\.parquet differ.*--rows-only"):
        import_corpus(exported, tmp_path / "other", prepared.workspace)
    assert outputs(prepared.workspace) == before
    assert not (tmp_path / "other").exists()
    assert import_corpus(exported, tmp_path / "other", None).rows["sec"] == (10, 10)


def flip_a_feature(path: Path) -> None:
    with h5py.File(path) as file:
        place = file["features/sec/low"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[place + 7] ^= 1
    path.write_bytes(content)


def forge_a_feature(path: Path) -> None:
    """A row and its crc32c that agree with each other, but not with the sha256 of all."""

    def change(file: h5py.File) -> None:
        low = file["features/sec/low"]
        low[3] = 7
        file["features/sec/crc32c/low"][3] = google_crc32c.value(low[3].tobytes())
        sums = file["features/sec/crc32c/low"]
        sums.attrs["sha256"] = hashlib.sha256(sums[()].tobytes()).hexdigest()

    edit(path, change)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def replace_by_text(path: Path) -> None:
    path.write_text("not HDF5")


def change_a_recipe(file: h5py.File) -> None:
    told = json.loads(file["features/sec/description"].asstr()[()])
    told["recipe"]["version"] = 2
    rewrite(file, "features/sec/description", np.bytes_(json.dumps(told).encode()))


def climb_out(file: h5py.File) -> None:
    told = json.loads(file["features/sec/description"].asstr()[()])
    told["arrays"][0]["name"] = "../../../outside"
    rewrite(file, "features/sec/description", np.bytes_(json.dumps(told).encode()))


def link_elsewhere(file: h5py.File) -> None:
    del file["features/sec/low"]
    file["features/sec/low"] = h5py.ExternalLink("/etc/passwd", "/")


def link_softly(file: h5py.File) -> None:
    file.move("features/sec/low", "hidden")
    file["features/sec/low"] = h5py.SoftLink("/hidden")


def declare_endless_rows(file: h5py.File) -> None:
    del file["features/sec/id"]
    file.create_dataset("features/sec/id", (10**12,), "S30", chunks=(10**4,))


def declare_an_endless_file(file: h5py.File) -> None:
    name = "files/data/prepared/demo/manifest.parquet"
    del file[name]
    file.create_dataset(name, (10**13,), "u1")  # contiguous, but no byte of it was written


def put_objects(file: h5py.File) -> None:
    names = file["features/sec/id"].asstr()[:].tolist()
    rewrite(file, "features/sec/id", names, dtype=h5py.string_dtype())


def borrow_another_file(file: h5py.File) -> None:
    shape, dtype = file["features/sec/low"].shape, file["features/sec/low"].dtype
    del file["features/sec/low"]
    file.create_dataset("features/sec/low", shape, dtype, external=[("/etc/passwd", 0, 144)])


def lose_a_dataset(file: h5py.File) -> None:
    del file["features/sec/crc32c/peak"]


def change_a_shape(file: h5py.File) -> None:
    rewrite(file, "features/sec/low", file["features/sec/low"][:, :1])


def repeat_an_id(file: h5py.File) -> None:
    ids = file["features/sec/id"][:]
    ids[1] = ids[0]
    rewrite(file, "features/sec/id", ids)


def break_the_table(file: h5py.File) -> None:
    name = "files/data/prepared/demo/segments.parquet"
    rewrite(file, name, np.frombuffer(b"not parquet", "u1"))


def name_a_hostile_corpus(file: h5py.File) -> None:
    file.attrs["corpus"] = "../../other"


def come_from_the_future(file: h5py.File) -> None:
    file.attrs["mfsn_export"] = 99


def be_another_program(file: h5py.File) -> None:
    del file.attrs["mfsn_export"]


def infinite_values(file: h5py.File) -> None:
    low = file["features/sec/low"][:]
    low[2] = np.inf
    rewrite(file, "features/sec/low", low)
    sums = np.array([google_crc32c.value(row.tobytes()) for row in low], "<u4")
    rewrite(file, "features/sec/crc32c/low", sums)


BYTES = [
    (flip_a_feature, "features/sec/low: 1 row without a matching crc32c"),
    (forge_a_feature, "features/sec/low does not match its sha256"),
    (truncate, "cannot be opened as HDF5|cut off"),
    (replace_by_text, "cannot be opened as HDF5"),
]
CONTENT = [
    (change_a_recipe, "does not match its audio and recipe"),
    (climb_out, "is not a name"),
    (link_elsewhere, "features/sec/low is missing or is a link"),
    (link_softly, "features/sec/low is missing or is a link"),
    (declare_endless_rows, "features/sec/id is not stored in one piece"),
    (declare_an_endless_file, "manifest.parquet is truncated"),
    (put_objects, "is not a dataset of numbers or text"),
    (borrow_another_file, "is not stored in one piece within the file"),
    (lose_a_dataset, "crc32c/peak is missing"),
    (change_a_shape, r"features/sec/low has dtype float16 and shape \(12, 1, 3\)"),
    (repeat_an_id, "features/sec contradicts itself"),
    (break_the_table, "segments.parquet cannot be read as Parquet"),
    (name_a_hostile_corpus, "the name of its corpus is not allowed"),
    (come_from_the_future, "has layout 99; this version of mfsn reads layout 1"),
    (be_another_program, "is not an export of mfsn"),
    (infinite_values, "features/sec/low: 1 row without a matching crc32c"),
]


def assert_refused(exported: Path, store_root: Path, prepared: Any, message: str) -> None:
    prepared.lose_outputs()
    with pytest.raises(ExportError, match=message):
        import_corpus(exported, store_root, prepared.workspace)
    assert not store_root.exists()
    assert not (prepared.workspace / "data").exists()


@pytest.mark.parametrize(("damage", "message"), BYTES)
def test_damaged_bytes_bring_nothing(
    prepared: Any, exported: Path, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(exported)
    assert_refused(exported, tmp_path / "other", prepared, message)


@pytest.mark.parametrize(("change", "message"), CONTENT)
def test_malformed_and_hostile_content_brings_nothing(
    prepared: Any, exported: Path, tmp_path: Path, change: Callable[[h5py.File], None], message: str
) -> None:
    edit(exported, change)
    assert_refused(exported, tmp_path / "other", prepared, message)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is missing; give a file"):
        import_corpus(tmp_path / "nothing.h5", tmp_path / "other", None)


def test_the_commands_say_what_they_did(
    prepared: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = str(tmp_path / "toy.h5")
    prepared.state("CC BY-NC-SA 4.0")
    with pytest.raises(SystemExit, match="0"):
        cli.main(["cache", "export", file])
    out = capsys.readouterr().out
    assert "6 of functionals, 12 of sec" in out
    assert "not free to share: demo (6 utterances: CC BY-NC-SA 4.0)" in out
    prepared.lose_outputs()
    monkeypatch.setenv("MFSN_STORE", str(tmp_path / "other"))
    with pytest.raises(SystemExit, match="0"):
        cli.main(["cache", "import", file])
    out = capsys.readouterr().out
    assert "sec: 10 rows, 10 new, 0 already in the store" in out
    assert "wrote data/prepared/demo/features/sec.json" in out
    assert "dvc commit --force prepare segment extract" in out


def test_places_where_no_file_can_be_written_are_one_sentence(
    prepared: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    for target, message in ((tmp_path, "is a folder"), (tmp_path / "file" / "x.h5", "cannot be")):
        with pytest.raises(ExportError, match=message):
            export_corpus(target, prepared.corpus, prepared.store_root)


def test_a_stage_output_that_is_missing_is_named(prepared: Any, tmp_path: Path) -> None:
    prepared.corpus.outputs.files.unlink()
    with pytest.raises(ExportError, match=r"files\.tsv cannot be read .* `dvc pull`"):
        export_corpus(tmp_path / "toy.h5", prepared.corpus, prepared.store_root)
    assert not (tmp_path / "toy.h5").exists()


def export(*arguments: str) -> int:
    """The exit status of `mfsn cache export ARGUMENTS`."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["cache", "export", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_file_that_is_there_is_written_anew_by_force_only(
    prepared: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "toy.h5").write_text("somebody's thesis")
    assert export(str(tmp_path / "toy.h5")) == 1
    assert "toy.h5 exists already; overwrite it with --force" in capsys.readouterr().err
    assert (tmp_path / "toy.h5").read_text() == "somebody's thesis"
    assert export(str(tmp_path / "toy.h5"), "--force") == 0
    assert h5py.is_hdf5(tmp_path / "toy.h5")


def test_folders_that_were_made_are_named(
    prepared: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(str(tmp_path / "new" / "deep" / "toy.h5")) == 0
    made = [line for line in capsys.readouterr().out.splitlines() if line.startswith("created")]
    assert made == [f"created the folder {tmp_path / n}" for n in ("new", "new/deep")]
