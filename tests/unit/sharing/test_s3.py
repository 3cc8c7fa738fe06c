"""`mfsn cache push` and `pull` with an S3-compatible server."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import s3fs
from moto.server import ThreadedMotoServer

from mfsn import cli
from mfsn.errors import RemoteError
from mfsn.sharing import copying
from mfsn.sharing.copying import pull, push
from mfsn.sharing.remote import Remote
from mfsn.store.store import Store

pytestmark = pytest.mark.xdist_group("s3")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of a server with a bucket `features`."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def remote(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    """An empty folder of a bucket; credentials and endpoint come from the environment alone."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    bucket = s3fs.S3FileSystem()
    bucket.mkdir("features")
    yield Remote("s3://features/lab")
    bucket.rm("features", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def test_rows_arrive_bit_by_bit_and_only_once(
    prepared: Any, remote: Remote, tmp_path: Path, rows_of: Callable[[Store], dict[str, bytes]]
) -> None:
    (digest,) = prepared.corpus.digests(["sec"])
    assert push(remote, prepared.store_root, digest).copied == 10
    assert push(remote, prepared.store_root, digest).copied == 0
    assert pull(remote, tmp_path / "other", digest).copied == 10
    assert pull(remote, tmp_path / "other", digest).copied == 0
    assert rows_of(prepared.store("sec", tmp_path / "other")) == rows_of(prepared.store("sec"))


def test_a_push_that_breaks_off_goes_on(
    prepared: Any, remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "MOST_ROWS_PER_BUNDLE", 4)
    (digest,) = prepared.corpus.digests(["sec"])
    write = Remote.write
    written: list[str] = []

    def failing(self: Remote, name: str, content: bytes) -> None:
        if len(written) == 6:  # a description, a bundle (two arrays, a commit), half of the next
            raise RemoteError("the cable is out")
        written.append(name)
        write(self, name, content)

    with monkeypatch.context() as patched, pytest.raises(RemoteError, match="the cable is out"):
        patched.setattr(Remote, "write", failing)
        push(remote, prepared.store_root, digest)
    assert pull(remote, tmp_path / "other", digest).copied == 4
    assert push(remote, prepared.store_root, digest).copied == 6
    assert pull(remote, tmp_path / "other", digest).copied == 6


@pytest.mark.parametrize("kept", [0, 5])
def test_an_object_that_was_cut_off_is_not_taken(
    prepared: Any, remote: Remote, tmp_path: Path, kept: int
) -> None:
    """Behind the end of an object S3 answers a range with an error instead of fewer bytes."""
    (digest,) = prepared.corpus.digests(["sec"])
    push(remote, prepared.store_root, digest)
    bucket = s3fs.S3FileSystem()
    for name in bucket.ls(f"features/lab/{digest.store}/rows", refresh=True):
        bucket.pipe_file(name, bucket.cat_file(name)[:kept])
    pulled = pull(remote, tmp_path / "other", digest)
    assert (pulled.copied, len(pulled.damaged)) == (0, 1)


def test_a_bucket_that_is_not_there_is_one_sentence_and_is_not_made(
    prepared: Any, remote: Remote, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="1"):
        cli.main(["cache", "push", "s3://nobody/lab"])
    said = capsys.readouterr().err
    assert re.search(r"s3://nobody/lab does not exist .*create the bucket", said)
    assert not s3fs.S3FileSystem().exists("nobody")
