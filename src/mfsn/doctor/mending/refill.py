"""Computing lost rows again: the second half of `mfsn cache verify --repair`.

Every digest of a workspace says which rows it names and how they are made, those of corpora that
params.yaml does not name at the moment included. Waves come first, since features are made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mfsn import plugins
from mfsn.base.quantities import counted
from mfsn.errors import CacheError, CorpusError, ManifestError, MfsnError
from mfsn.features.base import Extractor, reach_of, store_spec
from mfsn.features.extraction.extraction import extract
from mfsn.features.extraction.items import transcripts_of
from mfsn.features.registry import remake_extractor
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table
from mfsn.params import load_params, outputs_of
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import segment_corpus, segment_recipe, waveform_store
from mfsn.store.digest import Digest
from mfsn.store.messages import WAVEFORM
from mfsn.store.store import Store
from mfsn.store.upkeep.repair import describe_again
from mfsn.workspace import Outputs, corpus_root, corpus_variable, part_of


@dataclass(frozen=True)
class DigestRows:
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

    named: DigestRows
    lost: int
    error: str | None
    """Why they were not computed."""

    def sentence(self) -> str:
        """One line about it."""
        whose = f"{self.named.digest.extractor} of {self.named.outputs.corpus}"
        became = f"not computed: {self.error}" if self.error else "computed again"
        return f"{whose}: {counted(self.lost, 'row')} {became}"


def digest_rows(
    workspace: Path, extractor: str | None, unreadable: Callable[[str, MfsnError], object]
) -> Iterator[DigestRows]:
    """What every digest of a workspace names, corpus by corpus, waves first.

    Args:
        workspace: a checkout.
        extractor: only the rows of this one.
        unreadable: told of each extractor whose digest (for waves the segment table) cannot be
            read; the others go on.

    Raises:
        ConfigError: if params.yaml cannot be read.
    """
    params = load_params(workspace)
    prepared = outputs_of(params, workspace).prepared.parent
    for table in sorted(prepared.glob("*/segments.parquet")):
        outputs = Outputs(workspace, table.parent.name, params.experiment)
        digests = list(_readable(map(outputs.digest, outputs.extracted), unreadable))
        cuts = [SegmentConfig.of_recipe(digest.recipe.get("segment", {})) for digest in digests]
        if extractor in (None, WAVEFORM):
            try:
                yield _named_waves(outputs, [params.segment, *cuts])
            except ManifestError as error:
                unreadable(WAVEFORM, error)
        for digest, cut in zip(digests, cuts, strict=True):
            if extractor in (None, digest.extractor):
                yield DigestRows(digest, outputs, cut)


def _readable(
    paths: Iterable[Path], unreadable: Callable[[str, MfsnError], object]
) -> Iterator[Digest]:
    for path in paths:
        try:
            yield Digest.read(path)
        except CacheError as error:
            unreadable(path.stem, error)


def describe_all_again(store_root: Path, named: Sequence[DigestRows]) -> list[str]:
    """Write damaged descriptions of store directories anew; one sentence for each that was.

    Raises:
        StoreVersionError, StoreBusyError, CacheError: as `mfsn.store.upkeep.repair.describe_again`.
    """
    digests = {each.digest.store: each.digest for each in named}
    mended = [name for name, digest in digests.items() if describe_again(store_root, digest)]
    return [f"{name}/zarr.json: it was damaged and is written anew" for name in mended]


def refill(store_root: Path, named: Sequence[DigestRows]) -> Iterator[Refilled]:
    """Compute the rows that digests name and the store lacks, and no others.

    Args:
        store_root: root of the feature cache.
        named: from `digest_rows`.

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


def maker_of(named: DigestRows) -> Extractor:
    """The extractor that made the rows of a digest.

    Raises:
        CacheError: if it is not known, or as it is now makes other rows.
        ConfigError, ModelLoadError: as `mfsn.features.registry.remake_extractor`.
    """
    digest, segment = named.digest, named.segment
    if digest.extractor in plugins.names("extractors"):
        cut = (segment.sample_rate_hz, segment.samples, segment.reading)
        extractor = remake_extractor(digest.extractor, digest.about, *cut)
        if store_spec(extractor, segment_recipe(segment)).identity == digest.spec.identity:
            return extractor
    raise CacheError(
        f"{digest.extractor} as it is here makes other rows than {digest.store} holds (its "
        "weights or its version changed); run `dvc repro` for rows and digest of the present one"
    )


def corpus_folder(named: DigestRows, manifest: pd.DataFrame) -> Path:
    """Where the recordings lie that rows are made from.

    Args:
        named: the rows.
        manifest: of their corpus; the parts of a joined one lie in folders of their own.

    Raises:
        CorpusError: if they are not there.
    """
    corpus = named.outputs.corpus
    for name in sorted({part_of(path) or corpus for path in manifest["path"]}):
        if not corpus_root(name).is_dir():
            raise CorpusError(
                f"there is no corpus at {corpus_root(name)}; bring it back, or say where it is "
                f"with {corpus_variable(name)}, and run the same command again"
            )
    return corpus_root(corpus)


def _compute(named: DigestRows, store_root: Path) -> None:
    if named.digest.extractor == WAVEFORM:
        _cut_again(named, store_root)
        return
    extractor = maker_of(named)
    segments = read_table(named.outputs.segments, SEGMENTS)
    ids = segments["segment_id" if extractor.scope == "segment" else "utterance_id"]
    of_text = reach_of(extractor).scope == "text"
    said = transcripts_of(read_table(named.outputs.manifest, UTTERANCES)) if of_text else None
    wanted = segments[ids.isin(list(named.digest.rows))]
    extract(extractor, wanted, named.segment, store_root, transcripts=said)


def _cut_again(named: DigestRows, store_root: Path) -> None:
    manifest = read_table(named.outputs.manifest, UTTERANCES)
    segment_corpus(manifest, corpus_folder(named, manifest), named.segment, store_root)


def _named_waves(outputs: Outputs, cuts: Sequence[SegmentConfig]) -> DigestRows:
    """The waves of a segment table, which says of its rows what they are but not how it was cut."""
    table = read_table(outputs.segments, SEGMENTS)
    cut = next((cut for cut in cuts if _is_cut(table, cut)), cuts[0])
    rows = dict(zip(table["segment_id"], table["row_key"], strict=True))
    return DigestRows(Digest.of(waveform_store(cut, Path()).spec, {}, rows), outputs, cut)


def _is_cut(table: pd.DataFrame, cut: SegmentConfig) -> bool:
    first = table[["audio_sha256", "start_sample", "row_key"]].head(1)
    spec = waveform_store(cut, Path()).spec
    return all(spec.row_key(sha, int(s)) == key for sha, s, key in first.itertuples(index=False))
