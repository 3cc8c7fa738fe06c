"""Extraction beside the plain way: segments a second, what bfloat16 costs, where the time goes.

Usage: python benchmarks/extract.py [--corpus FOLDER] [--segments 24] [--rounds 5] [--size base]

Both sides decode, resample and cut the same files, and bring the hidden states of both encoders,
the spectrogram and the MFCC of every segment to disk. Ours are the stages `segment` and `extract`
into an empty store. The plain way takes one file at a time: transformers in float32, librosa, one
.npy for each array of each segment. Encoders are loaded, and a first file is done, before the clock
starts. The sides take turns in every round, with as many threads each; medians over the rounds are
printed. Files are made (48 kHz, 5 s each), or taken from a folder. Encoders have random weights of
the published sizes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
import pandas as pd
import soundfile
import torch
from machine import best, matrix_rate
from torch.utils.flop_counter import FlopCounterMode

from mfsn import runtime
from mfsn.audio.decoding import to_float32
from mfsn.base.arrays import Float32
from mfsn.encoders.loading import Encoder, load_encoder
from mfsn.features.base import Extractor, store_spec
from mfsn.features.config import EncoderConfig, MfccConfig, SpectrogramConfig
from mfsn.features.extraction.extraction import extract
from mfsn.features.registry import make_extractor
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import segment_corpus, segment_recipe, waveform_store
from mfsn.store.store import Store
from mfsn.store.writer import write_shard

SEGMENT = SegmentConfig(duration_s=3.0, sample_rate_hz=16_000)
ENCODERS = {"sec": "data2vec-audio", "tec": "wav2vec2"}
PLAIN = "plain way, float32"
Rows = dict[str, npt.NDArray[Any]]
Seconds = dict[str, dict[str, float]]
"""Of every side, of every part."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="a folder of audio files (default: made ones)")
    parser.add_argument("--segments", type=int, default=24, help="about how many")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", choices=["demo", "small", "base"], default="base")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.setdefault("MFSN_STORE", str(folder / "checkpoints"))
        torch.set_num_threads(runtime.threads())
        files = some_files(asked.corpus, asked.segments, folder)
        sides, encoders = make_sides(asked.size), load_plain(asked.size)
        one_round(files.head(1), sides, encoders, folder / "first")  # libraries load, graphs form
        rounds = [one_round(files, sides, encoders, folder / str(i)) for i in range(asked.rounds)]
        waves = some_waves(files, folder / "0" / next(iter(sides)))
        print_ratios(rounds, len(waves))
        print_costs(sides, waves)
        counted = {name: operations(encoder) for name, encoder in encoders.items()}
        for side, extractors in sides.items():
            print_rates(side, extractors, counted, waves, [one[side] for one in rounds])


def some_files(corpus: Path | None, segments: int, folder: Path) -> pd.DataFrame:
    """A manifest of files of about so many segments, as the segment stage reads it."""
    root = corpus or make_files(folder / "audio", segments // 2)
    paths, left = [], segments
    for path in sorted(root.rglob("*.wav")):
        if left > 0:
            paths.append(path)
            left -= -(-int(soundfile.info(path).duration * 1000) // 3000)
    shas = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    names = [path.stem for path in paths]
    return pd.DataFrame({"utterance_id": names, "path": map(str, paths), "audio_sha256": shas})


def make_files(folder: Path, files: int) -> Path:
    """Voiced sounds of 5 s at 48 kHz, 16 bits."""
    folder.mkdir()
    rng, clock = np.random.default_rng(0), np.arange(5 * 48_000) / 48_000
    for number in range(files):
        phase = 2 * np.pi * rng.uniform(90, 300) * (clock + 0.1 * np.sin(4 * clock))
        voice = sum(np.sin(k * phase) / k for k in range(1, 9)) * (0.3 + np.sin(9 * clock) ** 2)
        wave = 0.1 * (voice + 0.05 * rng.standard_normal(len(clock)))
        soundfile.write(folder / f"{number:04d}.wav", wave, 48_000, subtype="PCM_16")
    return folder


def make_sides(size: str) -> dict[str, list[Extractor]]:
    """Our extractors, by precision of the encoders."""
    return {f"mfsn, {p}": make_extractors(size, p) for p in ("float32", "bfloat16")}


def make_extractors(size: str, precision: str) -> list[Extractor]:
    last = 12 if size == "base" else 4
    levels = {"sec": {"low": 1, "mid": last // 2, "high": last}, "tec": {"last": -1}}
    configs: dict[str, Any] = {
        name: EncoderConfig.parse(
            {"model": f"random/{kind}-{size}", "levels": levels[name], "precision": precision}, name
        )
        for name, kind in ENCODERS.items()
    } | {"spectrogram": SpectrogramConfig(), "mfcc": MfccConfig()}
    rate, samples = SEGMENT.sample_rate_hz, SEGMENT.samples
    return [make_extractor(name, config, rate, samples) for name, config in configs.items()]


def load_plain(size: str) -> dict[str, Encoder]:
    encoders = {name: load_encoder(f"random/{k}-{size}", None) for name, k in ENCODERS.items()}
    for encoder in encoders.values():
        encoder.model.to(runtime.device())
    return encoders


def one_round(
    files: pd.DataFrame,
    sides: Mapping[str, list[Extractor]],
    encoders: Mapping[str, Encoder],
    folder: Path,
) -> Seconds:
    """Seconds of every part of every side, in this order, each into a folder of its own."""
    found = {side: ours(files, own, folder / side) for side, own in sides.items()}
    found[PLAIN] = plain(files, encoders, folder / "plain")
    return found


def ours(files: pd.DataFrame, extractors: list[Extractor], store: Path) -> dict[str, float]:
    clock = Clock()
    table = segment_corpus(files, Path(), SEGMENT, store)
    clock.lap("decode, resample, cut")
    for extractor in extractors:
        extract(extractor, table, SEGMENT, store)
        clock.lap(extractor.name)
    return clock.parts


def plain(files: pd.DataFrame, encoders: Mapping[str, Encoder], folder: Path) -> dict[str, float]:
    folder.mkdir(parents=True)
    clock = Clock()
    for name, path in files[["utterance_id", "path"]].itertuples(index=False):
        wave, _ = librosa.load(path, sr=SEGMENT.sample_rate_hz)
        pieces = [wave[i : i + SEGMENT.samples] for i in range(0, len(wave), SEGMENT.samples)]
        clock.lap("decode, resample, cut")
        for number, piece in enumerate(pieces):
            for array, values in plain_rows(piece, encoders, clock):
                np.save(folder / f"{name}_{number}_{array}.npy", values)
                clock.lap("write")
    return clock.parts


def plain_rows(piece: Float32, encoders: Mapping[str, Encoder], clock: Clock) -> Any:
    """Array name and values of one segment, as transformers and librosa give them."""
    for name, encoder in encoders.items():
        hidden = plain_hidden_states(piece, encoder)
        last = len(hidden) - 1
        clock.lap(name)
        for index in (1, last // 2, last) if name == "sec" else (last,):
            yield f"{name}{index}", hidden[index][0].cpu().numpy().astype(np.float16)
    padded = librosa.util.fix_length(piece, size=SEGMENT.samples)
    stft = librosa.stft(padded, n_fft=800, win_length=640, hop_length=160, window="hamming")
    level = librosa.amplitude_to_db(np.abs(stft), ref=1.0, top_db=None)[:200, :300]
    clock.lap("spectrogram")
    yield "spectrogram", level.T.astype(np.float16)
    rate = SEGMENT.sample_rate_hz
    mfcc = librosa.feature.mfcc(y=padded, sr=rate, n_mfcc=40, hop_length=160, htk=True)
    clock.lap("mfcc")
    yield "mfcc", mfcc[:, :300].T


@torch.no_grad()
def plain_hidden_states(piece: Float32, encoder: Encoder) -> tuple[torch.Tensor, ...]:
    inputs = encoder.preprocessor(
        piece,
        sampling_rate=SEGMENT.sample_rate_hz,
        padding="max_length",
        max_length=SEGMENT.samples,
        return_tensors="pt",
    ).to(runtime.device())
    found: tuple[torch.Tensor, ...] = encoder.model(**inputs, output_hidden_states=True)[-1]
    return found


class Clock:
    """Seconds by part."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = defaultdict(float)
        self._since = time.perf_counter()

    def lap(self, part: str) -> None:
        """Count the time since the last lap for a part."""
        now = time.perf_counter()
        self.parts[part] += now - self._since
        self._since = now


def some_waves(files: pd.DataFrame, store: Path) -> Float32:
    """The waves of all segments, as a store holds them."""
    table = segment_corpus(files, Path(), SEGMENT, store)
    keys = list(table["row_key"])
    return to_float32(waveform_store(SEGMENT, store).read(keys, ["wave"])["wave"])


def print_ratios(rounds: list[Seconds], segments: int) -> None:
    device, threads = runtime.device(), runtime.threads()
    print(f"{segments} segments of 3 s, {len(rounds)} rounds; {device}, {threads} threads a side")
    print("| side | segments/s | times the plain way | shares of the time |\n|---|---|---|---|")
    for side in rounds[0]:
        totals = [sum(one[side].values()) for one in rounds]
        ratios = [sum(one[PLAIN].values()) / sum(one[side].values()) for one in rounds]
        speed, ratio = segments / statistics.median(totals), statistics.median(ratios)
        print(f"| {side} | {speed:.2f} | {ratio:.2f} | {shares([one[side] for one in rounds])} |")


def shares(rounds: list[dict[str, float]]) -> str:
    parts = {part: statistics.median(one[part] for one in rounds) for part in rounds[0]}
    whole = sum(parts.values())
    return ", ".join(f"{part} {100 * seconds / whole:.1f} %" for part, seconds in parts.items())


def print_costs(sides: Mapping[str, list[Extractor]], waves: Float32) -> None:
    exact, rough = ({e.name: e for e in side[: len(ENCODERS)]} for side in sides.values())
    print("\nbfloat16 against float32, all values of a level, stored as float16:")
    print("| level | relative error | cosine |\n|---|---|---|")
    for name, extractor in exact.items():
        theirs = rows_of(rough[name], waves)
        for level, was in rows_of(extractor, waves).items():
            a, b = was.astype(np.float64).ravel(), theirs[level].astype(np.float64).ravel()
            error, cosine = norm(b - a) / norm(a), a @ b / norm(a) / norm(b)
            print(f"| {name} {level} | {error:.4f} | {cosine:.6f} |")


def norm(values: npt.NDArray[np.float64]) -> float:
    return float(np.linalg.norm(values))


def rows_of(extractor: Extractor, waves: Float32) -> Rows:
    """Rows of whole batches, the waves repeated to fill the last one."""
    size = extractor.batch_rows
    waves = np.resize(waves, (-(-len(waves) // size) * size, waves.shape[1]))
    valid = np.full(size, waves.shape[1])
    batches = [extractor.extract(waves[i : i + size], valid) for i in range(0, len(waves), size)]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def print_rates(
    side: str,
    extractors: list[Extractor],
    operations: Mapping[str, int],
    waves: Float32,
    rounds: list[dict[str, float]],
) -> None:
    """Of the encoders alone and of shard writes alone, and the stage beside the slower of them."""
    precision = side.rpartition(" ")[2]
    peak = matrix_rate(getattr(torch, precision))
    print(f"\n{side}: matrix rate {peak / 1e9:.0f} GFLOP/s")
    print("| extractor | encoder alone, segments/s | of the matrix rate | shards alone, segments/s "
          "| stage, of the slower |\n|---|---|---|---|---|")  # fmt: skip
    for extractor in extractors[: len(ENCODERS)]:
        rows = rows_of(extractor, waves)
        count = len(next(iter(rows.values())))
        alone = count / best(lambda extractor=extractor: rows_of(extractor, waves))
        writes = written_per_second(extractor, rows)
        stage = len(waves) / min(one[extractor.name] for one in rounds)
        share = alone * operations[extractor.name] / peak
        print(f"| {extractor.name} | {alone:.2f} | {100 * share:.0f} % | {writes:.0f} "
              f"| {100 * stage / min(alone, writes):.0f} % |")  # fmt: skip


def written_per_second(extractor: Extractor, rows: Rows) -> float:
    """Rows, as one shard, flushed to disk where temporary files lie."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), store_spec(extractor, segment_recipe(SEGMENT)))
        with store.writer() as writer:
            layout = writer.layout
        most = {name: values[: layout.rows_per_shard] for name, values in rows.items()}
        keys = [str(row) for row in range(len(next(iter(most.values()))))]
        taken: float = best(lambda: write_shard(layout, 0, keys, most))
        return len(keys) / taken


def operations(encoder: Encoder) -> int:
    """Floating-point operations of a segment."""
    with FlopCounterMode(display=False) as counter:
        plain_hidden_states(np.zeros(SEGMENT.samples, np.float32), encoder)
    return int(counter.get_total_flops())


if __name__ == "__main__":
    main()
