"""What the workers of a cluster do in an extraction."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace

import pytest

from mfsn.errors import ClusterError
from mfsn.features.ray.job import ExtractionJob
from mfsn.segments.config import SegmentConfig
from mfsn.store.layout import Layout
from mfsn.store.spec import StoreSpec


def test_a_node_whose_encoder_has_other_files_is_told(tmp_path: Path) -> None:
    says = {"parameters": {"weights": "there"}, "arrays": (), "scope": "segment"}
    facts = {"name": "sec", "version": 1, **says}
    staging = Layout(tmp_path, StoreSpec("sec", {"parameters": {"weights": "here"}}, ()), 4)
    make = functools.partial(SimpleNamespace, **facts)
    segment = SegmentConfig(duration_s=1.0, sample_rate_hz=8000)
    job = ExtractionJob(make, segment, tmp_path, staging)
    with pytest.raises(ClusterError, match="makes another sec"):
        job.open()
