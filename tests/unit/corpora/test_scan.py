"""The list of corpus files: complete, hashed, and hashed again only where something changed."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mfsn.base.sealed import read_sealed_json, write_sealed_json
from mfsn.corpora.config import CorpusConfig
from mfsn.corpora.preparing.scan import ScannedFile, read_files, scan_corpus, write_files
from mfsn.errors import CorpusError

WriteClip = Callable[..., Path]
RAVDESS = CorpusConfig(name="ravdess", reader="ravdess")


@pytest.fixture
def root(tmp_path: Path, ravdess_tree: Path) -> Path:
    shutil.copytree(ravdess_tree / "Actor_02", tmp_path / "corpus" / "Actor_02")
    shutil.copytree(ravdess_tree / "Actor_01", tmp_path / "corpus" / "Actor_01")
    return tmp_path / "corpus"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "store" / "scan" / "ravdess.json"


def forge(cache: Path, path: str) -> None:
    """Give a file another hash in the cache, to see whether it is believed."""
    known = read_sealed_json(cache)
    known[path][0] = "forged"
    write_sealed_json(cache, known)


def sha256_at(files: list[ScannedFile], path: str) -> str:
    return next(file.sha256 for file in files if file.path == path)


def test_every_file_is_listed_with_its_size_and_hash(root: Path) -> None:
    files = scan_corpus(RAVDESS, root)
    assert len(files) == 120
    assert [file.path for file in files] == sorted(file.path for file in files)
    for file in files[::20]:
        data = (root / file.path).read_bytes()
        assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_annotations_are_files_too(tmp_path: Path, clip: WriteClip) -> None:
    clip(tmp_path / "a.wav")
    (tmp_path / "table.csv").write_text("path,emotion\na.wav,sad\n")
    files = scan_corpus(CorpusConfig(name="mine", reader="table"), tmp_path)
    assert [file.path for file in files] == ["a.wav", "table.csv"]


def test_an_unchanged_file_is_not_hashed_again(root: Path, cache: Path) -> None:
    path = scan_corpus(RAVDESS, root, cache)[0].path
    forge(cache, path)
    assert sha256_at(scan_corpus(RAVDESS, root, cache), path) == "forged"


def test_a_file_with_another_time_is_hashed_again(root: Path, cache: Path) -> None:
    first = scan_corpus(RAVDESS, root, cache)
    path = first[0].path
    forge(cache, path)
    os.utime(root / path, ns=(1, 1))
    assert scan_corpus(RAVDESS, root, cache) == first


def test_an_edit_that_keeps_size_and_time_is_noticed(root: Path, cache: Path) -> None:
    path = scan_corpus(RAVDESS, root, cache)[0].path
    status = (root / path).stat()
    data = bytearray((root / path).read_bytes())
    data[-1] ^= 1
    (root / path).write_bytes(bytes(data))
    os.utime(root / path, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = scan_corpus(RAVDESS, root, cache)
    assert sha256_at(again, path) == hashlib.sha256(bytes(data)).hexdigest()


def test_a_replaced_file_is_hashed_again(root: Path, cache: Path, clip: WriteClip) -> None:
    path = scan_corpus(RAVDESS, root, cache)[0].path
    clip(root.parent / "new.wav").replace(root / path)
    expected = hashlib.sha256((root / path).read_bytes()).hexdigest()
    assert sha256_at(scan_corpus(RAVDESS, root, cache), path) == expected


def test_added_and_removed_files_show(root: Path, cache: Path, clip: WriteClip) -> None:
    before = scan_corpus(RAVDESS, root, cache)
    (root / before[0].path).unlink()
    clip(root / "Actor_03" / "03-01-01-01-01-01-03.wav")
    after = scan_corpus(RAVDESS, root, cache)
    assert after[:-1] == before[1:]
    assert after[-1].path == "Actor_03/03-01-01-01-01-01-03.wav"
    assert before[0].path not in read_sealed_json(cache)


@pytest.mark.parametrize("damage", ["", "{", '{"a": '])
def test_a_damaged_cache_costs_time_only(root: Path, cache: Path, damage: str) -> None:
    first = scan_corpus(RAVDESS, root, cache)
    cache.write_text(damage)
    assert scan_corpus(RAVDESS, root, cache) == first
    assert len(read_sealed_json(cache)) == 120


def test_the_cache_is_left_alone_when_nothing_changed(root: Path, cache: Path) -> None:
    scan_corpus(RAVDESS, root, cache)
    before = cache.stat().st_mtime_ns
    scan_corpus(RAVDESS, root, cache)
    assert cache.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("reader", "obtain"),
    [
        ("ravdess", "download Audio_Speech_Actors_01-24.zip"),
        ("emodb", "download EMO-DB"),
        ("iemocap", "request IEMOCAP"),
        ("savee", "register at"),
        ("meld", "download MELD.Raw"),
        ("cremad", "clone .*/CREMA-D"),
        ("nemo", "clone .*/nEMO"),
        ("table", "put table.csv"),
        ("demo", "run `dvc repro`, which speaks it"),
    ],
)
@pytest.mark.parametrize("state", ["missing", "empty"])
def test_no_corpus_is_an_error_that_says_how_to_have_it(
    tmp_path: Path, reader: str, obtain: str, state: str
) -> None:
    root = tmp_path / "my-corpus"
    if state == "empty":
        root.mkdir()
    config = CorpusConfig.parse({"name": "my-corpus", "reader": reader}, where="test")
    with pytest.raises(CorpusError, match=obtain) as raised:
        scan_corpus(config, root)
    message = str(raised.value)
    assert str(root) in message
    assert "MFSN_CORPUS_MY_CORPUS" in message
    assert ("does not exist" if state == "missing" else "contains no recordings") in message
    assert "\n" not in message


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "03-01-01-01-01-01-01.wav").symlink_to(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match=r"03-01-01-01-01-01-01.wav cannot be read \(No such"):
        scan_corpus(RAVDESS, tmp_path)


def test_a_pipe_is_refused_and_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "03-01-01-01-01-01-01.wav")
    with pytest.raises(CorpusError, match=r"03-01-01-01-01-01-01.wav is no regular file"):
        scan_corpus(RAVDESS, tmp_path)


def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.wav")).touch()
    with pytest.raises(CorpusError, match=r"names that are not UTF-8: caf\\xe9.wav; rename"):
        scan_corpus(RAVDESS, tmp_path)


def test_folders_that_are_links_are_entered(tmp_path: Path, root: Path) -> None:
    farm = tmp_path / "farm"
    farm.mkdir()
    for actor in sorted(root.iterdir()):
        (farm / actor.name).symlink_to(actor)
    assert scan_corpus(RAVDESS, farm) == scan_corpus(RAVDESS, root)


def test_a_link_to_a_folder_above_does_no_harm(root: Path) -> None:
    before = scan_corpus(RAVDESS, root)
    (root / "Actor_01" / "again").symlink_to(root)
    (root / "A_first_by_name").symlink_to(root / "Actor_02")
    assert scan_corpus(RAVDESS, root) == before


def test_the_list_survives_its_file(tmp_path: Path) -> None:
    files = [ScannedFile("a b/c.wav", 10, "0" * 64), ScannedFile('odd\t"name".wav', 2, "f" * 64)]
    write_files(tmp_path / "files.tsv", files)
    assert read_files(tmp_path / "files.tsv") == files
    lines = (tmp_path / "files.tsv").read_text().splitlines()
    assert lines[:2] == ["path\tbytes\tsha256", "a b/c.wav\t10\t" + "0" * 64]


def test_a_missing_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"files\.tsv is missing; run `dvc repro`"):
        read_files(tmp_path / "files.tsv")
