"""A network with inputs of its own is trained by the loop that trains all others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mfsn.models.base import ONLY_LEVEL, Network
from mfsn.models.inputs import Features, Source, keep_valid
from mfsn.models.readout import Posteriors
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.training.config import OptimisationConfig, SearchConfig, SelectionConfig
from mfsn.training.data.fold_data import TrainingData
from mfsn.training.data.loading import load_data
from mfsn.training.fit import Task, fit
from mfsn.training.plan_units import plan_units
from mfsn.training.system import System

WORDS, TONE = ("speech", "words"), ("speech", "tone")
ARRAYS = (
    ArraySpec("words", (6, 3), "float16", ("word", "feature")),
    ArraySpec("tone", (2,), "float32", ("feature",)),
    ArraySpec("words_valid", (), "int64", ()),
)
READER = System(
    name="reader",
    title="Reader",
    description="words and their tone",
    reads={"speech": ("words", "tone", "words_valid")},
    parameters=(),
    fits="none:None",
    scorer="none:None",
)


class Reader(Network):
    """The mean of the words that there are, beside their tone, which training rows scale."""

    scaled = (TONE,)
    largest: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(5, 2)
        self.readout = Posteriors()
        self.register_buffer("largest", torch.tensor(torch.nan))
        self.seen: set[tuple[Source, ...]] = set()

    def reads(self, level: str | None = None) -> tuple[Source, ...]:
        return WORDS, TONE

    def forward(self, features: Features, level: str | None = None) -> Tensor:
        self.seen.add(tuple(features.arrays))
        words_BTD = keep_valid(features[WORDS], features.mask(WORDS))
        mean_BD = words_BTD.sum(1) / features.lengths[WORDS][:, None]
        logits: Tensor = self.head(torch.cat([mean_BD, features[TONE] / self.largest], dim=1))
        return logits

    def fit_scaling(self, batches: Iterable[Features]) -> None:
        found = [(set(batch.arrays), batch[TONE].amax()) for batch in batches]
        assert all(names == {TONE} for names, _ in found)
        self.largest.copy_(torch.stack([largest for _, largest in found]).amax())


def write_speech(experiment: Any, ids: list[str], loud: list[bool]) -> None:
    """Rows with nonsense behind the last word."""
    spec = StoreSpec("speech", {"toy": 1}, ARRAYS)
    random = np.random.default_rng(0)
    length_N = random.integers(1, 7, len(ids))
    words_NTD = random.normal(size=(len(ids), 6, 3)) + 3 * np.array(loud)[:, None, None]
    words_NTD[np.arange(6) >= length_N[:, None]] = 6e4 * random.choice([-1, 1])
    rows = {
        "words": words_NTD.astype(np.float16),
        "tone": random.random((len(ids), 2)).astype(np.float32),
        "words_valid": length_N,
    }
    keys = {name: spec.row_key(name, 0) for name in ids}
    with Store(experiment.store, spec).writer() as writer:
        writer.append(list(keys.values()), rows)
    Digest.of(spec, {}, keys).write(experiment.outputs.digest("speech"))


@pytest.fixture
def experiment(toy: Any) -> Any:
    made = replace(toy(), system=READER)
    ids = made.segments["segment_id"].tolist()
    write_speech(made, ids, ["loud" in name for name in ids])
    return made


def task_of(experiment: Any, data: TrainingData, network: Network) -> Task:
    fold = experiment.folds[0]
    return Task(
        who="reader", seed=0, make_network=lambda: network, levels=network.choice_levels,
        train=data.part(fold.train), alpha=None, scaling=data.part(fold.train),
        dev=data.part(fold.dev), test=None,
        optimisation=OptimisationConfig(epochs=6, batch_size=4, lr=0.1),
        search=SearchConfig(), selection=SelectionConfig(),
    )  # fmt: skip


@pytest.mark.parametrize("streaming", [False, True])
def test_a_network_with_two_inputs_of_a_new_extractor_learns(
    experiment: Any, streaming: bool, tmp_path: Path
) -> None:
    data, network = load_data(experiment, "cpu", streaming), Reader()
    fitted = fit(task_of(experiment, data, network), data.rows, "cpu", tmp_path / "fit")
    assert fitted.history[-1]["dev"][ONLY_LEVEL]["ua"] == 1.0
    assert fitted.history[-1]["alpha_weights"] == fitted.history[-1]["entropy"] == []
    assert fitted.choices["held_out"].level == ONLY_LEVEL
    assert network.seen == {(WORDS, TONE)}
    assert 0.5 < float(network.largest) < 1


def test_streamed_and_held_rows_train_the_same_network(experiment: Any, tmp_path: Path) -> None:
    states = []
    for streaming in (False, True):
        torch.manual_seed(0)
        data, network = load_data(experiment, "cpu", streaming), Reader()
        fit(task_of(experiment, data, network), data.rows, "cpu", tmp_path / str(streaming))
        states.append(network.state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_shapes_are_those_of_what_is_read(experiment: Any) -> None:
    shapes = load_data(experiment, "cpu").shapes
    assert shapes.of("speech") == ("words", "tone", "words_valid")
    assert shapes[WORDS] == (6, 3)


def test_rows_of_utterances_are_read_by_each_of_their_segments(toy: Any) -> None:
    experiment = replace(toy(), system=READER)
    ids = experiment.manifest["utterance_id"].tolist()
    write_speech(experiment, ids, [False] * len(ids))
    held, streamed = (load_data(experiment, "cpu", s).rows for s in (False, True))
    utterances = experiment.segments["utterance_id"].tolist()
    first, second = (i for i, name in enumerate(utterances) if name == ids[0])
    for rows in (held, streamed):
        features = rows.features(torch.tensor([first, second]), [WORDS])
        assert torch.equal(*features[WORDS])
        assert features.lengths[WORDS].tolist() == [int(features.mask(WORDS)[0].sum())] * 2
    assert len(plan_units(experiment, "train", "x")) == 3


def test_all_frames_of_whole_utterances_count(toy: Any) -> None:
    experiment = replace(toy(), system=replace(READER, reads={"speech": ("words",)}))
    ids = experiment.manifest["utterance_id"].tolist()
    write_speech(experiment, ids, [False] * len(ids))
    assert (load_data(experiment, "cpu").rows.lengths[WORDS] == 6).all()
