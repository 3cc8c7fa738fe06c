"""The stages of SEC and TEC where both name one encoder: the first makes the rows of both."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from torch.nn.modules.module import register_module_forward_hook

from mfsn.doctor.encoder_pair import extract_both
from mfsn.doctor.wanted import extractor_of
from mfsn.features.extraction.notes import Check
from mfsn.manifest import SEGMENTS
from mfsn.params import Params, load_params
from mfsn.segments.waves import waveform_store
from mfsn.store.store import Store

SAME = "random/wav2vec2-demo"
COUNT = 3


@pytest.fixture
def workspace(store: Path, tmp_path: Path, checkout: Path) -> Path:
    """A workspace whose two encoders are one."""
    shutil.copyfile(checkout / "dvc.yaml", tmp_path / "dvc.yaml")
    change(tmp_path, yaml.safe_load((checkout / "params.yaml").read_text()))
    return tmp_path


def change(workspace: Path, values: dict[str, Any], **more: str) -> None:
    values["segment"]["duration_s"] = 0.5
    values["sec"]["model"] = values["tec"]["model"] = SAME
    (workspace / "params.yaml").write_text(yaml.safe_dump(values | more, sort_keys=False))


def segments_of(params: Params, store: Path) -> pd.DataFrame:
    waves, rows = waveform_store(params.segment, store), []
    samples = params.segment.samples
    noise = np.random.default_rng(0).normal(0, 3000, (COUNT, samples)).astype(np.int16)
    full = np.full(COUNT, samples)
    with waves.writer() as writer:
        keys = [waves.spec.row_key(f"sha {row}", 0) for row in range(COUNT)]
        counts = dict.fromkeys(("valid_samples", "clipped_samples", "total_samples"), full)
        writer.append(keys, {"wave": noise, **counts})
    for row, key in enumerate(keys):
        rows.append((f"u{row}#0", f"u{row}", 0, 0, samples, 0, f"sha {row}", key))
    return pd.DataFrame(rows, columns=SEGMENTS.names)


@pytest.mark.parametrize(("first", "second"), [("sec", "tec"), ("tec", "sec")])
def test_whichever_runs_first_leaves_nothing_to_the_other(
    workspace: Path, store: Path, first: str, second: str
) -> None:
    params = load_params(workspace)
    segments = segments_of(params, store)
    digest = extract_both(workspace, extractor_of(first, params), segments, store)
    assert digest is not None
    assert (digest.extractor, len(digest.rows)) == (first, COUNT)
    passes: list[str] = []
    hook = register_module_forward_hook(lambda module, *_: passes.append(type(module).__name__))
    try:
        check = Check.of(second, params.section(second), params.segment, store)
        found = check.digest(segments)
    finally:
        hook.remove()
    assert passes == []
    assert found is not None
    assert not Store(store, found.spec).missing(list(found.rows.values()))
    own = extractor_of(second, params)
    assert [array.name for array in found.arrays] == [array.name for array in own.arrays]
    assert found.about == own.about


def test_what_the_system_does_not_read_is_not_made(workspace: Path, store: Path) -> None:
    values = yaml.safe_load((workspace / "params.yaml").read_text())
    change(workspace, values, system="probe")
    params = load_params(workspace)
    sec = extractor_of("sec", params)
    assert extract_both(workspace, sec, segments_of(params, store), store) is None


def test_other_extractors_have_no_pair(workspace: Path, store: Path) -> None:
    params = load_params(workspace)
    mfcc = extractor_of("mfcc", params)
    assert extract_both(workspace, mfcc, segments_of(params, store), store) is None
