"""The HDF5 file with the features of a corpus: its layout, and reading it without trust.

    /                       attributes: mfsn_export (version of this layout), corpus, licences
    /params.yaml            text
    /utterances/<column>    the manifest, one dataset per column
    /segments/<column>      the segment table, one dataset per column
    /features/<extractor>/
        description         JSON: extractor, recipe (all that values depend on), arrays, about
        id                  (rows,) segment or utterance ids, sorted
        row_key             (rows,) content keys in the store
        <array>             (rows, *shape of a row), dimensions labelled
        crc32c/<array>      (rows,) uint32, of each row's bytes, little-endian
    /files/<path>           stage outputs of the workspace, byte by byte

Every dataset is contiguous, neither chunked nor compressed, and has an attribute `sha256` of its
bytes, little-endian. Texts are UTF-8 of fixed length, padded with zeros. A missing text is empty, a
missing number is NaN, and a missing truth value is -1. The same corpus gives the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from mfsn.errors import ExportError, MfsnError

VERSION = 1
UNSIGNED = np.dtype("<u4")
BYTES = np.dtype("u1")


class H5Source:
    """Read datasets of an exported file if they are stored completely and simply in it.

    Links, data outside the file, compressed or unlimited datasets and Python objects are refused
    before any byte of them is read.

    Args:
        file: the file, opened for reading.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self.name = str(file.filename)
        self._bytes = int(file.id.get_filesize())

    def refused(self, what: str) -> ExportError:
        """The error that says what is wrong with the file, and what to do."""
        return ExportError(
            f"{self.name}: {what}; nothing was imported; export it again on the other machine"
        )

    @contextlib.contextmanager
    def guarding(self) -> Iterator[None]:
        """Turn errors of HDF5 and of parsers about a malformed file into one sentence.

        Raises:
            ExportError: if the body finds something that `export` does not write.
        """
        try:
            yield
        except MfsnError:
            raise
        except (OSError, RuntimeError, LookupError, ValueError, TypeError) as error:
            raise self.refused(f"it is damaged or was not written by mfsn ({error})") from error

    def attribute(self, name: str) -> Any:
        """An attribute of the file, a text or a number; None if it is missing."""
        value = self._file.attrs.get(name)
        return value.item() if isinstance(value, np.generic) else value

    def names(self, group: str) -> list[str]:
        """The names in a group, sorted.

        Raises:
            ExportError: if there is no such group.
        """
        found = self._member(group)
        if not isinstance(found, h5py.Group):
            raise self.refused(f"{group} is not a group")
        return sorted(found)

    def text(self, name: str) -> str:
        """Read one text.

        Raises:
            ExportError: if it is missing, damaged, or not UTF-8.
        """
        return str(self._decoded(name, lambda found: found.shape == ()).item())

    def texts(self, name: str) -> list[str]:
        """Read a column of texts.

        Raises:
            ExportError: if it is missing, damaged, or not UTF-8.
        """
        return list(self._decoded(name, lambda found: found.ndim == 1).tolist())

    def content(self, name: str) -> bytes:
        """Read the bytes of a file.

        Raises:
            ExportError: if they are missing or damaged.
        """
        found = self._plain(name)
        if found.dtype != BYTES or found.ndim != 1:
            raise self.refused(f"{name} does not contain a file")
        return self.verified(name, found).tobytes()

    def array(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> h5py.Dataset:
        """A dataset of exactly this dtype and shape, to be read piece by piece.

        Raises:
            ExportError: if it is missing, or has another dtype or shape.
        """
        found = self._plain(name)
        if found.dtype != dtype or found.shape != shape:
            raise self.refused(
                f"{name} has dtype {found.dtype} and shape {found.shape}, not {dtype} and {shape}"
            )
        return found

    def verified(self, name: str, dataset: h5py.Dataset) -> npt.NDArray[Any]:
        """Read all values of a small dataset, and compare them with its sha256.

        Raises:
            ExportError: if they do not match.
        """
        values = np.ascontiguousarray(dataset[()])
        self.compare(name, dataset, hashlib.sha256(values.tobytes()).hexdigest())
        return values

    def compare(self, name: str, dataset: h5py.Dataset, sha256: str) -> None:
        """Compare the sha256 of values that were read with the one in the file.

        Raises:
            ExportError: if they differ.
        """
        if dataset.attrs.get("sha256") != sha256:
            raise self.refused(f"{name} does not match its sha256")

    def _decoded(self, name: str, fits: Callable[[h5py.Dataset], bool]) -> npt.NDArray[Any]:
        found = self._plain(name)
        if found.dtype.kind != "S" or not fits(found):
            raise self.refused(f"{name} does not contain text")
        try:
            return np.char.decode(self.verified(name, found), "utf-8")
        except UnicodeDecodeError:
            raise self.refused(f"{name} is not UTF-8") from None

    def _plain(self, name: str) -> h5py.Dataset:
        found = self._member(name)
        if not isinstance(found, h5py.Dataset) or found.shape is None or found.dtype.kind in "OV":
            raise self.refused(f"{name} is not a dataset of numbers or text")
        properties = found.id.get_create_plist()
        if properties.get_layout() != h5py.h5d.CONTIGUOUS or properties.get_external_count():
            raise self.refused(f"{name} is not stored in one piece within the file")
        start = found.id.get_offset()
        if found.nbytes and (start is None or start + found.nbytes > self._bytes):
            raise self.refused(f"{name} is truncated")
        return found

    def _member(self, name: str) -> h5py.Group | h5py.Dataset:
        here: Any = self._file
        for part in filter(None, name.split("/")):
            link = here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
            if not isinstance(link, h5py.HardLink):
                raise self.refused(f"{name} is missing or is a link")
            here = here[part]
        return here
