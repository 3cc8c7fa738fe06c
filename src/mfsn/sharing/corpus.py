"""What a workspace can share: its corpus, and the rows of the store that belong to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from mfsn.errors import CacheError
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table
from mfsn.params import load_params, outputs_of
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import waveform_store
from mfsn.sharing.licence import restrictions
from mfsn.store.digest import Digest
from mfsn.store.messages import WAVEFORM
from mfsn.store.owners import register_owner
from mfsn.workspace import Outputs, find_workspace, main_checkout

CODE = "data/code"
"""The folder to which `scan` writes hashes of the code of each stage."""


def carried_files(corpus: str) -> list[Path]:
    """The stage outputs, apart from digests, that the stages after `extract` need.

    Args:
        corpus: the name of the corpus.

    Returns:
        Paths relative to the workspace; the manifest and the segment table come first.
    """
    outputs = Outputs(Path(), corpus, "any")
    excluded = outputs.prepared / "excluded.json"
    return [outputs.manifest, outputs.segments, outputs.files, excluded]


def register(store_root: Path, outputs: Outputs, digests: Iterable[Digest]) -> None:
    """Note in the store that this checkout needs rows, as the stages do.

    Args:
        store_root: root of the feature cache.
        outputs: the outputs of the corpus to which the digests belong.
        digests: name the rows.

    Raises:
        CacheError: if the notes cannot be written.
    """
    for digest in digests:
        path = (
            outputs.segments if digest.extractor == WAVEFORM else outputs.digest(digest.extractor)
        )
        named_by = path.relative_to(outputs.workspace)
        register_owner(store_root, main_checkout(), named_by, digest.store)


@dataclass(frozen=True)
class PreparedCorpus:
    """A corpus in a workspace after the stages prepare, segment and extract."""

    outputs: Outputs
    segment: SegmentConfig

    @classmethod
    def of_workspace(cls) -> PreparedCorpus:
        """The corpus that params.yaml of the current workspace names.

        Raises:
            WorkspaceError: if the current folder is not in a checkout.
            ConfigError: if params.yaml cannot be read.
        """
        workspace = find_workspace()
        params = load_params(workspace)
        return cls(outputs_of(params, workspace), params.segment)

    @property
    def name(self) -> str:
        """The name of the corpus."""
        return self.outputs.corpus

    def manifest(self) -> pd.DataFrame:
        """The utterances.

        Raises:
            ManifestError: if the table is missing or cannot be read.
        """
        return read_table(self.outputs.manifest, UTTERANCES)

    def segments(self) -> pd.DataFrame:
        """The segment table.

        Raises:
            ManifestError: if the table is missing or cannot be read.
        """
        return read_table(self.outputs.segments, SEGMENTS)

    def extractors(self) -> list[str]:
        """The names of the extractors that have a digest, sorted.

        Raises:
            CacheError: if there is no digest.
        """
        names = [path.stem for path in self._digest_paths()]
        if not names:
            raise CacheError(
                f"{self.outputs.prepared / 'features'} contains no digest, which would name the "
                "rows; run `dvc repro` or `dvc pull`"
            )
        return names

    def restrictions(self) -> list[str]:
        """The licences of its recordings that are not free to share, one clause per licence.

        Raises:
            ManifestError: if the manifest is missing or cannot be read.
        """
        return restrictions(self.name, self.manifest())

    def digests(self, extractors: Sequence[str] = (), *, waves: bool = False) -> list[Digest]:
        """The digests of extractors.

        Args:
            extractors: their names, with `waveform` for the segments' waves; by default all that
                have a digest.
            waves: whether the default includes the waves.

        Raises:
            CacheError: if a digest is missing or cannot be read.
            ManifestError: if the waves are requested, but there is no segment table.
        """
        everything = [*self.extractors(), WAVEFORM] if waves else self.extractors()
        return [self._digest(name) for name in dict.fromkeys(extractors or everything)]

    def row_keys(self) -> set[str]:
        """The keys of all rows, including waves; empty if no segments have been cut yet.

        Raises:
            CacheError, ManifestError: if a digest or the segment table cannot be read.
        """
        if not self.outputs.segments.is_file():
            return set()
        names = [path.stem for path in self._digest_paths()]
        return {key for n in [*names, WAVEFORM] for key in self._digest(n).keys}

    def neighbours(self) -> list[PreparedCorpus]:
        """Every corpus that this workspace has prepared, including this one."""
        found = sorted(self.outputs.prepared.parent.glob("*/manifest.parquet"))
        names = [path.parent.name for path in found]
        outputs = [replace(self.outputs, corpus=name) for name in names]
        return [PreparedCorpus(one, self.segment) for one in outputs]

    def _digest_paths(self) -> list[Path]:
        return [self.outputs.digest(name) for name in self.outputs.extracted]

    def _digest(self, extractor: str) -> Digest:
        if extractor != WAVEFORM:
            return Digest.read(self.outputs.digest(extractor))
        segments = self.segments()
        rows = dict(zip(segments["segment_id"], segments["row_key"], strict=True))
        spec = waveform_store(self.segment, self.outputs.workspace).spec
        return Digest.of(spec, {}, dict(sorted(rows.items())))
