"""The HDF5 file of a corpus's features: its layout, and reading it without trusting it.

    /                       attributes: mfsn_export (version of this layout), corpus, licences
    /params.yaml            text
    /utterances/<column>    the manifest, one dataset a column
    /segments/<column>      the segment table, likewise
    /features/<extractor>/
        description         JSON: extractor, recipe (what decides the values), arrays, about
        id                  (rows,) segment or utterance ids, sorted
        row_key             (rows,) content keys in the store
        <array>             (rows, *shape of a row), dimensions labelled
        crc32c/<array>      (rows,) uint32, of each row's bytes, little-endian
    /files/<path>           stage outputs of the workspace, byte by byte

Every dataset is contiguous, neither chunked nor compressed, and has an attribute `sha256` of its
bytes, little-endian. Texts are UTF-8 of fixed length, padded with zeros. Missing texts are empty
and missing numbers NaN, missing truth values -1. The same corpus gives the same bytes.
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
    """Reads datasets of an exported file, only such as lie whole and plainly within it.

    Links to elsewhere, data outside the file, compressed or endless datasets and Python objects
    are refused before a byte of them is read.

    Args:
        file: opened for reading.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self.name = str(file.filename)
        self._bytes = int(file.id.get_filesize())

    def refused(self, what: str) -> ExportError:
        """The error that says what is wrong with the file, and what to do."""
        return ExportError(
            f"{self.name}: {what}; nothing was imported; export it again where it came from"
        )

    @contextlib.contextmanager
    def guarding(self) -> Iterator[None]:
        """Turn what HDF5 and parsers say about a malformed file into one sentence.

        Raises:
            ExportError: if the body meets something that `export` does not write.
        """
        try:
            yield
        except MfsnError:
            raise
        except (OSError, RuntimeError, LookupError, ValueError, TypeError) as error:
            raise self.refused(f"it is damaged or was not written by mfsn ({error})") from error

    def attribute(self, name: str) -> Any:
        """A text or number that the file carries; None where there is none."""
        value = self._file.attrs.get(name)
        return value.item() if isinstance(value, np.generic) else value

    def names(self, group: str) -> list[str]:
        """What a group holds, sorted.

        Raises:
            ExportError: if there is no such group.
        """
        found = self._member(group)
        if not isinstance(found, h5py.Group):
            raise self.refused(f"{group} is not a group")
        return sorted(found)

    def text(self, name: str) -> str:
        """A text.

        Raises:
            ExportError: if it is missing, damaged, or not UTF-8.
        """
        return str(self._decoded(name, lambda found: found.shape == ()).item())

    def texts(self, name: str) -> list[str]:
        """A column of texts.

        Raises:
            ExportError: if it is missing, damaged, or not UTF-8.
        """
        return list(self._decoded(name, lambda found: found.ndim == 1).tolist())

    def content(self, name: str) -> bytes:
        """A file's bytes.

        Raises:
            ExportError: if they are missing or damaged.
        """
        found = self._plain(name)
        if found.dtype != BYTES or found.ndim != 1:
            raise self.refused(f"{name} does not hold a file")
        return self.verified(name, found).tobytes()

    def array(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> h5py.Dataset:
        """A dataset of just this dtype and shape, to be read piece by piece.

        Raises:
            ExportError: if it is missing or is another one.
        """
        found = self._plain(name)
        if found.dtype != dtype or found.shape != shape:
            raise self.refused(
                f"{name} holds {found.dtype} of shape {found.shape}, not {dtype} of {shape}"
            )
        return found

    def verified(self, name: str, dataset: h5py.Dataset) -> npt.NDArray[Any]:
        """All values of a small dataset, compared with its sha256.

        Raises:
            ExportError: if they differ.
        """
        values = np.ascontiguousarray(dataset[()])
        self.compare(name, dataset, hashlib.sha256(values.tobytes()).hexdigest())
        return values

    def compare(self, name: str, dataset: h5py.Dataset, sha256: str) -> None:
        """Compare the sha256 of values that were read with what the file says.

        Raises:
            ExportError: if they differ.
        """
        if dataset.attrs.get("sha256") != sha256:
            raise self.refused(f"{name} does not match its sha256")

    def _decoded(self, name: str, fits: Callable[[h5py.Dataset], bool]) -> npt.NDArray[Any]:
        found = self._plain(name)
        if found.dtype.kind != "S" or not fits(found):
            raise self.refused(f"{name} does not hold text")
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
            raise self.refused(f"{name} is cut off")
        return found

    def _member(self, name: str) -> h5py.Group | h5py.Dataset:
        here: Any = self._file
        for part in filter(None, name.split("/")):
            link = here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
            if not isinstance(link, h5py.HardLink):
                raise self.refused(f"{name} is missing or lies elsewhere")
            here = here[part]
        return here
