"""A toy experiment: real tables, a real store with random rows, networks as narrow as can be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from mfsn import plugins
from mfsn.corpora.config import LabelsConfig
from mfsn.manifest import SEGMENTS, UTTERANCES, write_table
from mfsn.models.config import ModelConfig
from mfsn.protocols.config import ProtocolConfig
from mfsn.segments.config import SegmentConfig
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.training.config import (
    OptimisationConfig,
    SearchConfig,
    SelectionConfig,
)
from mfsn.training.experiment import Experiment
from mfsn.training.system import get_system
from mfsn.workspace import Outputs

CLASSES = ("calm", "loud")
SAMPLES = 400
FRAMES, WIDTH, BINS, COEFFICIENTS = 5, 4, 8, 3
ENCODER = ("frame", "feature")
ARRAYS = {
    "sec": tuple(
        ArraySpec(level, (FRAMES, WIDTH), "float16", ENCODER) for level in ("low", "mid", "high")
    ),
    "tec": (ArraySpec("last", (FRAMES, WIDTH), "float16", ENCODER),),
    "spectrogram": (
        ArraySpec("level_db", (12, BINS), "float16", ("frame", "bin")),
        ArraySpec("max_db", (), "float32", ()),
    ),
    "mfcc": (ArraySpec("mfcc", (10, COEFFICIENTS), "float32", ("frame", "coefficient")),),
    "functionals": (ArraySpec("functionals", (6,), "float32", ("functional",)),),
}

WEIGHTS = {"sec": "random weights", "tec": "random weights"}

ToyMaker = Callable[..., Experiment]
MakePlugin = Callable[..., None]


def toy_manifest(sessions: int = 3, speakers: int = 2, takes: int = 3) -> pd.DataFrame:
    """Utterances of both classes by every speaker; written out, not taken from mfsn.corpora."""
    records = [
        {
            "utterance_id": f"s{session}p{speaker}{emotion}{take}",
            "path": f"{session}/{speaker}/{emotion}{take}.wav",
            "audio_sha256": f"sha-{session}-{speaker}-{emotion}-{take}",
            "speaker": f"spk{session}{speaker}",
            "session": f"ses{session}",
            "gender": None,
            "emotion": emotion,
            "transcript": None,
            "split": None,
            "congruent": None,
            "duration_s": 1.0,
            "licence": "none",
        }
        for session in range(sessions)
        for speaker in range(speakers)
        for emotion in CLASSES
        for take in range(takes)
    ]
    return pd.DataFrame(records).assign(valence=np.nan, arousal=np.nan, dominance=np.nan)


def toy_segments(manifest: pd.DataFrame) -> pd.DataFrame:
    """One segment an utterance, two for every third; the last of them is half padding."""
    records = [
        {
            "segment_id": f"{row.utterance_id}#{index}",
            "utterance_id": row.utterance_id,
            "index": index,
            "start_sample": index * SAMPLES,
            "valid_samples": SAMPLES if index == 0 else SAMPLES // 2,
            "clipped_samples": 0,
            "audio_sha256": row.audio_sha256,
            "row_key": "none",
        }
        for number, row in enumerate(manifest.itertuples())
        for index in range(2 if number % 3 == 0 else 1)
    ]
    return pd.DataFrame(records)


def write_features(
    outputs: Outputs, store: Path, values: dict[str, dict[str, Any]], about: dict[str, Any]
) -> None:
    """Put rows into the store: extractor, then segment or utterance id, to a seed and a shift."""
    for name, rows in values.items():
        spec = StoreSpec(name, {"toy": 1}, ARRAYS[name])
        toy = Store(store, spec)
        keys = {row: spec.row_key(f"{row}{value}", 0) for row, value in rows.items()}
        with toy.writer() as writer:
            arrays = {a.name: np.stack([_row(a, *v) for v in rows.values()]) for a in spec.arrays}
            writer.append(list(keys.values()), arrays)
        config: dict[str, Any] = {"model": f"random/{name}", "revision": None, "levels": {}}
        digest = Digest.of(
            spec, {"config": config, "weights": WEIGHTS.get(name, "none")} | about, keys
        )
        digest.write(outputs.digest(name))


def _row(array: ArraySpec, seed: int, shift: float) -> Any:
    noise = np.random.default_rng([seed, len(array.name)]).normal(size=array.shape)
    return (noise + shift).astype(array.dtype)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As in the stages; more threads round differently."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def toy(tmp_path: Path) -> ToyMaker:
    """Makes a toy experiment; keywords replace its fields, `separation` parts the classes."""

    def make(
        separation: float = 1.0,
        manifest: pd.DataFrame | None = None,
        about: dict[str, Any] | None = None,
        folder: str = "toy",
        **fields: Any,
    ) -> Experiment:
        outputs = Outputs(tmp_path / folder, "toy", "test")
        table = toy_manifest() if manifest is None else manifest
        segments = toy_segments(table)
        write_table(outputs.manifest, table, UTTERANCES)
        write_table(outputs.segments, segments, SEGMENTS)
        shift = dict(
            zip(table["utterance_id"], (table["emotion"] == "loud") * separation, strict=True)
        )
        of_utterances = {u: (i, shift[u]) for i, u in enumerate(table["utterance_id"])}
        ids = zip(segments["segment_id"], segments["utterance_id"], strict=True)
        of_segments = {s: (i, shift[u]) for i, (s, u) in enumerate(ids)}
        values = {n: of_utterances if n == "functionals" else of_segments for n in ARRAYS}
        write_features(outputs, tmp_path / "store", values, about or {})
        if "system" in fields:
            fields["system"] = get_system(fields["system"])
        return replace(_defaults(outputs, tmp_path / "store"), **fields)

    return make


def _defaults(outputs: Outputs, store: Path) -> Experiment:
    return Experiment(
        system=get_system("mfsn"),
        seeds=(0,),
        labels=LabelsConfig(classes=list(CLASSES)),
        segment=SegmentConfig(duration_s=SAMPLES / 16_000),
        protocol=ProtocolConfig(name="leave_one_session_out"),
        model=ModelConfig(
            projection=4, hidden=4, alexnet_width=0.03, image_px=(64, 64), mfcc_hidden=2,
            mfcc_layers=1, mfcc_dropout=0.0,
        ),
        optimisation=OptimisationConfig(epochs=3, patience=8, batch_size=8, lr=0.01),
        search=SearchConfig(),
        selection=SelectionConfig(),
        outputs=outputs,
        store=store,
        code={"module": "hash"},
    )  # fmt: skip


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePlugin]:
    """Puts a distribution with entry points on the path, as an installer would; once per name."""
    modules = set(sys.modules)

    def make(name: str, entry_points: str, version: str = "1.0", **sources: str) -> None:
        site = tmp_path / f"site of {name}"
        about = site / f"{name.replace('-', '_')}-{version}.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        (about / "entry_points.txt").write_text(entry_points)
        for module, source in sources.items():
            (site / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(site)
        plugins._added.cache_clear()

    plugins._added.cache_clear()
    yield make
    plugins._added.cache_clear()
    for module in set(sys.modules) - modules:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[module]


# Waves and tiny checkpoints, for the tests of encoders and of extractors

SOUND_HZ = 16_000
SOUND_SAMPLES = 8_000

Waves = npt.NDArray[np.float32]
MakeCheckpoint = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of the test's own."""
    monkeypatch.setenv("MFSN_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture(scope="session")
def waves() -> Waves:
    """Thirteen voiced sounds of half a second: pitch, loudness and noise differ; 16-bit."""
    time = np.arange(SOUND_SAMPLES) / SOUND_HZ
    rng = np.random.default_rng(0)
    sounds = []
    for pitch_hz in np.linspace(90, 330, 13):
        phase = 2 * np.pi * pitch_hz * (time + 0.1 * np.sin(4 * time))
        voice = sum(np.sin(k * phase) / k for k in range(1, 9)) * (0.3 + np.sin(9 * time) ** 2)
        sounds.append(rng.uniform(0.02, 0.2) * (voice + 0.05 * rng.standard_normal(SOUND_SAMPLES)))
    rounded: Waves = (np.rint(np.stack(sounds) * 32767) / 32768).astype(np.float32)
    return rounded


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> MakeCheckpoint:
    """Make a folder with a tiny encoder as transformers writes it."""

    def make(
        kind: str = "wav2vec2", *, mask: bool = False, rate: int = SOUND_HZ, **more: Any
    ) -> Path:
        import torch
        from transformers import AutoConfig, AutoModel, Wav2Vec2FeatureExtractor

        torch.manual_seed(0)
        config = AutoConfig.for_model(kind, **(TINY_ENCODER | more))
        folder = tmp_path / "checkpoints" / f"{kind}-{len(list(tmp_path.glob('checkpoints/*')))}"
        AutoModel.from_config(config).save_pretrained(folder)
        Wav2Vec2FeatureExtractor(
            sampling_rate=rate, do_normalize=True, return_attention_mask=mask
        ).save_pretrained(folder)
        return folder

    return make


TINY_ENCODER = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 5,
    "num_conv_pos_embedding_groups": 2,
}
