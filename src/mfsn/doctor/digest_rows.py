"""Which rows the digests of a workspace name, and what they are made from.

These are the digests of all corpora, also of those that params.yaml does not name at the moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mfsn import plugins
from mfsn.errors import CacheError, CorpusError, ManifestError, MfsnError
from mfsn.features.base import Extractor, store_spec
from mfsn.features.registry import remake_extractor
from mfsn.manifest import SEGMENTS, read_table
from mfsn.params import load_params, outputs_of
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import segment_recipe, waveform_store
from mfsn.store.digest import Digest
from mfsn.store.messages import WAVEFORM
from mfsn.store.store import Store
from mfsn.store.upkeep.repair import describe_again
from mfsn.workspace import Outputs, corpus_root, corpus_variable, part_of


@dataclass(frozen=True)
class DigestRows:
    """The rows that a digest of a workspace names, and what they are made from."""

    digest: Digest
    """Of waves it is made from the segment table, since they have no digest."""
    outputs: Outputs
    """The paths of the corpus."""
    segment: SegmentConfig
    """How the utterances were cut."""

    @property
    def path(self) -> str:
        """Where the digest (of waves the segment table) lies, relative to the workspace."""
        is_wave = self.digest.extractor == WAVEFORM
        path = self.outputs.segments if is_wave else self.outputs.digest(self.digest.extractor)
        return path.relative_to(self.outputs.workspace).as_posix()

    def lost(self, store_root: Path) -> list[str]:
        """Keys of the rows that are not in the store.

        Raises:
            CacheError: if the store cannot be read.
        """
        return Store(store_root, self.digest.spec).missing(self.digest.keys)


def digest_rows(
    workspace: Path, extractor: str | None, unreadable: Callable[[str, MfsnError], object]
) -> Iterator[DigestRows]:
    """What every digest of a workspace names; for each corpus waves come first.

    Args:
        workspace: a checkout.
        extractor: only rows of this extractor; None for all.
        unreadable: called with each extractor whose digest (of waves the segment table) cannot be
            read; it is left out.

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
    """Write damaged descriptions of store directories again; returns a sentence for each of them.

    Raises:
        StoreVersionError, StoreBusyError, CacheError: as `mfsn.store.upkeep.repair.describe_again`.
    """
    digests = {each.digest.store: each.digest for each in named}
    written = [name for name, digest in digests.items() if describe_again(store_root, digest)]
    return [f"{name}/zarr.json: it was damaged, and is written again" for name in written]


def maker_of(named: DigestRows) -> Extractor:
    """The extractor that made the rows of a digest.

    Raises:
        CacheError: if there is no such extractor, or it makes other rows now.
        ConfigError, ModelLoadError: as `mfsn.features.registry.remake_extractor`.
    """
    digest, segment = named.digest, named.segment
    if digest.extractor in plugins.names("extractors"):
        cut = (segment.sample_rate_hz, segment.samples, segment.reading)
        extractor = remake_extractor(digest.extractor, digest.about, *cut)
        if store_spec(extractor, segment_recipe(segment)).identity == digest.spec.identity:
            return extractor
    raise CacheError(
        f"{digest.extractor} now makes other rows than those in {digest.store}, because its "
        "weights or its version changed; run `dvc repro`, which computes rows of the present one"
    )


def corpus_folder(named: DigestRows, manifest: pd.DataFrame) -> Path:
    """The folder of the recordings from which rows are made.

    Args:
        named: the rows.
        manifest: of their corpus; a joined corpus has several folders.

    Raises:
        CorpusError: if they are not there.
    """
    corpus = named.outputs.corpus
    for name in sorted({part_of(path) or corpus for path in manifest["path"]}):
        if not corpus_root(name).is_dir():
            raise CorpusError(
                f"there is no corpus at {corpus_root(name)}; bring it back, or set "
                f"{corpus_variable(name)} to its folder, and run the same command again"
            )
    return corpus_root(corpus)


def _named_waves(outputs: Outputs, cuts: Sequence[SegmentConfig]) -> DigestRows:
    """The waves of a segment table, which does not say how its utterances were cut."""
    table = read_table(outputs.segments, SEGMENTS)
    cut = next((cut for cut in cuts if _is_cut(table, cut)), cuts[0])
    rows = dict(zip(table["segment_id"], table["row_key"], strict=True))
    return DigestRows(Digest.of(waveform_store(cut, Path()).spec, {}, rows), outputs, cut)


def _is_cut(table: pd.DataFrame, cut: SegmentConfig) -> bool:
    first = table[["audio_sha256", "start_sample", "row_key"]].head(1)
    spec = waveform_store(cut, Path()).spec
    return all(spec.row_key(sha, int(s)) == key for sha, s, key in first.itertuples(index=False))
