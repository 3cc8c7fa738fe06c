"""SEC and TEC that are joined frame by frame need as many frames, and that is said early."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mfsn.errors import ConfigError
from mfsn.manifest import SEGMENTS, write_table
from mfsn.models.config import ModelConfig, NetworkParts
from mfsn.models.frames import joins_frames, refuse_unlike_frames
from mfsn.params import Params, load_params
from mfsn.protocols.config import ProtocolConfig
from mfsn.segments.config import SegmentConfig
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.systems.search import run_search
from mfsn.training.experiment import Experiment
from mfsn.training.system import get_system
from mfsn.workspace import Outputs

DUAL, JOINT = ModelConfig(), ModelConfig(streams="joint")
FUSED = NetworkParts(encoders=("sec", "tec"), fused=True)
BOTH = NetworkParts(encoders=("sec", "tec"))
ONE = NetworkParts(encoders=("sec",))


@pytest.mark.parametrize(
    ("parts", "model", "joins"),
    [
        (FUSED, DUAL, True), (FUSED, JOINT, True), (BOTH, JOINT, True),
        (BOTH, DUAL, False), (ONE, JOINT, False), (NetworkParts(), DUAL, False),
    ],
)  # fmt: skip
def test_only_networks_that_join_frames_ask_for_as_many(
    parts: NetworkParts, model: ModelConfig, joins: bool
) -> None:
    unlike = {"sec": 150, "tec": 149, "spectrogram": 300}
    assert joins_frames(parts, model) is joins
    refuse_unlike_frames(parts, model, {"sec": 149, "tec": 149})
    if not joins:
        refuse_unlike_frames(parts, model, unlike)
        return
    with pytest.raises(ConfigError, match="SEC has 150 frames per segment and TEC 149") as error:
        refuse_unlike_frames(parts, model, unlike)
    assert "\n" not in str(error.value)
    assert "streams: dual" in str(error.value)


def test_a_search_is_refused_before_any_row_is_read(checkout: Path, tmp_path: Path) -> None:
    params, outputs = load_params(checkout), Outputs(tmp_path, "toy", "test")
    for name, frames in (("sec", 150), ("tec", 149), ("spectrogram", 300), ("mfcc", 300)):
        spec = StoreSpec(
            name, {}, (ArraySpec("last", (frames, 4), "float16", ("frame", "feature")),)
        )
        Digest.of(spec, {}, {"nowhere#0": "no such row"}).write(outputs.digest(name))
    with pytest.raises(ConfigError, match="SEC has 150 frames per segment and TEC 149"):
        run_search(_experiment(params, outputs, tmp_path / "store"))
    assert not outputs.search.exists()


def _experiment(params: Params, outputs: Outputs, store: Path) -> Experiment:
    return Experiment(
        system=get_system("mfsn"), seeds=(0,), labels=params.labels, segment=SegmentConfig(),
        protocol=ProtocolConfig(name="leave_one_session_out"), model=DUAL,
        optimisation=params.optimisation, search=params.search, selection=params.selection,
        outputs=outputs, store=store, code={},
    )  # fmt: skip


def test_extraction_is_refused_before_a_row_is_computed(checkout: Path, tmp_path: Path) -> None:
    said = _extract(checkout, tmp_path, "sec")
    assert said.returncode == 2
    assert said.stderr.startswith("extract@sec: SEC has 150 frames per segment and TEC 149")
    assert said.stderr.count("\n") == 1


def _extract(checkout: Path, workspace: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Run the stage on a corpus without segments, Whisper in one place, wav2vec2 in the other."""
    params = yaml.safe_load((checkout / "params.yaml").read_text("utf-8"))
    params["sec"] |= {"model": "random/whisper-demo", "levels": {"low": 1, "high": 4}}
    (workspace / ".git").mkdir()
    (workspace / ".dvc").mkdir()
    (workspace / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), "utf-8")
    for copied in ("dvc.yaml", "pyproject.toml"):
        shutil.copy(checkout / copied, workspace)
    for linked in ("src", "stages"):
        shutil.copytree(
            checkout / linked, workspace / linked, ignore=shutil.ignore_patterns("__pycache__")
        )
    nothing = pd.DataFrame({column: [] for column in SEGMENTS.names})
    write_table(Outputs(workspace, params["corpus"]["name"], "x").segments, nothing, SEGMENTS)
    environment = {k: v for k, v in os.environ.items() if k != "DVC_ROOT"}
    return subprocess.run(
        [sys.executable, "stages/extract.py", name],
        cwd=workspace, check=False, capture_output=True, text=True,
        env=environment | {"MFSN_STORE": str(workspace / "store"), "MFSN_DEVICE": "cpu"},
    )  # fmt: skip
