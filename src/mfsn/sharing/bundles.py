"""Rows at a remote: in bundles named by their content, so that nobody can overwrite others' rows.

    <address>/<extractor>/<12 digits of the identity>/
        description.json        extractor, recipe, arrays, about
        rows/<sha256>           some rows of one array, one after the other without gaps
        commits/<sha256>.json   keys of a bundle's rows; object and crc32c per row for each array

A commit is written after its rows, and its name is the hash of its own content. So a commit that
was truncated, edited or renamed is ignored. Machines number their shards differently, and several
may push at the same time; at worst, the same rows are then stored twice.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfsn.config import sha256_of
from mfsn.errors import DamagedRowError, RemoteError
from mfsn.sharing.batches import Array, Rows, checksums_of, count_unsound
from mfsn.sharing.described import describe, parse_description
from mfsn.sharing.remote import Remote
from mfsn.store.digest import Digest
from mfsn.store.layout import dtype_of, row_bytes
from mfsn.store.spec import ArraySpec, StoreSpec

DESCRIPTION = "description.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """The rows of one array in a bundle."""

    object: str
    """The sha256 of all bytes of the rows."""
    checksums: tuple[int, ...]
    """The crc32c of each row."""


@dataclass(frozen=True)
class Bundle:
    """Rows that were copied together."""

    keys: tuple[str, ...]
    parts: Mapping[str, Part]
    """One part per array, by array name."""

    def described(self, identity: str) -> dict[str, Any]:
        """The content of the commit of this bundle."""
        arrays = {
            name: {"object": part.object, "checksums": list(part.checksums)}
            for name, part in self.parts.items()
        }
        return {"identity": identity, "keys": list(self.keys), "arrays": arrays}

    @classmethod
    def parse(cls, content: bytes, name: str, spec: StoreSpec) -> Bundle:
        """Read a commit.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: if the content is not a commit, or does
                not match this name and identity.
        """
        values = json.loads(content)
        if sha256_of(values) != name or values["identity"] != spec.identity:
            raise ValueError("it does not match its name")
        keys = tuple(str(key) for key in values["keys"])
        parts = {array.name: _part(values["arrays"][array.name], keys) for array in spec.arrays}
        return cls(keys, parts)


class RemoteStore:
    """One store directory at a remote.

    Args:
        remote: the address.
        spec: identity and arrays, which determine the name of the directory.
    """

    def __init__(self, remote: Remote, spec: StoreSpec) -> None:
        self._remote = remote
        self._spec = spec
        self._folder = spec.directory

    def bundles(self) -> Iterator[Bundle]:
        """All bundles with valid commits; the log names the invalid ones.

        Raises:
            RemoteError: if they cannot be read.
        """
        names = [n for n in self._remote.names(f"{self._folder}/commits") if n.endswith(".json")]
        paths = [f"{self._folder}/commits/{name}" for name in names]
        for path, content in self._remote.read(paths).items():
            try:
                yield Bundle.parse(content, path.rpartition("/")[2][:-5], self._spec)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                log.warning("%s/%s is ignored: %s", self._remote.address, path, error)

    def describe(self, digest: Digest) -> None:
        """Write the description of the directory, unless it exists.

        Raises:
            RemoteError: if it cannot be written.
        """
        if DESCRIPTION not in self._remote.names(self._folder):
            self._remote.write(f"{self._folder}/{DESCRIPTION}", describe(digest).encode())

    def add(self, keys: Sequence[str], rows_of: Callable[[str], Array]) -> int:
        """Write a bundle: first its rows, array by array, then its commit.

        Args:
            keys: the keys of the rows.
            rows_of: gives for an array name the rows of these keys, checked, in the stored dtype.

        Returns:
            The size of the rows in bytes.

        Raises:
            RemoteError: if the bundle cannot be written.
        """
        parts, size = {}, 0
        for array in self._spec.arrays:
            rows = rows_of(array.name)
            content = rows.tobytes()
            name = hashlib.sha256(content).hexdigest()
            self._remote.write(f"{self._folder}/rows/{name}", content)
            parts[array.name] = Part(name, tuple(checksums_of(rows)))
            size += len(content)
        bundle = Bundle(tuple(keys), parts)
        commit = json.dumps(bundle.described(self._spec.identity), sort_keys=True) + "\n"
        self._remote.write(self.commit(bundle), commit.encode())
        return size

    def commit(self, bundle: Bundle) -> str:
        """The path of a bundle's commit, relative to the address."""
        name = sha256_of(bundle.described(self._spec.identity))
        return f"{self._folder}/commits/{name}.json"

    def read(self, bundle: Bundle, rows: slice) -> Rows:
        """Read some consecutive rows of a bundle, and compare each with its checksum.

        Raises:
            DamagedRowError: if rows are truncated or do not match their checksums.
            RemoteError: if rows cannot be read.
        """
        arrays = self._spec.arrays
        sizes = [row_bytes(array) for array in arrays]
        contents = self._remote.read_ranges(
            [f"{self._folder}/rows/{bundle.parts[array.name].object}" for array in arrays],
            [rows.start * size for size in sizes],
            [rows.stop * size for size in sizes],
        )
        return {
            array.name: self._checked(array, bundle.parts[array.name], content, rows)
            for array, content in zip(arrays, contents, strict=True)
        }

    def _checked(self, array: ArraySpec, part: Part, content: bytes, rows: slice) -> Array:
        sums = part.checksums[rows]
        if len(content) == len(sums) * row_bytes(array):
            values = np.frombuffer(content, dtype_of(array)).reshape(len(sums), *array.shape)
            if not count_unsound(values, sums):
                return values
        raise DamagedRowError(f"{self._folder}/rows/{part.object}")


def remote_digests(remote: Remote) -> Iterator[Digest]:
    """The directories of a remote, each as a digest without rows.

    Raises:
        RemoteError: if the remote cannot be read, or a description is damaged.
    """
    for directory in _directories(remote):
        yield _described(remote, f"{directory}/{DESCRIPTION}", directory)


def refuse_empty(remote: Remote) -> None:
    """Raise an error if nobody has pushed to an address; most often it is mistyped.

    Raises:
        RemoteError: if the address cannot be read, does not exist or has no features.
    """
    if next(_directories(remote), None) is None:
        raise RemoteError(
            f"{remote.address} does not exist, or has no features from `mfsn cache push`; correct "
            "the address, or push there first"
        )


def _directories(remote: Remote) -> Iterator[str]:
    for extractor in remote.names():
        for identity in remote.names(extractor):
            if DESCRIPTION in remote.names(f"{extractor}/{identity}"):
                yield f"{extractor}/{identity}"


def _described(remote: Remote, path: str, directory: str) -> Digest:
    try:
        digest = parse_description(remote.read([path])[path])
    except ValueError as error:
        raise _no_description(remote, path, str(error)) from error
    if digest.store != directory:
        raise _no_description(remote, path, "it belongs to another directory")
    return digest


def _no_description(remote: Remote, path: str, reason: str) -> RemoteError:
    return RemoteError(
        f"{remote.address}/{path} cannot be used ({reason}); delete it, and run `mfsn cache push` "
        "on a machine that has the rows"
    )


def _part(described: Any, keys: tuple[str, ...]) -> Part:
    name, checksums = described["object"], tuple(int(value) for value in described["checksums"])
    if not isinstance(name, str) or not _SHA256.fullmatch(name) or len(checksums) != len(keys):
        raise ValueError("the description of an array is missing or wrong")
    return Part(name, checksums)
