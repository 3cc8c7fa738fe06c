"""Which utterances are kept where dimensions are predicted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mfsn.config import Config
from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.corpora.preparing.prepare import prepare_corpus, summary
from mfsn.corpora.preparing.scan import scan_corpus
from mfsn.errors import ConfigError, CorpusError
from mfsn.params import Params, load_params

WriteClip = Callable[..., Path]
TABLE = CorpusConfig(name="mine", reader="table")


def labels(*dimensions: Any) -> LabelsConfig:
    return LabelsConfig(classes=["sad", "happy"], target="dimensions", dimensions=list(dimensions))


@pytest.fixture
def mine(tmp_path: Path, clip: WriteClip) -> Path:
    rows = ["a,sad,2.5,1,", "b,sad,,3,", "c,happy,4,2,", "d,angry,1,1,", "e,happy,0,,"]
    lines = ["path,emotion,valence,arousal,dominance"]
    for row in rows:
        name, _, rest = row.partition(",")
        clip(tmp_path / f"{name}.wav")
        lines.append(f"{name}.wav,{rest}")
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def run(root: Path, wanted: LabelsConfig) -> tuple[list[str], dict[str, Any], str]:
    files = scan_corpus(TABLE, root)
    manifest, account = prepare_corpus(TABLE, wanted, PrepareConfig(), root, files)
    return manifest["utterance_id"].tolist(), account, summary(manifest, account)


def test_utterances_without_a_rating_are_left_out_by_name(mine: Path) -> None:
    ids, account, line = run(mine, labels("valence", "arousal"))
    assert ids == ["a", "c"]
    assert account["unrated"] == ["b", "e"]
    assert account["other_emotions"] == {"angry": 1}  # classes choose utterances all the same
    assert "2 unrated" in line


def test_only_the_dimensions_asked_for_are_needed(mine: Path) -> None:
    assert run(mine, labels("arousal"))[0] == ["a", "b", "c"]
    assert run(mine, labels("valence"))[0] == ["a", "c", "e"]  # 0 is a rating


def test_classes_need_no_ratings(mine: Path) -> None:
    ids, account, line = run(mine, LabelsConfig(classes=["sad", "happy"]))
    assert ids == ["a", "b", "c", "e"]
    assert account["unrated"] == []
    assert "unrated" not in line


def test_a_corpus_without_the_ratings_is_refused(mine: Path) -> None:
    with pytest.raises(CorpusError, match=r"no utterance of happy, sad has dominance; set it to"):
        run(mine, labels("dominance"))


@pytest.fixture
def params(checkout: Path) -> dict[str, Any]:
    return load_params(checkout).model_dump(mode="json")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimisation": {"class_weights": True}}, "class_weights weighs classes"),
        ({"corpus": {"name": "two", "reader": "joined", "parts": [
            {"name": "one", "reader": "demo"}, {"name": "other", "reader": "ravdess"}]}},
         "needs one corpus.* so that there is no common unit"),
        ({"labels": {"dimensions": []}}, "dimensions"),
        ({"labels": {"dimensions": ["valence", "valence"]}}, "dimensions contains a name twice"),
        ({"labels": {"dimensions": ["activation"]}}, "dimensions"),
    ],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_refused(
    params: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    params["labels"]["target"] = "dimensions"
    for section, values in changes.items():
        params[section] |= values
    with pytest.raises(ConfigError, match=words) as refused:
        Params.parse(params, "params.yaml")
    assert len(str(refused.value)) < 300  # a sentence, and not all parameters


def test_the_default_is_classes(params: dict[str, Any]) -> None:
    assert params["labels"]["target"] == "classes"
    assert isinstance(LabelsConfig(classes=["a", "b"]), Config)
    assert LabelsConfig(classes=["a", "b"]).rated == []
