"""Protocols: what their folds hold, and what they refuse. Manifests are written out here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mfsn.errors import ConfigError, ManifestError, ProtocolError
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.division import Division
from mfsn.protocols.make import Fold, describe, make_folds

MakePlugin = Callable[..., None]


def corpus(sessions: int = 3, speakers: int = 2, emotions: str = "angry sad") -> pd.DataFrame:
    """Two utterances of each emotion by each speaker; names say who and what."""
    records: list[dict[str, Any]] = [
        {
            "utterance_id": f"{session}{speaker}-{emotion}-{take}",
            "audio_sha256": f"sha of {session}{speaker}-{emotion}-{take}",
            "speaker": f"{session}{speaker}",
            "session": f"S{session}",
            "emotion": emotion,
            "split": None,
            "soft_label": None,
        }
        for session in range(1, sessions + 1)
        for speaker in "abc"[:speakers]
        for emotion in emotions.split()
        for take in (1, 2)
    ]
    return pd.DataFrame(records)


def folds_of(
    manifest: pd.DataFrame, name: Any, workspace: Path = Path(), **more: Any
) -> list[Fold]:
    return make_folds(manifest, ProtocolConfig(name=name, **more), workspace)


EVERYBODY = ["1a", "1b", "2a", "2b", "3a", "3b"]


def from_file(manifest: pd.DataFrame, folder: Path, content: dict[str, Any]) -> list[Fold]:
    (folder / "my.json").write_text(json.dumps(content))
    return folds_of(manifest, "folds_from_file", folder, file="my.json")


def speakers_of(ids: tuple[str, ...]) -> set[str]:
    return {name.partition("-")[0] for name in ids}


def test_sessions_are_left_out_one_by_one_and_the_next_one_is_for_development() -> None:
    folds = folds_of(corpus(), "leave_one_session_out")
    assert [fold.name for fold in folds] == ["S1", "S2", "S3"]
    assert [speakers_of(fold.test) for fold in folds] == [{"1a", "1b"}, {"2a", "2b"}, {"3a", "3b"}]
    assert [speakers_of(fold.dev) for fold in folds] == [{"2a", "2b"}, {"3a", "3b"}, {"1a", "1b"}]
    assert speakers_of(folds[0].train) == {"3a", "3b"}
    assert all(fold.speaker_independent for fold in folds)


def test_a_protocol_can_be_named_with_its_parameters() -> None:
    config = ProtocolConfig(name="grouped_k_fold", folds=3, seed=2)
    expected = make_folds(corpus(), config, Path())
    assert make_folds(corpus(), "grouped_k_fold", folds=3, seed=2) == expected
    assert make_folds(corpus(), ProtocolConfig(name="grouped_k_fold"), folds=3, seed=2) == expected
    with pytest.raises(ConfigError, match="protocol: fold is not a parameter"):
        make_folds(corpus(), "grouped_k_fold", fold=3)
    with pytest.raises(ConfigError, match="protocol"):
        make_folds(corpus(), "leave_one_day_out")


def test_a_table_needs_only_what_the_protocol_reads() -> None:
    narrow = corpus()[["utterance_id", "emotion", "speaker"]]
    name = "leave_one_speaker_out"
    assert make_folds(narrow, name) == make_folds(corpus(), name)
    with pytest.raises(ProtocolError, match="needs the session of every utterance"):
        make_folds(narrow, "leave_one_session_out")
    with pytest.raises(ManifestError, match="needs the emotion"):
        make_folds(narrow.drop(columns="emotion"), name)


def test_speakers_are_left_out_one_by_one() -> None:
    folds = folds_of(corpus(), "leave_one_speaker_out")
    assert [fold.name for fold in folds] == ["1a", "1b", "2a", "2b", "3a", "3b"]
    assert speakers_of(folds[-1].dev) == {"1a"}
    assert speakers_of(folds[-1].train) == {"1b", "2a", "2b", "3a"}


def test_utterances_without_agreement_train_and_are_never_scored() -> None:
    manifest = corpus()
    undecided = manifest["utterance_id"].str.endswith("-sad-2")
    manifest.loc[undecided, "soft_label"] = '{"angry": 0.5, "sad": 0.5}'
    fold = folds_of(manifest, "leave_one_session_out")[0]
    assert {"3a-sad-2", "3b-sad-2"} < set(fold.train)
    assert sorted(fold.test) == sorted(f"1{s}-{t}" for s in "ab" for t in
                                       ("angry-1", "angry-2", "sad-1"))  # fmt: skip
    assert not [name for name in fold.dev if name.endswith("-sad-2")]


def test_numbers_in_names_are_ordered_as_numbers() -> None:
    manifest = corpus(1, 3)
    manifest["speaker"] = manifest["speaker"].map({"1a": "spk10", "1b": "spk9", "1c": "spk1"})
    names = [fold.name for fold in folds_of(manifest, "leave_one_speaker_out")]
    assert names == ["spk1", "spk9", "spk10"]


def test_fold_names_are_fit_for_folders() -> None:
    manifest = corpus()
    manifest["session"] = manifest["session"] + "/é"
    names = [fold.name for fold in folds_of(manifest, "leave_one_session_out")]
    assert names == ["S1__", "S2__", "S3__"]


def test_names_that_become_one_are_refused() -> None:
    manifest = corpus()
    manifest["session"] = manifest["session"].map({"S1": "a/b", "S2": "a b", "S3": "c"})
    with pytest.raises(ProtocolError, match="two sessions are both called a_b"):
        folds_of(manifest, "leave_one_session_out")


def test_stratified_folds_hold_every_class_in_proportion_and_are_marked() -> None:
    folds = folds_of(corpus(), "stratified_k_fold", folds=4)
    counts = [pd.Series([i.split("-")[1] for i in fold.test]).value_counts() for fold in folds]
    assert all(dict(count) == {"angry": 3, "sad": 3} for count in counts)
    assert not any(fold.speaker_independent for fold in folds)


def test_stratified_folds_depend_on_the_seed_alone() -> None:
    one, same, other = (
        folds_of(corpus(), "stratified_k_fold", folds=3, seed=seed) for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_the_same_audio_under_two_ids_stays_in_one_stratified_fold() -> None:
    for seed in range(5):
        manifest = corpus()
        manifest.loc[manifest["utterance_id"] == "1a-sad-2", "audio_sha256"] = "sha of 1a-sad-1"
        tests = [f.test for f in folds_of(manifest, "stratified_k_fold", folds=3, seed=seed)]
        assert [test for test in tests if "1a-sad-1" in test and "1a-sad-2" in test]


def test_grouped_folds_keep_speakers_together_and_sizes_even() -> None:
    manifest = corpus(5, 2)
    heavy = pd.concat([manifest] + [manifest[manifest["speaker"] == "1a"]] * 2)
    heavy["utterance_id"] = [f"{name}-{i}" for i, name in enumerate(heavy["utterance_id"])]
    heavy["audio_sha256"] = heavy["utterance_id"]
    folds = folds_of(heavy, "grouped_k_fold", folds=3)
    # 12 utterances of the heavy speaker and 9 times 4: as even as whole speakers can be.
    assert sorted(len(fold.test) for fold in folds) == [16, 16, 16]
    assert all(not speakers_of(f.test) & speakers_of(f.train + f.dev) for f in folds)


def test_a_file_names_test_speakers(tmp_path: Path) -> None:
    entries = [{"test_speakers": ["1a", "2b"]}, {"name": "B", "test_speakers": ["1b", "3a"]}]
    entries.append({"test_speakers": ["2a", "3b"]})
    folds = from_file(corpus(), tmp_path, {"folds": entries})
    assert [fold.name for fold in folds] == ["fold1", "B", "fold3"]
    assert [speakers_of(fold.dev) for fold in folds] == [{"1b", "3a"}, {"2a", "3b"}, {"1a", "2b"}]


def test_a_file_may_name_its_development_speakers(tmp_path: Path) -> None:
    entry = {"test_speakers": ["1a"], "dev_speakers": ["3b"]}
    (fold,) = from_file(corpus(), tmp_path, {"covers": "part", "folds": [entry]})
    assert (speakers_of(fold.test), speakers_of(fold.dev)) == ({"1a"}, {"3b"})
    assert speakers_of(fold.train) == {"1b", "2a", "2b", "3a"}


def test_a_file_may_name_utterances_and_numbers_as_speakers(tmp_path: Path) -> None:
    manifest = corpus(1, 3)
    manifest["speaker"] = manifest["speaker"].map({"1a": "7", "1b": "8", "1c": "9"})
    entry = {"test": list(manifest["utterance_id"][manifest["speaker"] == "7"])}
    entries = [entry, {"test_speakers": [8]}, {"test_speakers": [9]}]
    folds = from_file(manifest, tmp_path, {"folds": entries})
    assert [len(fold.test) for fold in folds] == [4, 4, 4]


def test_the_shipped_ravdess_folds_are_the_published_ones() -> None:
    actors = [f"{number:02d}" for number in range(1, 25)]
    manifest = pd.DataFrame(
        [
            {"utterance_id": f"{a}-{e}", "audio_sha256": f"{a}{e}", "speaker": a, "emotion": e}
            for a in actors
            for e in ("calm", "sad")
        ]
    ).assign(session=None, split=None, soft_label=None)
    folds = folds_of(manifest, "folds_from_file", file="ravdess_emobox")
    published = [
        {1, 11, 20, 21}, {4, 10, 12, 14}, {8, 9, 19, 23}, {3, 5, 7, 24}, {2, 15, 16, 18},
        {6, 13, 17, 22},
    ]  # fmt: skip
    assert [{int(s) for s in speakers_of(fold.test)} for fold in folds] == published
    assert all(len(speakers_of(fold.train)) == 16 for fold in folds)


def test_the_official_split_is_one_fold() -> None:
    manifest = corpus()
    manifest["split"] = manifest["session"].map({"S1": "train", "S2": "dev", "S3": "test"})
    (fold,) = folds_of(manifest, "official_split")
    assert speakers_of(fold.test) == {"3a", "3b"}
    assert fold.speaker_independent


def test_an_official_split_with_shared_speakers_is_marked() -> None:
    manifest = corpus(3, 1)
    manifest["split"] = ["train", "dev", "train", "test"] * 3
    (fold,) = folds_of(manifest, "official_split")
    assert not fold.speaker_independent


def refused(manifest: pd.DataFrame, name: str, match: str, **more: Any) -> None:
    with pytest.raises(ProtocolError, match=match):
        folds_of(manifest, name, **more)


def test_missing_sessions_are_refused_by_name() -> None:
    manifest = corpus()
    manifest.loc[0, "session"] = None
    refused(
        manifest, "leave_one_session_out", r"session of every.*1 of 24 have none \(1a-angry-1\)"
    )


@pytest.mark.parametrize("name", ["leave_one_speaker_out", "grouped_k_fold"])
def test_missing_speakers_are_refused(name: str) -> None:
    refused(corpus().assign(speaker=None), name, "needs the speaker of every utterance", folds=3)


def test_sessions_without_speakers_cannot_be_called_speaker_independent() -> None:
    manifest = corpus().assign(speaker=None)
    refused(manifest, "leave_one_session_out", "needs the speaker of every utterance")


def test_a_speaker_in_two_sessions_is_refused() -> None:
    manifest = corpus()
    manifest["speaker"] = manifest["speaker"].replace("2b", "1a")
    refused(manifest, "leave_one_session_out", "speaker 1a is in both")


def test_the_same_audio_in_train_and_test_is_refused() -> None:
    manifest = corpus()
    manifest.loc[manifest["utterance_id"] == "3a-sad-1", "audio_sha256"] = "sha of 1a-sad-1"
    refused(
        manifest,
        "leave_one_session_out",
        "3a-sad-1 and 1a-sad-1 have the same audio but are in train and",
    )


def test_a_copy_in_another_file_counts_as_the_same_audio() -> None:
    manifest = corpus()
    manifest["same_as"] = None
    manifest.loc[manifest["utterance_id"].isin(["3a-sad-1", "1a-sad-1"]), "same_as"] = "1a-sad-1"
    refused(manifest, "leave_one_session_out", "3a-sad-1 and 1a-sad-1 have the same audio but are")
    folds = make_folds(manifest, "stratified_k_fold", folds=3)
    assert [{"3a-sad-1", "1a-sad-1"} <= set(f.test) for f in folds].count(True) == 1


def test_a_training_fold_without_a_class_is_refused() -> None:
    manifest = corpus()
    keep = (manifest["emotion"] != "sad") | (manifest["session"] == "S1")
    refused(manifest[keep], "leave_one_session_out", "fold S1: no training utterance is sad")


@pytest.mark.parametrize(
    ("name", "manifest", "match"),
    [
        ("leave_one_session_out", corpus(2), "2 folds .S1, S2. are too few"),
        ("leave_one_speaker_out", corpus(1), "are too few"),
        (
            "grouped_k_fold",
            corpus(1),
            "5 folds need at least as many speakers, and the corpus has 2",
        ),
        ("stratified_k_fold", corpus(1, 1), "class angry has 2 different clips, fewer than the 5"),
        ("official_split", corpus(), "needs the split of every utterance"),
        ("official_split", corpus().assign(split="train"), "and the corpus has train"),
        ("folds_from_file", corpus(), "needs protocol.file"),
        ("leave_one_session_out", corpus().head(0), "no utterances"),
    ],
)
def test_too_little_is_refused(name: str, manifest: pd.DataFrame, match: str) -> None:
    refused(manifest, name, match)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"folds": [{"test_speakers": ["1a", "9z"]}]}, "fold1: the corpus has no speaker 9z"),
        ({"folds": [{"test": ["nobody"]}]}, "the corpus has no utterance_id nobody"),
        ({"folds": [{"test_speakers": ["1a"]}]}, "20 utterances tested in no fold"),
        ({"folds": [{"test_speakers": EVERYBODY}] * 2}, "24 utterances tested more than once"),
        ({"folds": [{"name": "x", "test_speakers": ["1a"]}] * 2}, "x is the name of two folds"),
        (
            {"covers": "part", "folds": [{"test_speakers": ["1a"], "dev": ["1a-sad-1"]}]},
            "utterance 1a-sad-1 is in both dev and test",
        ),
        (
            {"covers": "part", "folds": [{"test": ["1a-sad-1"], "dev_speakers": ["2a"]}]},
            "speaker 1a is in both train and test",
        ),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused(tmp_path: Path, content: dict[str, Any], match: str) -> None:
    with pytest.raises(ProtocolError, match=match):
        from_file(corpus(), tmp_path, content)


def test_a_file_may_say_that_it_is_speaker_dependent(tmp_path: Path) -> None:
    entry = {"test": ["1a-sad-1"], "dev": ["1a-sad-2"]}
    content = {"covers": "part", "speaker_independent": False, "folds": [entry]}
    (fold,) = from_file(corpus(), tmp_path, content)
    assert not fold.speaker_independent


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"folds": []}, "folds"),
        ({"folds": [{"tset": []}]}, "did you mean test|tset is not a parameter"),
        ({"folds": [{"test": ["x"], "test_speakers": ["y"]}]}, "either test_speakers or test"),
        ({"folds": [{"test": ["x"], "dev": ["y"], "dev_speakers": ["z"]}]}, "either dev_speakers"),
    ],
)
def test_a_misspelt_file_is_refused(tmp_path: Path, content: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        from_file(corpus(), tmp_path, content)


def test_a_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=r"no.yaml cannot be read.*ravdess_emobox"):
        folds_of(corpus(), "folds_from_file", tmp_path, file="no.yaml")
    (tmp_path / "bad.yaml").write_text("folds: [")
    with pytest.raises(ProtocolError, match="not valid YAML"):
        folds_of(corpus(), "folds_from_file", tmp_path, file="bad.yaml")


FROM_OUTSIDE = """
from mfsn.protocols.division import Division

def shares(manifest, config, workspace):
    ids = sorted(manifest["utterance_id"])
    tests = {str(i): set(ids[i::config.folds]) for i in range(config.folds)}
    return Division(tests, speaker_independent=False)

def stranger(manifest, config, workspace):
    return Division({"a": {"1a-sad-1", "nobody"}}, {"a": {"1a-sad-2"}})

def crossed(manifest, config, workspace):
    division = shares(manifest, config, workspace)
    pairs = {name: ("one", name) for name in division.tests}
    return Division(division.tests, speaker_independent=False, pairs=pairs)

def plain(manifest, config, workspace):
    return {"a": ["1a-sad-1"]}
"""


def test_a_plugin_adds_a_protocol(plugin: MakePlugin) -> None:
    plugin("more-folds", "[mfsn.protocols]\nshares = outside:shares", outside=FROM_OUTSIDE)
    folds = folds_of(corpus(), "shares", folds=3)
    assert [fold.name for fold in folds] == ["0", "1", "2"]
    assert folds[1].test == folds[0].dev
    assert not any(fold.speaker_independent for fold in folds)


def test_a_protocol_of_a_plugin_may_name_pairs_of_corpora(plugin: MakePlugin) -> None:
    plugin("more-folds", "[mfsn.protocols]\ncrossed = outside:crossed", outside=FROM_OUTSIDE)
    folds = folds_of(corpus(), "crossed", folds=3)
    assert [fold.pair for fold in folds] == [("one", "0"), ("one", "1"), ("one", "2")]


def test_a_protocol_of_a_plugin_may_name_only_what_the_corpus_has(plugin: MakePlugin) -> None:
    plugin("more-folds", "[mfsn.protocols]\nstranger = outside:stranger", outside=FROM_OUTSIDE)
    refused(corpus(), "stranger", r"names utterances that the corpus does not have \(nobody\)")


def test_a_protocol_of_a_plugin_returns_a_division(plugin: MakePlugin) -> None:
    plugin("more-folds", "[mfsn.protocols]\nplain = outside:plain", outside=FROM_OUTSIDE)
    with pytest.raises(ConfigError, match=r"plain of the distribution more-folds returns no Div"):
        folds_of(corpus(), "plain")


@pytest.mark.parametrize(
    ("parts", "match"),
    [
        ({"tests": {"../x": {"1"}}}, r"'\.\./x' cannot be the name of a fold"),
        ({"tests": {"": {"1"}}}, "'' cannot be the name of a fold"),
        ({"tests": {"a": {"1"}}, "dev": {"b": {"2"}}}, "b has no test data"),
        ({"tests": {"a": {"1", "2"}, "b": {"2"}}}, r"in several folds \(2\); choose folds"),
        ({"tests": {"a": {"1"}, "b": {"2"}}, "pairs": {"a": ("x", "y")}}, "of all its folds"),
    ],
)
def test_a_division_that_cannot_be_used_is_refused(parts: dict[str, Any], match: str) -> None:
    with pytest.raises(ProtocolError, match=match):
        Division(**parts)


def test_an_unknown_protocol_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"protocol: name: .*\(did you mean grouped_k_fold\?\)"):
        ProtocolConfig.parse({"name": "grouped_kfold"}, where="params.yaml: protocol")


def test_describe_counts_each_split() -> None:
    manifest = corpus()
    table = describe(folds_of(manifest, "leave_one_session_out"), manifest)
    assert list(table.columns) == ["fold", "split", "utterances", "speakers", "classes"]
    first = table[table["fold"] == "S1"].set_index("split")
    assert first.loc["test"].to_dict() == {
        "fold": "S1",
        "utterances": 8,
        "speakers": "1a, 1b",
        "classes": "angry 4, sad 4",
    }
    assert table["utterances"].sum() == 3 * len(manifest)


def test_describe_does_without_speakers() -> None:
    manifest = corpus().assign(speaker=None)
    table = describe(folds_of(manifest, "stratified_k_fold", folds=3), manifest)
    assert set(table["speakers"]) == {""}


@pytest.mark.parametrize(
    ("name", "title"), [("Ses01", "fold Ses01"), ("fold2", "fold2"), ("3", "fold 3")]
)
def test_a_title_says_fold_once(name: str, title: str) -> None:
    assert Fold(name, (), (), (), speaker_independent=True).title == title
