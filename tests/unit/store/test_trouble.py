"""What the disk refuses: one sentence, store intact."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from mfsn.base.quantities import counted
from mfsn.errors import CacheError, StorageFullError, StoreBusyError
from mfsn.store import layout
from mfsn.store.digest import Digest
from mfsn.store.messages import explaining, fill
from mfsn.store.reader import FeatureReader
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.store.upkeep.verify import verify

SPEC = StoreSpec("tec", {"extractor": "tec"}, (ArraySpec("last", (2,), "float32", ("feature",)),))
KEYS = [SPEC.row_key(str(row), 0) for row in range(6)]
ROWS = {"last": np.arange(12, dtype=np.float32).reshape(6, 2)}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two committed rows, two rows a shard."""
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", 2)
    store = Store(tmp_path, SPEC)
    with store.writer() as writer:
        writer.append(KEYS[:2], {"last": ROWS["last"][:2]})
    return store


def assert_intact_and_usable(store: Store) -> None:
    np.testing.assert_array_equal(store.read(KEYS[:2])["last"], ROWS["last"][:2])
    with store.writer() as writer:
        writer.append(KEYS, ROWS)
    np.testing.assert_array_equal(store.read(KEYS)["last"], ROWS["last"])
    assert not list(store.path.rglob("*.partial"))
    assert verify(store.root).is_sound


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("target", ["last/.c.2.0.{}.partial", "commits/.000002.json.{}.partial"])
def test_a_full_disk_is_one_sentence_and_loses_nothing(store: Store, target: str) -> None:
    with pytest.raises(StorageFullError, match="no space left"), store.writer() as writer:
        writer.append(KEYS[:4], {"last": ROWS["last"][:4]})
        # The file that is written next lies on a device that is always full.
        (store.path / target.format(os.getpid())).symlink_to("/dev/full")
        writer.append(KEYS[4:], {"last": ROWS["last"][4:]})
    assert set(store.committed()) == set(KEYS[:4])
    assert_intact_and_usable(store)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_read_only_store_is_one_sentence_but_can_be_read(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(CacheError, match="cannot be used here"), store.writer() as writer:
            writer.append(KEYS, ROWS)
        assert verify(store.root).is_sound
    assert_intact_and_usable(store)


def test_a_root_that_is_no_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("a file")
    store = Store(tmp_path / "root", SPEC)
    with pytest.raises(CacheError, match="cannot be reached"), store.writer():
        pass


def test_a_folder_that_vanishes_while_writing_is_one_sentence(store: Store, tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="cannot be reached"), store.writer() as writer:
        store.path.rename(tmp_path / "away")
        (tmp_path / "tec").rmdir()
        (tmp_path / "tec").write_text("a file")
        writer.append(KEYS, ROWS)


def test_a_share_that_is_unmounted_while_writing_is_one_sentence(
    store: Store, tmp_path: Path
) -> None:
    """Writing into the empty folder that is left would succeed, and be lost."""
    with pytest.raises(CacheError, match="cannot be reached"), store.writer() as writer:
        store.path.rename(tmp_path / "away")
        writer.append(KEYS, ROWS)
    shutil.rmtree(store.path)
    (tmp_path / "away").rename(store.path)
    assert_intact_and_usable(store)


def test_a_share_that_is_unmounted_while_reading_is_one_sentence(
    store: Store, tmp_path: Path
) -> None:
    store.read(KEYS[:1])
    store.path.rename(tmp_path / "away")
    with pytest.raises(CacheError, match=r"cannot be reached .* bring the folder back"):
        store.read(KEYS[:1])
    (tmp_path / "away").rename(store.path)
    assert_intact_and_usable(store)


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.ENOTCONN, errno.EACCES])
def test_a_store_that_fails_while_training_reads_is_one_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    digest = Digest.of(SPEC, {}, {"u0#0": KEYS[0], "u1#0": KEYS[1]})
    digest.write(store.root / "tec.json")
    reader = FeatureReader.open(store.root / "tec.json", store.root)

    def fail(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "preadv", fail)
        with pytest.raises(CacheError, match=re.escape(os.strerror(number))) as raised:
            reader.read(["u0#0", "u1#0"])
    assert "\n" not in str(raised.value)
    assert len(reader.read(["u1#0"])["last"]) == 1


def test_verify_of_a_store_that_fails_is_one_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("mfsn.store.shard.check", fail)
    with pytest.raises(CacheError, match=r"cannot be reached \(Input/output error\)"):
        verify(store.root)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_repair_on_a_full_disk_loses_nothing(store: Store) -> None:
    shard = store.path / "last/c.0.0"
    shard.write_bytes(bytes([shard.read_bytes()[0] ^ 1]) + shard.read_bytes()[1:])
    (store.path / f"last/.c.1.0.{os.getpid()}.partial").symlink_to("/dev/full")
    with pytest.raises(StorageFullError, match="no space left"):
        verify(store.root, repair=True)
    assert len(store.read(KEYS[1:2])["last"]) == 1  # the intact row of the damaged shard
    verify(store.root, repair=True)
    assert set(store.committed()) == {KEYS[1]}


def test_a_read_that_fails_is_one_sentence(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(CacheError, match=r"cannot be reached \(Input/output error\)"):
        store.read(KEYS[:1])


def test_errors_of_mfsn_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(StoreBusyError, match="as it was"), explaining(tmp_path):
        raise StoreBusyError("as it was")


def test_what_is_shared_can_be_pulled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFSN_REMOTE", "s3://bucket/features")
    assert fill("sec").startswith("`mfsn cache pull` copies them from s3://bucket/features, or ")
    assert fill("waveform").startswith("`mfsn cache pull --waves` copies them from s3://bucket")


def test_one_row_is_not_rows() -> None:
    assert [counted(number, "row") for number in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
