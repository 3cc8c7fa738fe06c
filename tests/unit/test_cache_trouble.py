"""What the disk refuses: one sentence, store intact."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from mfsn.cache import layout
from mfsn.cache.spec import ArraySpec, StoreSpec
from mfsn.cache.store import Store
from mfsn.cache.trouble import explaining, refill, repair_and_refill
from mfsn.cache.verify import verify
from mfsn.errors import CacheError, StorageFullError, StoreBusyError

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


def test_a_read_that_fails_is_one_sentence(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(CacheError, match=r"cannot be reached \(Input/output error\)"):
        store.read(KEYS[:1])


def test_errors_of_mfsn_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(StoreBusyError, match="as it was"), explaining(tmp_path):
        raise StoreBusyError("as it was")


def test_commands_name_the_stage_that_makes_the_rows() -> None:
    assert refill("waveform") == "`dvc repro --force --single-item segment`"
    assert repair_and_refill("sec").endswith("then `dvc repro --force --single-item extract@sec`")
