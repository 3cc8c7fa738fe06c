"""Computing lost rows again: the second half of `mfsn cache verify --repair`.

Every digest of a workspace says which rows it names and how they are made, those of corpora that
params.yaml does not name at the moment included. Waves come first, since features are made of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mfsn.cache.digest import Digest
from mfsn.cache.repair import describe_again
from mfsn.cache.store import Store
from mfsn.cache.trouble import WAVEFORM, counted
from mfsn.corpora.config import SegmentConfig
from mfsn.errors import CacheError, CorpusError, MfsnError
from mfsn.features.base import Extractor, store_spec
from mfsn.features.extraction import extract
from mfsn.features.registry import EXTRACTORS, remake_extractor
from mfsn.features.waveform import segment_corpus, segment_recipe, waveform_store
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table
from mfsn.params import load_params, outputs_of
from mfsn.workspace import Outputs, corpus_root, corpus_variable


@dataclass(frozen=True)
class Named:
    """The rows that a digest of a workspace names, and what they are made from."""

    digest: Digest
    """For waves what a digest would say; they have none."""
    outputs: Outputs
    """Of the corpus."""
    segment: SegmentConfig
    """How its utterances were cut."""

    def lost(self, store_root: Path) -> list[str]:
        """Keys of the rows that are not in the store.

        Raises:
            CacheError: if the store cannot be read.
        """
        return Store(store_root, self.digest.spec).missing(list(self.digest.rows.values()))


@dataclass(frozen=True)
class Refilled:
    """What became of the lost rows of one digest."""

    named: Named
    lost: int
    error: str | None
    """Why they were not computed."""

    def sentence(self) -> str:
        """One line about it."""
        whose = f"{self.named.digest.extractor} of {self.named.outputs.corpus}"
        became = f"not computed: {self.error}" if self.error else "computed again"
        return f"{whose}: {counted(self.lost, 'row')} {became}"


def named_rows(workspace: Path, extractor: str | None = None) -> Iterator[Named]:
    """What every digest of a workspace names, corpus by corpus, waves first.

    Args:
        workspace: a checkout.
        extractor: only the rows of this one.

    Raises:
        ConfigError: if params.yaml cannot be read.
        CacheError: if a digest cannot be read.
        ManifestError: if a segment table cannot be read.
    """
    params = load_params(workspace)
    prepared = outputs_of(params, workspace).prepared.parent
    for table in sorted(prepared.glob("*/segments.parquet")):
        outputs = Outputs(workspace, table.parent.name, params.experiment)
        digests = [Digest.read(path) for path in sorted(table.parent.glob("features/*.json"))]
        cuts = [_cut_of(digest.recipe) for digest in digests]
        if extractor in (None, WAVEFORM):
            yield _named_waves(outputs, [params.segment, *cuts])
        for digest, cut in zip(digests, cuts, strict=True):
            if extractor in (None, digest.extractor):
                yield Named(digest, outputs, cut)


def describe_all_again(store_root: Path, named: Sequence[Named]) -> list[str]:
    """Write damaged descriptions of store directories anew; one sentence for each that was.

    Raises:
        StoreVersionError, StoreBusyError, CacheError: as `mfsn.cache.repair.describe_again`.
    """
    digests = {each.digest.store: each.digest for each in named}
    mended = [name for name, digest in digests.items() if describe_again(store_root, digest)]
    return [f"{name}/zarr.json: it was damaged and is written anew" for name in mended]


def refill(store_root: Path, named: Sequence[Named]) -> Iterator[Refilled]:
    """Compute the rows that digests name and the store lacks, and no others.

    Args:
        store_root: root of the feature cache.
        named: from `named_rows`.

    Returns:
        What became of each digest that had lost rows, when it is done.

    Raises:
        CacheError: if the store cannot be read.
    """
    for each in named:
        if lost := len(each.lost(store_root)):
            error = None
            try:
                _compute(each, store_root)
            except MfsnError as reason:
                error = str(reason)
            yield Refilled(each, lost, error)


def extractor_of(named: Named) -> Extractor:
    """The extractor that made the rows of a digest.

    Raises:
        CacheError: if it is not known, or as it is now makes other rows.
        ConfigError, ModelLoadError: as `mfsn.features.registry.remake_extractor`.
    """
    digest, segment = named.digest, named.segment
    if digest.extractor in EXTRACTORS:
        extractor = remake_extractor(
            digest.extractor, digest.about, segment.sample_rate_hz, segment.samples
        )
        if store_spec(extractor, segment_recipe(segment)).identity == digest.spec.identity:
            return extractor
    raise CacheError(
        f"{digest.extractor} as it is here makes other rows than {digest.store} holds (its "
        "weights or its version changed); run `dvc repro` for rows and digest of the present one"
    )


def corpus_folder(named: Named) -> Path:
    """Where the recordings lie that rows are made from.

    Raises:
        CorpusError: if they are not there.
    """
    corpus = named.outputs.corpus
    folder = corpus_root(corpus)
    if not folder.is_dir():
        raise CorpusError(
            f"there is no corpus at {folder}; bring it back, or say where it is with "
            f"{corpus_variable(corpus)}, and run the same command again"
        )
    return folder


def _compute(named: Named, store_root: Path) -> None:
    if named.digest.extractor == WAVEFORM:
        _cut_again(named, store_root)
        return
    extractor = extractor_of(named)
    segments = read_table(named.outputs.segments, SEGMENTS)
    ids = segments["segment_id" if extractor.scope == "segment" else "utterance_id"]
    extract(extractor, segments[ids.isin(list(named.digest.rows))], named.segment, store_root)


def _cut_again(named: Named, store_root: Path) -> None:
    manifest = read_table(named.outputs.manifest, UTTERANCES)
    segment_corpus(manifest, corpus_folder(named), named.segment, store_root)


def _named_waves(outputs: Outputs, cuts: Sequence[SegmentConfig]) -> Named:
    """The waves of a segment table, which says of its rows what they are but not how it was cut."""
    table = read_table(outputs.segments, SEGMENTS)
    cut = next((cut for cut in cuts if _is_cut(table, cut)), cuts[0])
    rows = dict(zip(table["segment_id"], table["row_key"], strict=True))
    return Named(Digest.of(waveform_store(cut, Path()).spec, {}, rows), outputs, cut)


def _is_cut(table: pd.DataFrame, cut: SegmentConfig) -> bool:
    first = table[["audio_sha256", "start_sample", "row_key"]].head(1)
    spec = waveform_store(cut, Path()).spec
    return all(spec.row_key(sha, int(s)) == key for sha, s, key in first.itertuples(index=False))


def _cut_of(recipe: Mapping[str, Any]) -> SegmentConfig:
    segment = recipe["segment"]
    return SegmentConfig(duration_s=segment["duration_s"], sample_rate_hz=segment["sample_rate_hz"])
