"""Tables of experiments: what a row changes, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mfsn.errors import ConfigError
from mfsn.params import Params, load_params
from mfsn.presets import preset_params
from mfsn.presets.writing import leaves
from mfsn.reproduce.plan import (
    Row,
    Table,
    departures,
    experiment_name,
    labelled,
    notice,
    overrides,
    protocol_of,
    settings_of,
    table_named,
    tables,
)
from mfsn.reproduce.run import _setting


@pytest.fixture(scope="module")
def params(checkout: Path) -> Params:
    return load_params(checkout)


def changed(params: Params, values: dict[str, Any]) -> Params:
    """The parameters with dotted ones replaced, checked as params.yaml is."""
    raw = params.model_dump(mode="json")
    for name, value in values.items():
        *path, leaf = name.split(".")
        section = raw
        for part in path:
            section = section[part]
        section[leaf] = value
    return Params.parse(raw, where="test")


@pytest.mark.parametrize(("table", "row"), [(t, r) for t, p in tables().items() for r in p.runs])
@pytest.mark.parametrize("short", [False, True])
def test_every_row_gives_valid_parameters(
    params: Params, table: str, row: Row, short: bool
) -> None:
    made = changed(params, overrides(row, params, short, (3, 4)))
    assert made.seeds == [3, 4]
    assert made.experiment == params.experiment
    assert (made.optimisation.epochs == 3) == short
    assert (made.optimisation.batches is not None) == short


@pytest.mark.parametrize("name", sorted(tables()))
def test_rows_of_a_table_differ(params: Params, name: str) -> None:
    rows = table_named(name).rows
    assert len({row.name for row in rows}) == len({row.label for row in rows}) == len(rows)
    defaults = params.model_dump(mode="json")
    runs = table_named(name).runs
    made = [leaves(changed(params, overrides(row, params, False, ())).model_dump()) for row in runs]
    same = [row.name for row, one in zip(runs, made, strict=True) if one == leaves(defaults)]
    assert set(same) <= {
        "mfsn", "joint", "searched", "all", "alpha_lr_5", "ism_gated"
    }  # fmt: skip


def test_published_scores_have_a_source() -> None:
    for name, table in tables().items():
        if any(row.published for row in table.rows):
            assert "arXiv" in table.source or "EmoBox" in table.source, name
            assert table.conditions != "none", name


PRESETS = {name: table.preset for name, table in tables().items() if table.preset}


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_on_its_own_preset_a_table_sets_the_published_protocol(name: str) -> None:
    table, params = table_named(name), preset_params(str(PRESETS[name]))
    assert departures(table, params) == []
    assert notice(table, params) is None
    assert protocol_of(table, params) == table.protocol != {}
    changed(params, protocol_of(table, params))  # a valid one


def test_on_another_corpus_a_table_says_so_and_leaves_the_protocol_alone(params: Params) -> None:
    table = table_named("savee")
    assert protocol_of(table, params) == {}
    sentence = notice(table, params)
    assert sentence is not None
    assert sentence.startswith("our scores cannot be compared with the published ones, which are")
    assert "for SAVEE (7 classes, 480 utterances)" in sentence
    assert "corpus.reader is demo, not savee" in sentence
    assert sentence.endswith("; set the corpus with `mfsn preset savee`")


def test_the_order_of_classes_is_no_departure() -> None:
    table, params = table_named("iemocap_session"), preset_params("iemocap")
    turned = changed(params, {"labels.classes": params.labels.classes[::-1]})
    assert departures(table, turned) == []
    improvised = changed(params, {"corpus.part": "improvised"})
    assert departures(table, improvised) == ["corpus.part is improvised, not null"]


def test_a_row_without_settings_is_published_only() -> None:
    rows = [
        Row(name="theirs", label="T", published={"wa": 80.0}),
        Row(name="ours", label="O", set={}),
    ]
    table = Table(title="t", source="s", conditions="c", rows=rows)
    assert [row.name for row in table.runs] == ["ours"]


PUBLISHED = {
    "iemocap_session": {
        "is09": (63.8, 68.1), "cme": (73.5, 72.7), "coattention": (71.1, 69.8),
        "prosody2vec": (73.3, 72.4), "mfsn": (74.0, 71.9),
    },
    "iemocap_speaker": {
        "cnn_tf_att": (68.1, 71.8), "hnsd": (72.5, 70.5), "coattention": (72.7, 71.6),
        "prosody2vec": (73.9, 72.7), "mfsn": (74.6, 73.2),
    },
    "savee": {
        "dcnn": (None, 82.1), "tsp_inca": (83.4, 84.8), "cpac": (83.7, 85.6),
        "tim_net": (77.3, 79.4), "coattention": (None, None), "mfsn": (86.0, 86.3),
    },
}  # fmt: skip
"""Table 1 of arXiv 2306.09361 v3, written out here: UA and WA."""


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_table_1_is_the_published_one(name: str) -> None:
    rows = table_named(name).rows
    found = {row.name: (row.published.get("ua"), row.published.get("wa")) for row in rows}
    assert found == PUBLISHED[name]


@pytest.mark.parametrize(
    ("what", "settings"),
    [
        ("random genotypes at the same budget", {"search.mode": "random"}),
        ("bilevel", {"search.mode": "bilevel"}),
        *((f"alpha {lr}", {"search.alpha_lr": lr}) for lr in (0.0005, 0.005, 0.05, 5.0)),
        ("ISM A", {"model.ism": "gated"}),
        ("ISM B", {"model.ism": "glu"}),
        ("projection and LayerNorm", {"model.align": True}),
        ("more than one Fusion Cell", {"model.cells": 2}),
        ("derived with Zero", {"train.network": "derived"}),
        ("derived without Zero", {"train.network": "derived", "train.derive_zero": False}),
        ("one joint stream", {"model.streams": "joint"}),
        ("no spectrogram", {"system": "coattention", "model.guide": "mfcc"}),
        ("no search", {"system": "sec_tec"}),
        *((f"level {level}", {"search.levels": [level]}) for level in ("low", "mid", "high")),
        *(
            (f"SEC only, {model}", {"system": "coattention", "sec.model": f"facebook/{model}"})
            for model in (
                "wav2vec2-base",
                "wav2vec2-base-960h",
                "data2vec-audio-base",
                "data2vec-audio-base-960h",
            )
        ),
    ],
)
def test_every_experiment_that_was_asked_for_is_a_row(what: str, settings: dict[str, Any]) -> None:
    rows = [row.set or {} for table in tables().values() for row in table.runs]
    assert any(settings.items() <= row.items() for row in rows), what


def test_a_value_can_stand_for_another_parameter(params: Params) -> None:
    row = Row(name="a", label="A", set={"sec.model": "$tec.model", "sec.revision": "$tec.revision"})
    found = overrides(row, params, False, ())
    assert found == {"sec.model": params.tec.model, "sec.revision": params.tec.revision}


@pytest.mark.parametrize(
    ("settings", "values", "label"),
    [
        ({}, {}, "with a linear SVM"),
        ({}, {"classical.classifier": "ridge"}, "with ridge regression"),
        ({"classical.classifier": "svm"}, {"classical.classifier": "ridge"}, "with a linear SVM"),
        ({"labels.target": "dimensions"}, {}, "with ridge regression"),
    ],
)
def test_a_label_names_the_linear_model_of_the_parameters(
    params: Params, settings: dict[str, Any], values: dict[str, Any], label: str
) -> None:
    row = Row(name="classical", label="with {linear}", set=settings)
    table = labelled(
        Table(title="t", source="s", conditions="c", rows=[row]), changed(params, values)
    )
    assert [row.label for row in table.rows] == [label]


def test_no_row_that_follows_the_parameters_names_a_linear_model() -> None:
    for name, table in tables().items():
        for row in table.runs:
            fixed = {"classical.classifier", "labels.target"} & {*(row.set or {})}
            assert fixed or "SVM" not in row.label, (name, row.name)


def test_the_ridge_row_of_ravdess_is_the_preset(params: Params) -> None:
    row = next(row for row in table_named("ravdess").rows if row.name == "ridge")
    preset = leaves(preset_params("ravdess_classical").model_dump(mode="json"))
    asked = leaves(changed(params, row.set or {}).model_dump(mode="json"))
    assert {name: asked[name] for name in row.set or {}} == {n: preset[n] for n in row.set or {}}


def test_names_of_experiments_say_whether_fits_were_short() -> None:
    row = Row(name="zero", label="Zero")
    assert experiment_name("operations", row, False) == "operations-zero"
    assert experiment_name("operations", row, True) == "operations-zero-short"


def test_an_unknown_table_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"there is no table five; choose one of ablation"):
        table_named("five")


@pytest.mark.parametrize("value", ["random/x", "a", None, 0.0005, True, ["sum", "zero"], [0, 1]])
def test_settings_reach_params_yaml_with_their_types(tmp_path: Path, value: Any) -> None:
    from dvc.utils.hydra import apply_overrides

    path = tmp_path / "params.yaml"
    path.write_text("a: {b: 1}\n")
    apply_overrides(path, [_setting("a.b", value)])
    assert yaml.safe_load(path.read_text()) == {"a": {"b": value}}


SEC_ONLY = {
    "wav2vec2": ("wav2vec2", "facebook/wav2vec2-base"),
    "wav2vec2_asr": ("wav2vec2", "facebook/wav2vec2-base-960h"),
    "data2vec": ("data2vec-audio", "facebook/data2vec-audio-base"),
    "data2vec_asr": ("data2vec-audio", "facebook/data2vec-audio-base-960h"),
}
"""Row of sec_only to its family and its checkpoint on the hub."""


@pytest.mark.parametrize("size", ["demo", "small", "base"])
@pytest.mark.parametrize("row", SEC_ONLY)
def test_random_weights_stand_in_where_params_yaml_has_them(
    params: Params, row: str, size: str
) -> None:
    ours = {"low": 0, "high": 3}
    params = changed(params, {"sec.model": f"random/data2vec-audio-{size}", "sec.levels": ours})
    table = labelled(table_named("sec_only"), params)
    found = next(one for one in table.rows if one.name == row)
    assert overrides(found, params, short=False, seeds=()) == {
        "system": "coattention",
        "sec.model": f"random/{SEC_ONLY[row][0]}-{size}",
        "sec.revision": None,
        "sec.levels": ours,
    }
    assert found.label.endswith(" [random weights]")


@pytest.mark.parametrize("row", SEC_ONLY)
def test_pretrained_encoders_are_those_of_the_hub_with_its_levels(params: Params, row: str) -> None:
    params = changed(
        params, {"sec.model": "facebook/data2vec-audio-base", "sec.levels": {"low": 0, "high": 3}}
    )
    table = labelled(table_named("sec_only"), params)
    found = next(one for one in table.rows if one.name == row)
    assert overrides(found, params, short=False, seeds=()) == {
        "system": "coattention",
        "sec.model": SEC_ONLY[row][1],
        "sec.revision": None,
        "sec.levels": {"low": 1, "mid": 6, "high": 12},
    }
    assert "random" not in found.label


@pytest.mark.parametrize("name", ["sec_only", "layers", "layers_large"])
@pytest.mark.parametrize("size", ["demo", "small", "base"])
def test_stand_ins_are_recipes(params: Params, name: str, size: str) -> None:
    from mfsn.encoders.hub import PREFIX
    from mfsn.encoders.random_weights import RECIPES

    params = changed(params, {"sec.model": f"random/data2vec-audio-{size}"})
    for row in table_named(name).runs:
        model = overrides(row, params, short=False, seeds=())["sec.model"]
        assert model.removeprefix(PREFIX) in RECIPES, row.name


def test_a_list_shows_the_encoders_that_will_really_run(params: Params) -> None:
    params = changed(params, {"sec.model": "random/data2vec-audio-small"})
    row = labelled(table_named("sec_only"), params).rows[0]
    assert "sec.model: random/wav2vec2-small" in settings_of(row)
    assert "facebook" not in settings_of(row)


def test_random_weights_of_no_known_size_stand_for_nothing(params: Params) -> None:
    params = changed(params, {"sec.model": "random/nonsense"})
    with pytest.raises(ConfigError, match=r"sec\.model is 'random/nonsense', .*demo, small, base"):
        labelled(table_named("layers"), params)


def test_rows_name_the_encoders_that_run(params: Params) -> None:
    ran = changed(params, {"sec.model": "/data/whisper-base", "tec.model": "openai/whisper-tiny"})
    labels = [row.label for row in labelled(table_named("ablation"), ran).rows]
    assert "Only whisper-tiny (Co-attention)" in labels
    assert "Only whisper-base (Co-attention)" in labels
    assert "whisper-base and whisper-tiny, search (MFSN)" in labels
    assert not any("ata2vec" in label or "av2vec" in label for label in labels)


def test_one_encoder_in_both_places_is_named_once(params: Params) -> None:
    ran = changed(
        params, {"sec.model": "random/wav2vec2-demo", "tec.model": "random/wav2vec2-demo"}
    )
    labels = [row.label for row in labelled(table_named("ablation"), ran).rows]
    assert "wav2vec2-demo (random weights) as SEC and as TEC, no search" in labels
