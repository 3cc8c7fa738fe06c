"""What a step changes, how levels and batches are drawn, and how utterances are scored."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mfsn.errors import TrainingError
from mfsn.models.base import Network
from mfsn.models.inputs import UTTERANCE_MAX_DB, Features, Source
from mfsn.models.readout import Posteriors
from mfsn.training.config import OptimisationConfig, SearchConfig
from mfsn.training.data.fold_data import Part
from mfsn.training.data.loading import make_rows
from mfsn.training.data.rows import Rows
from mfsn.training.loop import Solver, evaluate, read_out

LEVELS = ("low", "mid", "high")


class ToyNetwork(Network):
    """One weight matrix a level; alpha scales what it gives. It notes what it is asked."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleDict({level: nn.Linear(4, classes) for level in LEVELS})
        self.alpha = nn.Parameter(torch.ones(1))
        self.choice_levels = LEVELS
        self.readout = Posteriors()
        self.asked: list[tuple[str, int]] = []
        self.seen: list[float] = []

    def forward(self, features: Features, level: str | None = None) -> Tensor:
        assert level is not None
        self.asked.append((level, len(features[UTTERANCE_MAX_DB])))
        self.seen += features[UTTERANCE_MAX_DB].tolist()
        assert set(self.reads(level)) == set(features.arrays)
        return self.logits(features, level)

    def reads(self, level: str | None = None) -> tuple[Source, ...]:
        return (*(("sec", name) for name in LEVELS if level in (name, None)), UTTERANCE_MAX_DB)

    def logits(self, features: Features, level: str) -> Tensor:
        logits: Tensor = self.alpha * self.layers[level](features["sec", level].mean(1))
        return logits

    def logits_per_level(self, features: Features) -> dict[str, Tensor]:
        return {level: self.logits(features, level) for level in LEVELS}

    def architecture_parameters(self) -> list[nn.Parameter]:
        return [self.alpha]


def toy_rows(count: int, separation: float = 2.0) -> tuple[Rows, Part]:
    """Rows of two classes in turn; `utterance_max` is the row's number."""
    labels = np.arange(count) % 2
    noise = np.random.default_rng(0).normal(size=(count, 5, 4)) * 0.1
    sec = (noise + separation * labels[:, None, None]).astype(np.float16)
    arrays: dict[str, dict[str, Any]] = {
        "sec": dict.fromkeys(LEVELS, sec),
        "tec": {"last": sec},
        "spectrogram": {
            "level_db": np.zeros((count, 2, 2), np.float16),
            "max_db": np.arange(count, dtype=np.float32),
        },
        "mfcc": {"mfcc": np.zeros((count, 2, 2), np.float32)},
    }
    rows = make_rows(arrays, [str(i) for i in range(count)], np.full(count, 8), 8)
    return rows, Part(torch.arange(count), torch.arange(count), torch.from_numpy(labels))


def subset(part: Part, start: int, end: int) -> Part:
    labels = part.labels_U[start:end]
    return Part(torch.arange(start, end), torch.arange(end - start), labels)


def solver(network: Network, rows: Rows, seed: int = 0, **options: Any) -> Solver:
    optimisation = OptimisationConfig(**{"batch_size": 4, "lr": 0.01, "weight_decay": 0} | options)
    search = SearchConfig(alpha_lr=0.1)
    return Solver(network, rows, LEVELS, optimisation=optimisation, search=search, seed=seed)


def test_a_joint_step_is_one_of_adamw_on_weights_and_one_of_sgd_on_alpha() -> None:
    rows, part = toy_rows(4)
    network = ToyNetwork()
    reference = copy.deepcopy(network)
    solver(network, rows).epoch(part)
    ((level, _),) = network.asked
    logits = reference.logits_per_level(rows.features(torch.arange(4)))[level]
    nn.functional.cross_entropy(logits, part.labels_U).backward()  # type: ignore[no-untyped-call]
    assert reference.alpha.grad is not None
    torch.testing.assert_close(network.alpha, reference.alpha - 0.1 * reference.alpha.grad)
    torch.optim.AdamW(reference.layers.parameters(), lr=0.01, weight_decay=0).step()
    for changed, expected in zip(
        network.layers.parameters(), reference.layers.parameters(), strict=True
    ):
        torch.testing.assert_close(changed, expected)


def test_an_epoch_sees_every_row_once_and_counts_the_levels_drawn() -> None:
    rows, part = toy_rows(30)
    network = ToyNetwork()
    result = solver(network, rows).epoch(part)
    assert sorted(network.seen) == list(range(30))
    assert [size for _, size in network.asked] == [4] * 7 + [2]
    drawn = [level for level, _ in network.asked]
    assert result.levels_drawn == {level: drawn.count(level) for level in sorted(set(drawn))}


def test_an_epoch_of_few_batches_draws_others_every_time() -> None:
    rows, part = toy_rows(30)
    network = ToyNetwork()
    few = solver(network, rows, batches=2)
    losses = [few.epoch(part).train_loss for _ in range(4)]
    assert [size for _, size in network.asked] == [4] * 8
    assert len(set(network.seen)) > 16
    assert all(0 < loss < 1 for loss in losses)  # a mean over the segments of the two batches


def test_more_batches_than_there_are_change_nothing() -> None:
    rows, part = toy_rows(30)
    everything, at_most = (solver(ToyNetwork(), rows, batches=n).epoch(part) for n in (None, 20))
    assert everything == at_most


def test_all_levels_are_drawn_about_equally_often() -> None:
    rows, part = toy_rows(600)
    drawn = solver(ToyNetwork(), rows, batch_size=2).epoch(part).levels_drawn
    # 300 draws: five standard deviations are 41.
    assert set(drawn) == set(LEVELS)
    assert all(abs(count - 100) < 41 for count in drawn.values())


def test_bilevel_trains_alpha_and_weights_on_their_own_rows() -> None:
    rows, part = toy_rows(20)
    network = ToyNetwork()
    before = copy.deepcopy(network)
    solver(network, rows).epoch(subset(part, 0, 12), subset(part, 12, 20))
    steps = [network.seen[i : i + 4] for i in range(0, len(network.seen), 4)]
    assert len(steps) == 6  # three on alpha, each before one on the weights
    assert all(min(step) >= 12 for step in steps[::2])
    assert sorted(row for step in steps[1::2] for row in step) == list(range(12))
    assert not torch.equal(network.alpha, before.alpha)


@pytest.mark.parametrize(("frozen", "moves"), [("weights", "alpha"), ("alpha", "weights")])
def test_bilevel_steps_do_not_touch_the_other_level(frozen: str, moves: str) -> None:
    rows, part = toy_rows(8)
    network = ToyNetwork()
    before = copy.deepcopy(network)
    stepping = solver(network, rows, lr=1e-30 if frozen == "weights" else 0.01)
    if frozen == "alpha":
        stepping._alpha[0].param_groups[0]["lr"] = 0.0
    stepping.epoch(subset(part, 0, 4), subset(part, 4, 8))
    same_alpha = torch.equal(network.alpha, before.alpha)
    same_weights = all(
        torch.allclose(a, b, atol=1e-12)
        for a, b in zip(network.layers.parameters(), before.layers.parameters(), strict=True)
    )
    assert (same_alpha, same_weights) == (moves != "alpha", moves != "weights")


def test_draws_depend_on_the_seed_alone_and_resume() -> None:
    rows, part = toy_rows(12)
    networks = [ToyNetwork() for _ in range(3)]
    first, same, other = (
        solver(n, rows, seed) for n, seed in zip(networks, (1, 1, 2), strict=True)
    )
    for one in (first, same, other):
        one.epoch(part)
    assert networks[0].seen == networks[1].seen != networks[2].seen
    resumed_network = copy.deepcopy(networks[0])
    resumed = solver(resumed_network, rows, seed=99)
    resumed.load_state(copy.deepcopy(first.state()))
    first.epoch(part)
    resumed.epoch(part)
    assert resumed_network.seen == networks[0].seen
    for a, b in zip(resumed_network.parameters(), networks[0].parameters(), strict=True):
        assert torch.equal(a, b)


def test_class_weights_are_the_inverse_frequency() -> None:
    rows, part = toy_rows(4)
    part = Part(part.rows_N, part.utterance_N, torch.tensor([0, 0, 0, 1]))
    network = ToyNetwork()
    reference = copy.deepcopy(network)
    loss = solver(network, rows, class_weights=True).epoch(part).train_loss
    logits = reference.logits_per_level(rows.features(torch.arange(4)))[network.asked[0][0]]
    weight = torch.tensor([4 / (2 * 3), 4 / (2 * 1)])
    expected = nn.functional.cross_entropy(logits, part.labels_U, weight)
    assert loss == pytest.approx(expected.item(), rel=1e-6)


def test_clipping_bounds_the_gradient_of_the_weights() -> None:
    rows, part = toy_rows(4, separation=50)
    network = ToyNetwork()
    solver(network, rows, clip_norm=0.001).epoch(part)
    gradients = [p.grad for p in network.weight_parameters() if p.grad is not None]
    assert float(torch.cat([g.flatten() for g in gradients]).norm()) <= 0.001 * 1.0001
    assert network.alpha.grad is not None
    assert float(network.alpha.grad.abs()) > 0.001


def test_utterances_are_decided_by_the_mean_of_their_log_posteriors() -> None:
    rows, _ = toy_rows(5)
    network = ToyNetwork()
    utterance = torch.tensor([0, 0, 1, 1, 1])
    labels = torch.tensor([1, 0])
    scored = evaluate(network, rows, Part(torch.arange(5), utterance, labels), LEVELS, "here")
    for level, found in read_out(network, rows, torch.arange(5)).items():
        means = [found[utterance == u].mean(0) for u in (0, 1)]
        correct = [int(m.argmax()) == int(label) for m, label in zip(means, labels, strict=True)]
        assert scored[level]["wa"] == scored[level]["ua"] == sum(correct) / 2
        loss = -found[torch.arange(5), labels[utterance]].mean()
        assert scored[level]["loss"] == pytest.approx(float(loss))


def test_log_posteriors_do_not_depend_on_how_many_rows_are_asked() -> None:
    rows, part = toy_rows(600)
    network = ToyNetwork()
    found = read_out(network, rows, part.rows_N)["mid"]
    assert found.shape == (600, 2)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.exp().sum(1), torch.ones(600, dtype=torch.float64))
    # The logits are float32. A processor may add up the 5 frames, and then the 4 products and the
    # bias, in another order for another number of rows. Each of these 9 additions and of the 5
    # products and divisions rounds by at most eps / 2 of the sum of magnitudes, which is below 6:
    # weights and bias are at most 1/2, frames at most 2.5. Two results differ by twice that, and
    # their log-posteriors by twice as much again.
    off = 2 * 2 * 14 * torch.finfo(torch.float32).eps / 2 * 6
    again = read_out(network, rows, part.rows_N[590:])["mid"]
    torch.testing.assert_close(found[590:], again, rtol=0, atol=off)


def test_a_score_that_is_not_finite_is_refused_by_name() -> None:
    rows, part = toy_rows(4)
    network = ToyNetwork()
    with torch.no_grad():
        network.alpha.fill_(float("nan"))
    with pytest.raises(
        TrainingError, match=r"fold A, epoch 3, dev, level low: .*; lower optimisation\.lr"
    ):
        evaluate(network, rows, part, LEVELS, "fold A, epoch 3, dev")
