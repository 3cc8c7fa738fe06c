"""What a workspace can share: its corpus, and which rows of the store belong to it."""

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
"""Where `scan` writes what the code of each stage means."""


def carried_files(corpus: str) -> list[Path]:
    """The stage outputs beside digests that the stages after `extract` need.

    Args:
        corpus: its name.

    Returns:
        Paths relative to the workspace: manifest and segment table first.
    """
    outputs = Outputs(Path(), corpus, "any")
    excluded = outputs.prepared / "excluded.json"
    return [outputs.manifest, outputs.segments, outputs.files, excluded]


def register(store_root: Path, outputs: Outputs, digests: Iterable[Digest]) -> None:
    """Note in the store that this checkout needs rows, as the stages would have.

    Args:
        store_root: root of the feature cache.
        outputs: of the corpus whose digests these are.
        digests: what names the rows.

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
    """A corpus as the stages prepare, segment and extract left it in a workspace."""

    outputs: Outputs
    segment: SegmentConfig

    @classmethod
    def of_workspace(cls) -> PreparedCorpus:
        """The corpus that params.yaml of the current workspace names.

        Raises:
            WorkspaceError: if the current folder does not lie in a checkout.
            ConfigError: if params.yaml cannot be read.
        """
        workspace = find_workspace()
        params = load_params(workspace)
        return cls(outputs_of(params, workspace), params.segment)

    @property
    def name(self) -> str:
        """The corpus's name."""
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
        """Names of the extractors that have a digest, sorted.

        Raises:
            CacheError: if there is none.
        """
        names = [path.stem for path in self._digest_paths()]
        if not names:
            raise CacheError(
                f"{self.outputs.prepared / 'features'} holds no digest, so that nothing says which "
                "rows are meant; run `dvc repro` or `dvc pull`"
            )
        return names

    def restrictions(self) -> list[str]:
        """Which licences of its recordings are not free to share, one clause each.

        Raises:
            ManifestError: if the manifest is missing or cannot be read.
        """
        return restrictions(self.name, self.manifest())

    def digests(self, extractors: Sequence[str] = (), *, waves: bool = False) -> list[Digest]:
        """The digests of extractors.

        Args:
            extractors: names, `waveform` for the segments' waves; none means all that are there.
            waves: whether the waves count as one of "all".

        Raises:
            CacheError: if a digest is missing or cannot be read.
            ManifestError: if the waves are asked for and there is no segment table.
        """
        everything = [*self.extractors(), WAVEFORM] if waves else self.extractors()
        return [self._digest(name) for name in dict.fromkeys(extractors or everything)]

    def row_keys(self) -> set[str]:
        """Keys of all rows, waves included; none where no segment has been cut yet.

        Raises:
            CacheError, ManifestError: if a digest or the segment table cannot be read.
        """
        if not self.outputs.segments.is_file():
            return set()
        names = [path.stem for path in self._digest_paths()]
        return {key for n in [*names, WAVEFORM] for key in self._digest(n).rows.values()}

    def neighbours(self) -> list[PreparedCorpus]:
        """Every corpus that this workspace has prepared, itself included."""
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
