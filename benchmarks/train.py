"""Training and search from the cache beside the published way: the encoder inside every step.

Usage: python benchmarks/train.py [--systems coattention mfsn] [--devices cpu cuda] [--batch 16]
       [--rounds 3] [--size base] [--precision float32]

Three sides take turns in every round, each with as many threads and in the same precision, at the
paper's sizes; first on the processor and then on the GPU, where there is one:

- trained inside: waves go through the encoders and the network, and AdamW changes the weights of
  all of them (CA-MSER; for MFSN the facts' reading, since it says nothing).
- frozen inside: the same, but the encoders only compute.
- from the cache: `mfsn`'s own loop over rows that were extracted before.

A side does its first steps before the clock starts. Medians over the rounds are extrapolated to an
epoch of 8,800 segments, a fold of IEMOCAP. The floor of the cached side is the number of operations
of its step over the rate at which this machine multiplies large matrices. Weights and waves are
random, which changes no figure here. The fold's features lie on the device, as in training.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from machine import matrix_rate
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from mfsn import runtime
from mfsn.encoders.loading import load_encoder
from mfsn.models.config import ModelConfig
from mfsn.models.inputs import (
    ACOUSTIC,
    LEVEL_DB,
    MFCC,
    UTTERANCE_MAX_DB,
    Features,
    InputShapes,
    Source,
)
from mfsn.models.network import SerNetwork, build_network
from mfsn.training.config import OptimisationConfig, SearchConfig
from mfsn.training.data.fold_data import Part
from mfsn.training.data.rows import Rows
from mfsn.training.loop import Solver
from mfsn.training.system import get_system

EPOCH_SEGMENTS = 8_800
SAMPLES = 48_000
CLASSES = 4
ENCODERS = {"sec": "data2vec-audio", "tec": "wav2vec2"}
READS = {"coattention": ("sec",), "mfsn": ("sec", "tec")}
"""The encoders that a system reads."""
System = Literal["coattention", "mfsn"]
Precision = Literal["float32", "bfloat16"]
DEFAULT_BATCH = {"cpu": 16, "cuda": 64}
STEPS = {"cpu": (1, 2), "cuda": (10, 50)}
"""Steps of a round: with encoders inside, from the cache."""
Step = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", nargs="+", choices=list(READS), default=list(READS))
    parser.add_argument("--devices", nargs="+", choices=["cpu", "cuda"], default=devices())
    parser.add_argument("--batch", type=int, help="segments a step; else 16, on a GPU 64 (CA-MSER)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", choices=["demo", "small", "base"], default="base")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    asked = parser.parse_args()
    torch.set_num_threads(runtime.threads())
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("MFSN_STORE", folder)
        for device in asked.devices:
            os.environ["MFSN_DEVICE"] = device
            measure(device, asked)


def devices() -> list[str]:
    """The processor, and the GPU where there is one."""
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def measure(device: str, asked: argparse.Namespace) -> None:
    """All systems on one device."""
    batch = asked.batch or DEFAULT_BATCH[device]
    rate = matrix_rate(getattr(torch, asked.precision))
    print(
        f"\n{device}, {runtime.threads()} threads a side, {asked.precision}, batch {batch}, "
        f"encoders of size {asked.size}; matrix rate {rate / 1e9:.0f} GFLOP/s"
    )
    for system in asked.systems:
        bench = Bench(system, batch, asked.size, asked.precision)
        print_table(system, bench.rounds(asked.rounds), batch)
        print_floor(bench, rate)


class Bench:
    """The three sides of one system, each with a network of its own."""

    def __init__(self, system: System, batch: int, size: str, precision: Precision) -> None:
        self.system: System = system
        self.batch, self.precision = batch, precision
        self.device = runtime.device()
        self.inside, self.steps = STEPS[self.device]
        self.encoders: dict[str, Any] = {
            name: load_encoder(f"random/{ENCODERS[name]}-{size}", None).model.to(self.device)
            for name in READS[system]
        }
        for encoder in self.encoders.values():
            encoder.config.layerdrop = 0.0
            encoder.config.apply_spec_augment = False
        with torch.no_grad():
            shapes = {n: h[-1].shape[1:] for n, h in self.hidden_states(self.waves(1)).items()}
        self.levels = ("low", "mid", "high") if system == "mfsn" else ("high",)
        arrays = {"sec": self.levels, "tec": ("last",)}
        hidden = {(n, a): tuple(shape) for n, shape in shapes.items() for a in arrays[n]}
        acoustic: dict[Source, tuple[int, ...]] = {LEVEL_DB: (300, 200), UTTERANCE_MAX_DB: ()}
        self.shapes = InputShapes(hidden | acoustic | {MFCC: (300, 40)})
        self.rows = self.make_rows(batch * self.steps)

    def rounds(self, count: int) -> list[dict[str, float]]:
        """Seconds a step of every side, once for each round."""
        sides: dict[str, tuple[Step, int]] = {
            "trained inside": (self.step_inside(trained=True), self.inside),
            "frozen inside": (self.step_inside(trained=False), self.inside),
            "from the cache": (self.epoch_from_cache(), 1),
        }
        taken = {"from the cache": self.steps}
        for step, _ in sides.values():
            step()
        return [
            {n: seconds(step, times) / taken.get(n, times) for n, (step, times) in sides.items()}
            for _ in range(count)
        ]

    def step_inside(self, trained: bool) -> Step:
        """A step with the encoders inside it."""
        network = self.network().train()
        changed = [network.weight_parameters()]
        changed += [list(encoder.parameters()) for encoder in self.encoders.values() if trained]
        weights = torch.optim.AdamW([p for some in changed for p in some], lr=1e-5, fused=True)
        alphas = network.architecture_parameters()
        optimisers: list[torch.optim.Optimizer] = [weights]
        optimisers += [torch.optim.SGD(alphas, lr=5.0)] if alphas else []
        waves, labels_B = self.waves(self.batch), self.labels(self.batch)

        def step() -> None:
            for encoder in self.encoders.values():
                encoder.train(trained)
            with self.rounded():
                with torch.set_grad_enabled(trained):
                    hidden = self.hidden_states(waves)
                logits_BC = network(self.with_hidden(hidden), self.levels[0])
            loss = cross_entropy(logits_BC.float(), labels_B)
            for optimiser in optimisers:
                optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            for optimiser in optimisers:
                optimiser.step()
            loss.item()  # waits for a GPU

        return step

    def epoch_from_cache(self) -> Step:
        """`steps` steps of the loop of search and train."""
        network = self.network()
        optimisation = OptimisationConfig(batch_size=self.batch, precision=self.precision)
        solver = Solver(
            network, self.rows, self.levels,
            optimisation=optimisation, search=SearchConfig(), seed=0,
        )  # fmt: skip
        rows_N = torch.arange(self.batch * self.steps, device=self.device)
        part = Part(rows_N, rows_N, self.labels(len(rows_N)))
        return lambda: solver.epoch(part)

    def network(self) -> SerNetwork:
        """At the paper's sizes, its scaling fitted."""
        torch.manual_seed(0)
        parts = get_system(self.system).network
        assert parts is not None
        network = build_network(
            parts,
            ModelConfig(),
            self.shapes,
            CLASSES,
            pretrained=False,
        ).to(self.device)
        everything = torch.arange(self.batch * self.steps, device=self.device)
        network.fit_scaling(self.rows.batches([(everything, network.scaled)]))
        return network

    def rounded(self) -> torch.autocast:
        """Products in the asked precision."""
        return torch.autocast(self.device, torch.bfloat16, self.precision == "bfloat16")

    def hidden_states(self, waves_BN: Tensor) -> dict[str, tuple[Tensor, ...]]:
        """Encoder to its hidden states, [B, T, D] each."""
        return {
            name: encoder(waves_BN, output_hidden_states=True).hidden_states
            for name, encoder in self.encoders.items()
        }

    def with_hidden(self, hidden: Mapping[str, tuple[Tensor, ...]]) -> Features:
        """A batch whose encoder frames come from the encoders themselves."""
        sec = hidden["sec"]
        chosen = dict(zip(self.levels[::-1], (sec[-1], sec[len(sec) // 2], sec[1]), strict=False))
        frames = {("sec", level): rows for level, rows in chosen.items()}
        if "tec" in hidden:
            frames["tec", "last"] = hidden["tec"][-1]
        features = self.rows.features(torch.arange(self.batch, device=self.device), ACOUSTIC)
        full = {n: torch.full((self.batch,), rows.shape[1]) for n, rows in frames.items()}
        lengths = {n: length_B.to(self.device) for n, length_B in full.items()}
        return Features({**features.arrays, **frames}, {**features.lengths, **lengths})

    def make_rows(self, count: int) -> Rows:
        """As the store gives them: float16, MFCC in float32."""
        columns, lengths = {}, {}
        for source, shape in self.shapes.shapes.items():
            noise = torch.randn(count, *shape, device=self.device)
            columns[source] = noise if source in (MFCC, UTTERANCE_MAX_DB) else noise.half()
            if shape:
                lengths[source] = torch.full((count,), shape[0], device=self.device)
        return Rows(columns, lengths, self.device)

    def waves(self, count: int) -> Tensor:
        """Noise of 3 s."""
        return torch.randn(count, SAMPLES, device=self.device)

    def labels(self, count: int) -> Tensor:
        """As many of each class."""
        return torch.arange(count, device=self.device) % CLASSES

    def operations(self) -> int:
        """Of a cached step: forward and backward of the network."""
        network = self.network().train()
        batch = self.rows.features(torch.arange(self.batch, device=self.device))
        with FlopCounterMode(display=False) as counter:
            torch.autograd.backward(network(batch, self.levels[0]).sum())
        return int(counter.get_total_flops()) + self._lstm_operations(network)

    def _lstm_operations(self, network: nn.Module) -> int:
        """The counter knows no LSTM: 8 H (I + H) a frame and direction, thrice with backward."""
        found = 0
        for layer in network.modules():
            if isinstance(layer, nn.LSTM):
                width = layer.hidden_size
                found += 2 * 8 * width * (layer.input_size + width)
        return 3 * found * self.batch * self.shapes[MFCC][0]


def seconds(step: Step, times: int = 1) -> float:
    since = time.perf_counter()
    for _ in range(times):
        step()
    return time.perf_counter() - since


def print_table(system: str, rounds: list[dict[str, float]], batch: int) -> None:
    print(f"\n{system}, {len(rounds)} rounds:")
    print("| side | seconds a step | segments/s | seconds an epoch | cache is faster by |")
    print("|---|---|---|---|---|")
    cached = [one["from the cache"] for one in rounds]
    for side in rounds[0]:
        taken = statistics.median(one[side] for one in rounds)
        pairs = zip((one[side] for one in rounds), cached, strict=True)
        ratio = statistics.median(slow / fast for slow, fast in pairs)
        epoch = taken / batch * EPOCH_SEGMENTS
        print(f"| {side} | {taken:.3f} | {batch / taken:.2f} | {epoch:.0f} | {ratio:.1f} |")


def print_floor(bench: Bench, rate: float) -> None:
    work = bench.operations()
    step = statistics.median(seconds(bench.epoch_from_cache()) / bench.steps for _ in range(3))
    print(
        f"floor of a cached step: {work / 1e9:.0f} GFLOP, {work / rate:.3f} s at the matrix rate; "
        f"it takes {step * rate / work:.1f} times as long"
    )


if __name__ == "__main__":
    main()
