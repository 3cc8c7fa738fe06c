"""Units: their identity, their seeds, and what an experiment refuses before any of them runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mfsn.corpora.config import LabelsConfig
from mfsn.errors import TrainingError
from mfsn.manifest import SEGMENTS, UTTERANCES, write_table
from mfsn.protocols.config import ProtocolConfig
from mfsn.runs.unit import Unit
from mfsn.training.bilevel import require_every_class, split_for_alpha
from mfsn.training.config import OptimisationConfig, SearchConfig, SelectionConfig
from mfsn.training.data.labels import training_labels
from mfsn.training.plan_units import plan_units
from mfsn.training.system import get_system


def units_of(experiment: Any, stage: Any = "search", **more: Any) -> list[Unit]:
    return plan_units(experiment, stage, "done.json", **more)


def runs(experiment: Any, **more: Any) -> list[str]:
    return [unit.run for unit in units_of(experiment, **more)]


def test_units_are_folds_then_seeds(toy: Any) -> None:
    names = [unit.name for unit in units_of(toy(seeds=(0, 7)))]
    assert names == [f"ses{fold}-seed{seed}" for fold in range(3) for seed in (0, 7)]


def test_the_same_experiment_elsewhere_has_the_same_units(toy: Any) -> None:
    here, there = toy(folder="here"), toy(folder="there")
    assert runs(here) == runs(there)
    assert len(set(runs(here))) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": (1,)},
        {"system": get_system("sec_tec")},
        {"optimisation": OptimisationConfig(epochs=4, batch_size=8)},
        {"search": SearchConfig(alpha_lr=0.5)},
        {"selection": SelectionConfig(compare=("last_epoch",))},
        {"labels": LabelsConfig(classes=["loud", "calm"])},
        {"code": {"module": "other"}},
    ],
)
def test_units_of_other_parameters_share_nothing(toy: Any, change: dict[str, Any]) -> None:
    experiment = toy()
    assert not set(runs(experiment)) & set(runs(replace(experiment, **change)))


def test_units_of_other_features_share_nothing(toy: Any) -> None:
    assert not set(runs(toy(separation=1.0))) & set(runs(toy(separation=2.0, folder="other")))


def test_what_else_decides_a_unit_is_for_all_or_for_one(toy: Any) -> None:
    experiment = toy()
    plain = runs(experiment)
    one = runs(experiment, also={"ses1-seed0": "x"})
    assert [a == b for a, b in zip(plain, one, strict=True)] == [True, False, True]
    assert not set(plain) & set(runs(experiment, also={"": "x"}))


def relabelled(experiment: Any, session: str) -> Any:
    """The experiment with the labels of a session turned round, in a manifest of its own."""
    table = experiment.manifest.copy()
    chosen = table["session"] == session
    turned = table["emotion"].map({"calm": "loud", "loud": "calm"})
    table["emotion"] = table["emotion"].where(~chosen, turned)
    outputs = replace(experiment.outputs, experiment="relabelled", corpus="relabelled")
    write_table(outputs.manifest, table, UTTERANCES)
    write_table(outputs.segments, experiment.segments, SEGMENTS)
    for name in experiment.digests:
        experiment.digests[name].write(outputs.digest(name))
    return replace(experiment, outputs=outputs)


def test_a_search_unit_does_not_depend_on_its_test_fold(toy: Any) -> None:
    experiment = toy()
    same = [
        a == b for a, b in zip(runs(experiment), runs(relabelled(experiment, "ses0")), strict=True)
    ]
    assert same == [True, False, False]  # tested, trained on, development


def test_it_does_under_oracle_test(toy: Any) -> None:
    experiment = toy(selection=SelectionConfig(rule="oracle_test"))
    assert not set(runs(experiment)) & set(runs(relabelled(experiment, "ses0")))


def test_seeds_differ_by_purpose_fold_and_seed(toy: Any) -> None:
    units = units_of(toy(seeds=(0, 1)))
    seeds = {unit.random_seed(purpose) for unit in units for purpose in ("network", "labels")}
    assert len(seeds) == 2 * len(units)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_shuffled_labels_are_the_same_labels_in_another_order(toy: Any) -> None:
    experiment = toy()
    unit = units_of(experiment)[0]
    plain = training_labels(unit, experiment.class_of, shuffle=False)
    shuffled = training_labels(unit, experiment.class_of, shuffle=True)
    assert plain == {name: experiment.class_of[name] for name in unit.fold.train}
    assert list(shuffled) == list(plain)
    assert sorted(shuffled.values()) == sorted(plain.values())
    assert shuffled != plain


def test_alpha_gets_speakers_of_its_own(toy: Any) -> None:
    unit = units_of(toy())[0]
    owner = toy().speaker_of
    weights, alpha = split_for_alpha(unit, owner, 0.5)
    assert sorted(weights + alpha) == sorted(unit.fold.train)
    assert not {owner[name] for name in weights} & {owner[name] for name in alpha}
    assert weights and alpha


def test_alpha_gets_utterances_where_speakers_are_not_kept_apart(toy: Any) -> None:
    experiment = toy(protocol=ProtocolConfig(name="stratified_k_fold", folds=3))
    unit = units_of(experiment)[0]
    weights, alpha = split_for_alpha(unit, experiment.speaker_of, 0.25)
    assert sorted(weights + alpha) == sorted(unit.fold.train)
    assert len(alpha) == round(0.25 * len(unit.fold.train))


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_both_sides_keep_a_speaker(toy: Any, share: float) -> None:
    experiment = toy()
    weights, alpha = split_for_alpha(units_of(experiment)[0], experiment.speaker_of, share)
    assert weights and alpha


def test_one_training_speaker_cannot_be_divided(toy: Any) -> None:
    unit = units_of(toy())[0]
    owner = dict.fromkeys(unit.fold.train, "same")
    with pytest.raises(TrainingError, match="two training speakers or more"):
        split_for_alpha(unit, owner, 0.5)


def test_a_half_without_a_class_is_refused(toy: Any) -> None:
    experiment = toy()
    unit = units_of(experiment)[0]
    require_every_class(unit, "alpha", [0, 1, 1], experiment.labels)
    with pytest.raises(
        TrainingError,
        match=r"^fold ses0, seed 0: .* for alpha holds no utterance of loud; change search\.alpha",
    ):
        require_every_class(unit, "alpha", [0, 0], experiment.labels)


def test_an_encoder_that_heard_a_held_out_speaker_is_refused(toy: Any) -> None:
    with pytest.raises(TrainingError, match="fold ses0: the encoder of sec was trained on spk10"):
        units_of(toy(about={"speakers": ["spk10", "stranger"]}))


def test_it_may_be_used_where_speakers_are_not_kept_apart(toy: Any) -> None:
    protocol = ProtocolConfig(name="stratified_k_fold", folds=3)
    assert len(units_of(toy(about={"speakers": ["spk10"]}, protocol=protocol))) == 3


@pytest.mark.parametrize("classes", [["calm", "loud", "absent"], ["calm", "other"]])
def test_classes_and_labels_must_agree(toy: Any, classes: list[str]) -> None:
    with pytest.raises(TrainingError, match="in only one of the manifest and labels"):
        units_of(toy(labels=LabelsConfig(classes=classes)))


def test_an_utterance_without_segments_is_refused(toy: Any) -> None:
    experiment = toy()
    table = experiment.segments
    write_table(experiment.outputs.segments, table[table["utterance_id"] != "s2p1loud2"], SEGMENTS)
    with pytest.raises(TrainingError, match=r"1 utterance without a segment \(s2p1loud2\)"):
        units_of(replace(experiment))
