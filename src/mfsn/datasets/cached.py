"""Cached features from Python: rows of a corpus by utterance or segment, with named dimensions.

>>> import mfsn
>>> features = mfsn.open_features("demo", "sec")
>>> features
<sec of demo: 729 segments; low (149, 48) float16, mid (149, 48) float16, high (149, 48) float16>
>>> rows = features.of_utterances("v01-angry-angry-long-3")  # or of_segments("...-3#1")
>>> rows["high"].dims, rows["high"].shape
(('segment', 'frame', 'feature'), (2, 149, 48))
>>> rows.valid_frames.values, rows.emotion.values
(array([149,  62]), array(['angry', 'angry'], dtype='<U5'))
>>> rows["high"].sel(segment="v01-angry-angry-long-3#1").mean("frame").shape
(48,)
>>> from torch.utils.data import DataLoader
>>> batch = next(iter(DataLoader(features.dataset(), batch_size=32, num_workers=2)))
>>> batch["high"].shape, batch["high"].dtype, batch["label"][:3]
(torch.Size([32, 149, 48]), torch.float32, tensor([0, 0, 0]))
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mfsn.base.quantities import counted
from mfsn.datasets.named_rows import NamedArray, NamedRows, with_xarray
from mfsn.errors import CacheError, CorpusError, ManifestError
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table
from mfsn.segments.config import SegmentConfig
from mfsn.store.reader import FeatureReader
from mfsn.store.spec import ArraySpec
from mfsn.workspace import Outputs, find_workspace, store_root

if TYPE_CHECKING:
    import xarray

    from mfsn.datasets.torch import FeatureDataset

CLOSE_MATCHES = 3
COORDINATES = ("utterance", "index", "valid_frames", "emotion", "label", "speaker", "session")
"""What is known of each row, where it is: `index` of segments, `valid_frames` of frames."""


def open_features(
    corpus: str, extractor: str, workspace: str | Path | None = None
) -> CorpusFeatures:
    """Open the cached features of a prepared corpus.

    Args:
        corpus: name of a corpus that the pipeline has prepared, such as `demo`.
        extractor: `sec`, `tec`, `spectrogram`, `mfcc` or `functionals`.
        workspace: the checkout; by default the one around the current folder.

    Raises:
        WorkspaceError: if the current folder does not lie in a checkout and none is given.
        CorpusError: if the corpus is not prepared; those that are get named.
        CacheError: if the corpus has no such features (those that it has get named), or the store
            cannot be read.
        MissingRowError: if the store lacks rows that the digest names.
        ManifestError: if a table cannot be read.
    """
    checkout = find_workspace(None if workspace is None else Path(workspace))
    outputs = Outputs(checkout, corpus, "")
    _refuse_unknown(outputs, extractor)
    reader = FeatureReader.open(outputs.digest(extractor), store_root(checkout))
    return CorpusFeatures(corpus, reader, _table(outputs, reader))


class CorpusFeatures:
    """The rows of one extractor for one corpus; made by `open_features`.

    Attributes:
        corpus: its name.
        extractor: its name.
        arrays: the arrays of a row; of encoders one a level.
        table: one line a row, in the order of the corpus: `id` (segment or utterance) and what of
            `COORDINATES` is known. `label` is the index of the emotion in `classes`.
        classes: the emotions of the corpus, in alphabetical order.
        about: the extractor's configuration and kind of weights.
    """

    def __init__(self, corpus: str, reader: FeatureReader, table: pd.DataFrame) -> None:
        self.corpus = corpus
        self.extractor = reader.digest.extractor
        self.arrays: tuple[ArraySpec, ...] = reader.digest.arrays
        self.about = reader.digest.about
        self.table = table
        self.classes = sorted(set(table["emotion"]))
        self._reader = reader
        self._row = "segment" if "index" in table else "utterance"

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        """Such as `<sec of demo: 729 segments; low (149, 48) float16, ...>`."""
        arrays = ", ".join(f"{a.name} {a.shape} {a.dtype}" for a in self.arrays)
        return f"<{self.extractor} of {self.corpus}: {counted(len(self), self._row)}; {arrays}>"

    def of_utterances(
        self, ids: str | Sequence[str], arrays: Sequence[str] | None = None
    ) -> xarray.Dataset | NamedRows:
        """All rows of some utterances.

        Args:
            ids: one utterance id or several.
            arrays: names of the arrays to read; all by default.

        Returns:
            Arrays of dimensions (segment, frame, feature) or whatever the extractor has, with
            `COORDINATES` along the first one; its values are the ids. Utterances stand in the order
            of `ids`, segments in their own. An `xarray.Dataset` where xarray is installed.

        Raises:
            ManifestError: if the corpus has no such utterance; close ones are named.
            CacheError: if there is no such array, or a row is damaged or gone.
        """
        return self._read(self._lines("utterance", ids), arrays)

    def of_segments(
        self, ids: str | Sequence[str], arrays: Sequence[str] | None = None
    ) -> xarray.Dataset | NamedRows:
        """Some rows by segment id (utterance id, then # and a number from 0); else as above.

        Raises:
            ManifestError: if there is no such segment; close ones are named.
            CacheError: if the extractor has rows of whole utterances only, there is no such array,
                or a row is damaged or gone.
        """
        if self._row != "segment":
            raise CacheError(
                f"{self.extractor} has one row an utterance and none a segment; use of_utterances"
            )
        return self._read(self._lines("id", ids), arrays)

    def dataset(
        self, utterances: Sequence[str] | None = None, arrays: Sequence[str] | None = None
    ) -> FeatureDataset:
        """A torch Dataset of rows; see `mfsn.datasets.torch.FeatureDataset` for its items.

        Args:
            utterances: ids, such as `fold.train` of `mfsn.make_folds`; all by default.
            arrays: names of the arrays to read; all by default.

        Raises:
            ManifestError: if the corpus has no such utterance; close ones are named.
            CacheError: if there is no such array.
        """
        from mfsn.datasets.torch import FeatureDataset

        lines = self.table if utterances is None else self._lines("utterance", utterances)
        known = ("id", "utterance", "label", "valid_frames")
        facts = lines[[name for name in known if name in lines]]
        return FeatureDataset(self._reader, facts, self._known_arrays(arrays))

    def _lines(self, column: str, ids: str | Sequence[str]) -> pd.DataFrame:
        wanted = [ids] if isinstance(ids, str) else list(ids)
        places = self._places[column]
        for name in wanted:
            if name not in places:
                what = self._row if column == "id" else column
                hint = _suggestion(name, list(places))
                raise ManifestError(f"{self.corpus} has no {what} {name}; {hint}")
        return self.table.iloc[[place for name in wanted for place in places[name]]]

    @cached_property
    def _places(self) -> dict[str, dict[str, list[int]]]:
        """Column to id to its lines of the table."""
        places: dict[str, dict[str, list[int]]] = {}
        for column in ("id", "utterance"):
            places[column] = defaultdict(list)
            for line, name in enumerate(self.table[column]):
                places[column][name].append(line)
        return places

    def _known_arrays(self, names: Sequence[str] | None) -> list[str]:
        known = [array.name for array in self.arrays]
        unknown = [name for name in names or () if name not in known]
        if unknown:
            raise CacheError(
                f"{self.extractor} has no array {', '.join(unknown)}; there are {', '.join(known)}"
            )
        return known if names is None else list(names)

    def _read(self, lines: pd.DataFrame, names: Sequence[str] | None) -> xarray.Dataset | NamedRows:
        read = self._reader.read(lines["id"].tolist(), self._known_arrays(names))
        dims = {array.name: (self._row, *array.dims) for array in self.arrays}
        arrays = {name: NamedArray(values, dims[name]) for name, values in read.items()}
        known = {self._row: lines["id"]} | {
            name: lines[name] for name in COORDINATES if name in lines and name != self._row
        }
        coords = {name: NamedArray(_plain(values), (self._row,)) for name, values in known.items()}
        attrs = {"corpus": self.corpus, "extractor": self.extractor}
        return with_xarray(NamedRows(arrays, coords, attrs))


def _refuse_unknown(outputs: Outputs, extractor: str) -> None:
    prepared = outputs.prepared.parent
    if not outputs.manifest.is_file():
        there = sorted(path.parent.name for path in prepared.glob("*/manifest.parquet"))
        raise CorpusError(
            f"corpus {outputs.corpus} is not prepared in {outputs.workspace}; "
            f"{'prepared are ' + ', '.join(there) if there else 'run `dvc repro` first'}"
        )
    there = outputs.extracted
    if extractor not in there:
        raise CacheError(
            f"corpus {outputs.corpus} has no features {extractor}; "
            f"{'there are ' + ', '.join(there) if there else 'run `dvc repro` to extract them'}"
        )


def _table(outputs: Outputs, reader: FeatureReader) -> pd.DataFrame:
    """One line a row, in the order of the manifest."""
    manifest = read_table(outputs.manifest, UTTERANCES)
    columns = ["utterance_id", "emotion", "speaker", "session"]
    table = manifest[columns].rename(columns={"utterance_id": "utterance"})
    table["label"] = pd.Categorical(table["emotion"]).codes.astype(np.int64)
    segments = read_table(outputs.segments, SEGMENTS)
    of_segments = set(segments["segment_id"]).issuperset(reader.ids)
    if not of_segments:
        return table.assign(id=table["utterance"])
    names = {"segment_id": "id", "utterance_id": "utterance"}
    facts = segments.rename(columns=names)[["id", "utterance", "index", "valid_samples"]]
    table = facts.merge(table, on="utterance", how="left", validate="many_to_one")
    sizes = dict(pair for a in reader.digest.arrays for pair in zip(a.dims, a.shape, strict=True))
    if "frame" in sizes:
        segment = SegmentConfig.of_recipe(reader.digest.recipe["segment"])
        share = segment.audible(table["valid_samples"].to_numpy()) / segment.samples
        table["valid_frames"] = np.ceil(share * sizes["frame"]).astype(np.int64)
    return table


def _plain(values: pd.Series) -> npt.NDArray[Any]:
    """Numbers as they are, texts as text, empty where unknown."""
    if pd.api.types.is_integer_dtype(values):
        return values.to_numpy()
    return values.fillna("").to_numpy(dtype=str)


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, CLOSE_MATCHES, cutoff=0.3)
    return f"close ones are {', '.join(close)}" if close else "`.table` lists them"
