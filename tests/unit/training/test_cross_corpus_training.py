"""Across corpora: nothing of the corpus that is tested reaches the model or its selection.

What a fold scales by (spectrogram, functionals) is part of the weights that are compared.
"""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mfsn.errors import TrainingError
from mfsn.protocols.config import ProtocolConfig
from mfsn.runs.unit import Unit
from mfsn.systems.linear.classical import ClassicalFits
from mfsn.systems.search import RESULT
from mfsn.training.config import OptimisationConfig, SearchConfig, SelectionConfig
from mfsn.training.data.loading import load_data
from mfsn.training.fold_training import Trained, train_on_fold
from mfsn.training.plan_units import plan_units
from mfsn.training.results import MODEL, WEIGHTS

QUICK = OptimisationConfig(epochs=2, batch_size=16, lr=0.01)
CROSSED = ProtocolConfig(name="cross_corpus")
EMOTIONS = ("calm", "loud")


def joined(takes_of_b: int = 2, swapped: bool = False) -> pd.DataFrame:
    """Four speakers of corpus a, then four of b, whose labels can be swapped."""
    records = []
    for corpus, takes in (("a", 2), ("b", takes_of_b)):
        for speaker in range(4):
            for take in range(takes):
                for emotion in reversed(EMOTIONS) if swapped and corpus == "b" else EMOTIONS:
                    name = f"{corpus}/{speaker}{emotion}{take}"
                    records.append((name, f"../{name}.wav", name, f"{corpus}/{speaker}", emotion))
    columns = ["utterance_id", "path", "audio_sha256", "speaker", "emotion"]
    nothing = ("session", "gender", "transcript", "split", "congruent")
    numbers = dict.fromkeys(("valence", "arousal", "dominance"), np.nan)
    table = pd.DataFrame(records, columns=columns).assign(**dict.fromkeys(nothing), **numbers)
    return table.assign(duration_s=1.0, licence="none")


def unit_of(experiment: Any, name: str) -> Unit:
    units = plan_units(experiment, "search", RESULT)
    return next(unit for unit in units if unit.fold.name == name)


def outcome(trained: Trained) -> tuple[Any, ...]:
    weights = {rule: path.read_bytes() for rule, path in trained.weights.items()}
    return weights, trained.history, trained.choices


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"search": SearchConfig(mode="bilevel")},
        {"selection": SelectionConfig(refit=True)},
        {"optimisation": QUICK.model_copy(update={"class_weights": True})},
    ],
)
def test_another_test_corpus_gives_the_same_model(toy: Any, change: dict[str, Any]) -> None:
    fields = {"optimisation": QUICK, "protocol": CROSSED} | change
    one = toy(manifest=joined(), folder="one", **fields)
    other = toy(manifest=joined(takes_of_b=5, swapped=True), folder="other", **fields)
    units = unit_of(one, "a-to-b"), unit_of(other, "a-to-b")
    assert units[0].run == units[1].run  # what is searched does not depend on the test corpus
    assert units[0].fold.test != units[1].fold.test
    found = []
    for experiment, unit in zip((one, other), units, strict=True):
        found.append(outcome(train_on_fold(unit, experiment, load_data(experiment, "cpu"))))
        shutil.rmtree(unit.folder)  # the other one starts afresh
    assert found[0] == found[1]


def test_the_baseline_standardises_and_chooses_without_the_test_corpus(toy: Any) -> None:
    found = []
    for folder, manifest in (("one", joined()), ("other", joined(takes_of_b=5, swapped=True))):
        experiment = toy(manifest=manifest, folder=folder, system="classical", protocol=CROSSED)
        units = plan_units(experiment, "train", MODEL)
        unit = next(unit for unit in units if unit.fold.name == "a-to-b")
        fits = ClassicalFits(experiment, streaming=False)
        fits.fit(unit, fits.load())
        found.append((unit.folder / WEIGHTS).read_bytes())
    assert found[0] == found[1]


def test_an_encoder_that_heard_a_speaker_by_his_own_name_is_refused(toy: Any) -> None:
    experiment = toy(manifest=joined(), protocol=CROSSED, about={"speakers": ["b", "3"]})
    with pytest.raises(TrainingError, match="encoder of sec was trained on 3"):
        _ = experiment.folds
