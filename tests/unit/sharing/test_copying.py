"""`mfsn cache push` and `pull` with a local folder: what travels, and what may go wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry as fsspec_registry

from mfsn import cli
from mfsn.errors import DamagedRowError, MissingRowError, RemoteError
from mfsn.sharing import copying
from mfsn.sharing.bundles import RemoteStore
from mfsn.sharing.copying import pull, push
from mfsn.sharing.remote import Remote
from mfsn.sharing.whole import whole_remote
from mfsn.store.reader import FeatureReader
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store

ReadAll = Callable[[Store], dict[str, bytes]]


@pytest.fixture(autouse=True)
def small_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "MOST_ROWS_PER_BUNDLE", 4)


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    """An address that does not exist yet."""
    return Remote(str(tmp_path / "remote"))


def run(*arguments: str) -> int:
    """The exit status of `mfsn cache ARGUMENTS`."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["cache", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def files(folder: str) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder with the time it was written."""
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def test_rows_arrive_bit_by_bit_in_an_empty_store(
    prepared: Any, remote: Remote, tmp_path: Path, rows_of: ReadAll
) -> None:
    for digest in prepared.corpus.digests(waves=True):
        pushed = push(remote, prepared.store_root, digest)
        there = rows_of(Store(prepared.store_root, digest.spec))
        assert (pushed.copied, pushed.there, pushed.lost) == (len(there), 0, 0)
        pulled = pull(remote, tmp_path / "other", digest)
        assert (pulled.copied, pulled.bytes) == (len(there), pushed.bytes)
        assert rows_of(Store(tmp_path / "other", digest.spec)) == there


def test_rows_of_all_folds_travel(
    prepared: Any, remote: Remote, tmp_path: Path, rows_of: ReadAll
) -> None:
    (digest,) = prepared.corpus.digests(["sec"])
    names, rows = sorted(digest.rows), len({*digest.rows.values()})
    halves = {"one": names[::2], "two": names[1::2]}
    folds = {fold: {n: digest.rows[n] for n in own} for fold, own in halves.items()}
    digest = replace(digest, rows={}, folds=folds)
    assert push(remote, prepared.store_root, digest).copied == rows
    assert pull(remote, tmp_path / "other", digest).copied == rows
    here, there = (Store(root, digest.spec) for root in (prepared.store_root, tmp_path / "other"))
    assert rows_of(there) == rows_of(here)


def test_a_second_push_and_a_second_pull_copy_nothing(
    prepared: Any, remote: Remote, tmp_path: Path
) -> None:
    (digest,) = prepared.corpus.digests(["sec"])
    push(remote, prepared.store_root, digest)
    pull(remote, tmp_path / "other", digest)
    before = files(remote.address) | files(str(tmp_path / "other"))
    assert push(remote, prepared.store_root, digest).copied == 0
    assert pull(remote, tmp_path / "other", digest).copied == 0
    assert files(remote.address) | files(str(tmp_path / "other")) == before


def test_machines_that_number_their_shards_differently_share_rows(
    prepared: Any, remote: Remote, tmp_path: Path, rows_of: ReadAll
) -> None:
    (digest,) = prepared.corpus.digests(["sec"])
    here, other = prepared.store("sec"), prepared.store("sec", tmp_path / "other")
    keys = list(here.committed())
    with other.writer() as writer:
        writer.append(keys[:2:-1][:3], here.read(keys[:2:-1][:3]))
    push(remote, prepared.store_root, digest)
    assert push(remote, other.root, digest).copied == 0
    pulled = pull(remote, other.root, digest)
    assert (pulled.copied, pulled.there) == (len(keys) - 3, 3)
    assert rows_of(other) == rows_of(here)


def test_two_machines_push_what_they_have(prepared: Any, remote: Remote, tmp_path: Path) -> None:
    (digest,) = prepared.corpus.digests(["sec"])
    here = prepared.store("sec")
    keys = list(here.committed())
    for name, part in (("a", keys[:6]), ("b", keys[3:])):
        with prepared.store("sec", tmp_path / name).writer() as writer:
            writer.append(part, here.read(part))
        push(remote, tmp_path / name, digest)
    assert pull(remote, tmp_path / "c", digest).copied == len(keys)


def test_rows_that_neither_side_has_are_named(
    prepared: Any, remote: Remote, tmp_path: Path
) -> None:
    (digest,) = prepared.corpus.digests(["sec"])
    pulled = pull(remote, tmp_path / "other", digest)
    assert pulled.lost == 10
    assert "10 rows on neither side; `dvc repro` computes" in pulled.problems()[0]
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("cut", [0, 20])
def test_a_damaged_object_is_never_committed(
    prepared: Any, remote: Remote, tmp_path: Path, rows_of: ReadAll, cut: int
) -> None:
    (digest,) = prepared.corpus.digests(["sec"])
    push(remote, prepared.store_root, digest)
    victim = max(Path(remote.address).glob("sec/*/rows/*"), key=lambda path: path.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[-3] ^= 4
    victim.write_bytes(content[: len(content) - cut])
    pulled = pull(remote, tmp_path / "other", digest)
    assert pulled.copied == 6
    (problem,) = pulled.problems()
    commit = Path(remote.address) / problem.partition(":")[0]
    assert "do not match their checksums" in problem
    there = rows_of(prepared.store("sec"))
    taken = rows_of(prepared.store("sec", tmp_path / "other"))
    assert taken == {key: there[key] for key in taken}
    commit.unlink()  # what the sentence says
    assert push(remote, prepared.store_root, digest).copied == 4
    assert pull(remote, tmp_path / "other", digest).copied == 4
    assert rows_of(prepared.store("sec", tmp_path / "other")) == there


@pytest.mark.parametrize("change", ["cut", "edit", "rename"])
def test_a_forged_commit_does_not_count_and_push_heals_it(
    prepared: Any, remote: Remote, tmp_path: Path, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    (digest,) = prepared.corpus.digests(["sec"])
    push(remote, prepared.store_root, digest)
    commit = next(Path(remote.address).glob("sec/*/commits/*.json"))
    rows = len(json.loads(commit.read_text())["keys"])
    if change == "cut":
        commit.write_text(commit.read_text()[:-40])
    elif change == "edit":
        commit.write_text(commit.read_text().replace('"keys": ["', '"keys": ["0'))
    else:
        commit.rename(commit.with_stem("0" * 64))
    assert pull(remote, tmp_path / "other", digest).lost == rows
    assert "is ignored: " in caplog.text
    assert push(remote, prepared.store_root, digest).copied == rows
    assert pull(remote, tmp_path / "other", digest).copied == rows


def test_a_damaged_row_of_the_store_is_not_pushed(prepared: Any, remote: Remote) -> None:
    (digest,) = prepared.corpus.digests(["sec"])
    shard = next(prepared.store("sec").path.glob("low/c.0*"))
    content = bytearray(shard.read_bytes())
    content[1] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DamagedRowError, match="verify --repair"):
        push(remote, prepared.store_root, digest)
    assert not list(Path(remote.address).glob("sec/*/commits/*"))


KILLED = """
import os, signal, sys
from pathlib import Path
from mfsn.store import layout
from mfsn.store.digest import Digest
from mfsn.sharing import copying
from mfsn.sharing.remote import Remote
layout.MOST_ROWS_PER_SHARD = copying.MOST_ROWS_PER_BUNDLE = 4
copying.BATCH_BYTES = 1
what, method, calls, address, store, digest = sys.argv[1:]
once, left = getattr(Remote, method), int(calls)
def counting(self, *arguments):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return once(self, *arguments)
setattr(Remote, method, counting)
getattr(copying, what)(Remote(address), Path(store), Digest.read(Path(digest)))
"""


def killed(what: str, method: str, calls: int, remote: Remote, store: Path, prepared: Any) -> None:
    """Push or pull in a process of its own that dies before a call of a method of Remote."""
    digest = prepared.corpus.outputs.digest("sec")
    arguments = [what, method, str(calls), remote.address, str(store), str(digest)]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("calls", "left"), [(2, 10), (6, 6)])
def test_a_push_that_is_killed_goes_on_behind_what_was_committed(
    prepared: Any, remote: Remote, tmp_path: Path, rows_of: ReadAll, calls: int, left: int
) -> None:
    """Written are a description, then two arrays and a commit for each of three bundles."""
    (digest,) = prepared.corpus.digests(["sec"])
    killed("push", "write", calls, remote, prepared.store_root, prepared)
    assert pull(remote, tmp_path / "early", digest).copied == 10 - left
    assert push(remote, prepared.store_root, digest).copied == left
    pull(remote, tmp_path / "other", digest)
    assert rows_of(prepared.store("sec", tmp_path / "other")) == rows_of(prepared.store("sec"))


def test_a_pull_that_is_killed_fetches_only_what_is_missing(
    prepared: Any, remote: Remote, tmp_path: Path, rows_of: ReadAll
) -> None:
    (digest,) = prepared.corpus.digests(["sec"])
    push(remote, prepared.store_root, digest)
    killed("pull", "read_ranges", 9, remote, tmp_path / "other", prepared)  # a row a call
    other = prepared.store("sec", tmp_path / "other")
    kept = len(other.committed())
    assert kept in (4, 8)  # the second shard was being written
    assert pull(remote, tmp_path / "other", digest).copied == 10 - kept
    assert rows_of(other) == rows_of(prepared.store("sec"))


def test_all_of_a_store_and_all_of_a_remote(
    prepared: Any, remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_of: ReadAll
) -> None:
    assert run("push", remote.address, "--all") == 0
    monkeypatch.setenv("MFSN_STORE", str(tmp_path / "other"))
    assert run("pull", "--all") == 0
    for name in ("sec", "functionals", "waveform"):
        there = rows_of(prepared.store(name))
        assert rows_of(prepared.store(name, tmp_path / "other")) == there


def test_rows_of_an_unknown_corpus_are_pushed_with_a_licence_only(
    prepared: Any, remote: Remote, capsys: pytest.CaptureFixture[str]
) -> None:
    array = ArraySpec("mfcc", (1,), "float32", ("feature",))
    store = Store(prepared.store_root, StoreSpec("mfcc", {"of": "somebody"}, (array,)))
    with store.writer() as writer:
        writer.append(["a key"], {"mfcc": np.ones((1, 1), np.float32)})
    assert run("push", remote.address, "--all") == 1
    assert "1 row of the store that no corpus of this workspace names" in capsys.readouterr().err
    assert not Path(remote.address).exists()
    assert run("push", remote.address, "--all", "--i-hold-the-licence") == 0
    assert {digest.extractor for digest in whole_remote(remote)} >= {"mfcc", "sec"}


def test_licensed_features_are_pushed_with_a_licence_only(
    prepared: Any, remote: Remote, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared.state("CC BY-NC-SA 4.0")
    assert run("push", remote.address) == 1
    said = capsys.readouterr().err
    assert "demo (6 utterances: CC BY-NC-SA 4.0)" in said
    assert "--i-hold-the-licence" in said
    assert not Path(remote.address).exists()
    assert run("push", remote.address, "--i-hold-the-licence") == 0


def test_the_first_address_is_noted_and_named_by_the_reader(
    prepared: Any, remote: Remote, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert run("push", remote.address) == 0
    assert ".mfsn-remote; commit this file" in capsys.readouterr().out
    assert Path(".mfsn-remote").read_text() == f"{remote.address}\n"
    assert run("push", str(tmp_path / "elsewhere")) == 0
    assert Path(".mfsn-remote").read_text() == f"{remote.address}\n"
    monkeypatch.setenv("MFSN_STORE", str(tmp_path / "other"))
    digest = prepared.corpus.outputs.digest("sec")
    with pytest.raises(
        MissingRowError, match=f"`mfsn cache pull` copies them from {remote.address}"
    ):
        FeatureReader.open(digest, tmp_path / "other")
    assert run("pull") == 0
    assert FeatureReader.open(digest, tmp_path / "other").ids


def test_a_first_push_that_breaks_off_has_noted_the_address(
    prepared: Any, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise RemoteError("the cable is out")

    with monkeypatch.context() as patch:
        patch.setattr(RemoteStore, "add", fail)
        assert run("push", remote.address) == 1
    assert Path(".mfsn-remote").read_text() == f"{remote.address}\n"


def test_a_first_push_without_all_rows_has_noted_the_address(prepared: Any, remote: Remote) -> None:
    store = prepared.store("sec")
    next(store.path.glob("commits/*.json")).unlink()
    assert run("push", remote.address) == 1
    assert Path(".mfsn-remote").read_text() == f"{remote.address}\n"


def test_an_address_that_takes_nothing_is_not_noted(
    prepared: Any, refusing: type[Refusing]
) -> None:
    assert run("push", "refusing://bucket/features") == 1
    assert not Path(".mfsn-remote").exists()


def test_the_environment_goes_before_the_note(
    prepared: Any, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".mfsn-remote").write_text("/nowhere\n")
    monkeypatch.setenv("MFSN_REMOTE", remote.address)
    assert run("push") == 0
    assert Path(remote.address).is_dir()


def test_a_pull_without_any_address_or_rows_is_one_sentence(
    prepared: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("pull") == 1
    assert "no address is known; give one" in capsys.readouterr().err
    assert run("pull", str(tmp_path / "nowhere"), "--all") == 1
    assert "nowhere does not exist, or has no features" in capsys.readouterr().err
    assert run("pull", str(tmp_path / "nowhere")) == 1
    said = capsys.readouterr().err
    assert f"{tmp_path / 'nowhere'} does not exist, or has no features" in said
    assert said.count("\n") == 1
    prepared.lose_outputs()
    assert run("pull", str(tmp_path / "nowhere")) == 1
    assert "contains no digest" in capsys.readouterr().err


class Refusing(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A place where listing works and nothing else."""

    protocol = "refusing"
    error: type[Exception] = PermissionError

    def pipe_file(self, path: str, value: bytes, **_: Any) -> None:
        raise self.error("the answer was no")


@pytest.fixture
def refusing() -> Iterator[type[Refusing]]:
    fsspec.register_implementation("refusing", Refusing, clobber=True)
    yield Refusing
    Refusing.error = PermissionError
    Refusing.store.clear()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError, "access is denied .the answer was no.; ask its owner for access"),
        (FileNotFoundError, "does not exist .the answer was no."),
        (RuntimeError, "cannot be reached .the answer was no."),
        (TimeoutError, "cannot be reached .the answer was no."),
    ],
)
def test_whatever_a_backend_says_is_one_sentence(
    prepared: Any, refusing: type[Refusing], error: type[Exception], message: str
) -> None:
    refusing.error = error
    (digest,) = prepared.corpus.digests(["sec"])
    with pytest.raises(RemoteError, match=message):
        push(Remote("refusing://bucket/features"), prepared.store_root, digest)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nope://x/y", "not an address that fsspec knows"),
        ("gs://x/y", "the package for gs is not installed"),
        ("s3://me:secret@x/y", "^the address contains a password"),
    ],
)
def test_addresses_that_lead_nowhere(address: str, message: str) -> None:
    with pytest.raises(RemoteError, match=message) as raised:
        Remote(address)
    assert "secret" not in str(raised.value)


def test_a_missing_backend_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(fsspec_registry, "s3", raising=False)
    with pytest.raises(RemoteError, match=r'`pip install "mfsn\[s3\]"`'):
        Remote("s3://bucket/x")


def test_a_hostile_description_cannot_climb_out(prepared: Any, remote: Remote) -> None:
    (digest,) = prepared.corpus.digests(["sec"])
    push(remote, prepared.store_root, digest)
    (description,) = Path(remote.address).glob("sec/*/description.json")
    told = json.loads(description.read_text())
    told["arrays"][0]["name"] = "../../outside"
    description.write_text(json.dumps(told))
    with pytest.raises(RemoteError, match=r"description.json cannot be used .*is not a name"):
        whole_remote(remote)
    assert [path.name for path in Path(remote.address).iterdir()] == ["sec"]


def test_a_pipe_in_a_local_folder_is_refused_and_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    remote = Remote(str(tmp_path))
    for reads in (lambda: remote.read(["pipe"]), lambda: remote.read_ranges(["pipe"], [0], [1])):
        with pytest.raises(RemoteError, match="pipe is no regular file"):
            reads()
