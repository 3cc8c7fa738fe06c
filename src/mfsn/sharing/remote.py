"""A folder at an address that fsspec knows; every error with it is one clear sentence."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mfsn.base.files import write_bytes
from mfsn.errors import MfsnError, RemoteError

_LOCAL = "file"
# These need no folders to be created, and it is not our task to create a missing bucket.
_BUCKETS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "oci"})


class Remote:
    """Small objects in folders below one address.

    There is no connection before the first access.

    Args:
        address: a folder, or `protocol://...`, such as s3://bucket/folder.

    Attributes:
        address: the same as an absolute address.

    Raises:
        RemoteError: if no installed package knows its protocol, or if it contains a password.
    """

    def __init__(self, address: str) -> None:
        _refuse_password(address)
        self._file_system, path = _resolve(address)
        self._path = path.rstrip("/")
        names = self._file_system.protocol
        self._protocols = {names} if isinstance(names, str) else set(names)
        self.address = path if _LOCAL in self._protocols else address

    def names(self, folder: str = "") -> list[str]:
        """The names in a folder, sorted; empty if there is no such folder.

        Raises:
            RemoteError: if the folder cannot be listed.
        """
        with self._explaining():
            self._file_system.invalidate_cache()
            try:
                found = self._file_system.ls(self._place(folder), detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found)

    def read(self, names: Sequence[str]) -> dict[str, bytes]:
        """Read whole objects, by name; the backend may fetch several at the same time.

        Raises:
            RemoteError: if an object cannot be read.
        """
        with self._explaining():
            places = {self._place(name): name for name in names}
            self._refuse_irregular(places)
            found = self._file_system.cat(list(places)) if places else {}
            return {name: found[place] for place, name in places.items()}

    def read_ranges(
        self, names: Sequence[str], starts: Sequence[int], ends: Sequence[int]
    ) -> list[bytes]:
        """Read a range of bytes from each object.

        The result has fewer bytes if an object is shorter, and none if it does not exist.

        Raises:
            RemoteError: if an object cannot be read.
        """
        with self._explaining():
            places = [self._place(name) for name in names]
            self._refuse_irregular(places)
            found = self._file_system.cat_ranges(places, starts, ends, on_error="return")
            return [_bytes(value) for value in found]

    def write(self, name: str, content: bytes) -> None:
        """Write an object; in a local folder it is flushed to disk, and whole or not written.

        Raises:
            RemoteError: if it cannot be written.
            StorageFullError: if a local disk is full.
        """
        with self._explaining():
            place = self._place(name)
            if _LOCAL in self._protocols:
                write_bytes(Path(place), content)
                return
            if not self._protocols & _BUCKETS:
                self._file_system.makedirs(place.rpartition("/")[0], exist_ok=True)
            self._file_system.pipe_file(place, content)

    def _refuse_irregular(self, places: Iterable[str]) -> None:
        """A pipe or a device in a local folder would be waited for without end."""
        for place in places if _LOCAL in self._protocols else ():
            if Path(place).exists() and not Path(place).is_file():
                raise RemoteError(
                    f"{place} is no regular file (it may be a pipe, a socket, a device or a "
                    "folder); remove it from there"
                )

    def _place(self, name: str) -> str:
        return f"{self._path}/{name}".rstrip("/")

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except MfsnError:
            raise
        except PermissionError as error:
            raise RemoteError(
                f"{self.address}: access is denied ({error}); ask its owner for access, or set "
                "other credentials (for S3: AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY)"
            ) from error
        except FileNotFoundError as error:
            raise RemoteError(
                f"{self.address} does not exist ({error}); create the bucket first, or correct the "
                "address"
            ) from error
        except Exception as error:  # every backend has its own exceptions
            said = str(error) or type(error).__name__
            raise RemoteError(
                f"{self.address} cannot be reached ({said}); check the address, the network and "
                "the credentials, and run the same command again, which continues from here"
            ) from error


def _bytes(found: Any) -> bytes:
    # S3 reports a range after the end of an object as an invalid argument.
    is_short = isinstance(found, OSError) and found.errno in (errno.ENOENT, errno.EINVAL)
    if is_short or isinstance(found, FileNotFoundError):
        return b""
    if isinstance(found, Exception):
        raise found
    return bytes(found)


def _refuse_password(address: str) -> None:
    with contextlib.suppress(ValueError):  # fsspec reports malformed addresses
        if urlsplit(address).password:
            raise RemoteError(
                "the address contains a password, which would get into logs and into git; put it "
                "into the environment or fsspec's configuration, and give the address without it"
            )


def _resolve(address: str) -> tuple[Any, str]:
    import fsspec

    protocol = address.partition("://")[0]
    try:
        file_system, path = fsspec.url_to_fs(address)
    except ImportError as error:
        remedy = '`pip install "mfsn[s3]"`' if protocol in ("s3", "s3a") else str(error)
        raise RemoteError(
            f"{address}: the package for {protocol} is not installed; {remedy}"
        ) from error
    except ValueError as error:
        raise RemoteError(
            f"{address} is not an address that fsspec knows ({error}); give a folder, or an "
            "address such as s3://bucket/folder"
        ) from error
    return file_system, str(path)
