"""Several corpora as one: what its manifest says, where its files lie, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.corpora.preparing.check import check_corpus
from mfsn.corpora.preparing.prepare import prepare_corpus
from mfsn.corpora.preparing.scan import scan_corpus
from mfsn.errors import AudioError, ConfigError, CorpusError
from mfsn.features.config import MfccConfig
from mfsn.features.extraction.extraction import extract
from mfsn.features.registry import make_extractor
from mfsn.presets import preset_params
from mfsn.protocols.make import make_folds
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import segment_corpus
from mfsn.sharing.licence import restrictions
from mfsn.workspace import part_of, recording

CUT = SegmentConfig(duration_s=0.1)
ANY = PrepareConfig(require_complete=False)
COMMON = LabelsConfig(classes=["happy", "sad"], merge={"joy": "happy"})
BOTH = CorpusConfig.parse(
    {
        "name": "both",
        "reader": "joined",
        "parts": [{"name": "one", "reader": "table"}, {"name": "two", "reader": "table"}],
    },
    where="test",
)


@dataclass(frozen=True)
class Place:
    """Two table corpora with the same file names, speakers and sessions, and other bytes."""

    corpora: Path

    def prepared(
        self, config: CorpusConfig = BOTH, labels: LabelsConfig = COMMON
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        root = self.corpora / config.name
        return prepare_corpus(config, labels, ANY, root, scan_corpus(config, root))

    def one(self, name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
        merge = {"joy": "happy"} if name == "two" else {}
        labels = LabelsConfig(classes=["happy", "sad"], merge=merge)
        return self.prepared(CorpusConfig(name=name, reader="table"), labels)


@pytest.fixture
def place(tmp_path: Path, clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("MFSN_CORPORA", str(tmp_path))
    for name, happy, licence in (("one", "happy", "CC0"), ("two", "joy", "mine alone")):
        rows = ["path,emotion,speaker,session,licence"]
        for emotion, file in ((happy, "a.wav"), ("sad", "b.wav"), ("bored", "c.wav")):
            clip(tmp_path / name / file, content=f"{name} {file}")
            rows.append(f"{file},{emotion},s1,1,{licence}")
        (tmp_path / name / "table.csv").write_text("\n".join(rows) + "\n")
    return Place(tmp_path)


def test_names_tell_the_part_and_nothing_collides(place: Place) -> None:
    manifest, account = place.prepared()
    assert manifest["utterance_id"].tolist() == ["one/a", "one/b", "two/a", "two/b"]
    assert manifest["path"].tolist() == [
        "../one/a.wav", "../one/b.wav", "../two/a.wav", "../two/b.wav"
    ]  # fmt: skip
    assert manifest["speaker"].tolist() == ["one/s1"] * 2 + ["two/s1"] * 2
    assert manifest["session"].tolist() == ["one/1"] * 2 + ["two/1"] * 2
    assert manifest["emotion"].tolist() == ["happy", "sad"] * 2
    assert account["counts"] == {"happy": 2, "sad": 2}
    assert account["other_emotions"] == {"bored": 2}


def test_a_part_is_prepared_as_it_is_by_itself(place: Place) -> None:
    joined, _ = place.prepared()
    for name in ("one", "two"):
        alone, _ = place.one(name)
        part = joined[joined["path"].map(part_of) == name].reset_index(drop=True)
        same = ["audio_sha256", "duration_s", "emotion", "licence", "gender", "transcript"]
        pd.testing.assert_frame_equal(part[same], alone[same])


def test_each_part_lies_where_its_variable_says(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(tmp_path / "two", tmp_path / "elsewhere")
    monkeypatch.setenv("MFSN_CORPUS_TWO", str(tmp_path / "elsewhere"))
    manifest, _ = place.prepared()
    files = [recording(tmp_path / "both", path) for path in manifest["path"]]
    assert all(file.is_file() for file in files)
    assert files[-1] == tmp_path / "elsewhere" / "b.wav"


def test_a_scan_remembers_the_hashes_of_the_parts_by_themselves(
    place: Place, tmp_path: Path
) -> None:
    one = CorpusConfig(name="one", reader="table")
    scan_corpus(one, tmp_path / "one", tmp_path / "scan" / "one.json")
    before = (tmp_path / "scan" / "one.json").read_bytes()
    scan_corpus(BOTH, tmp_path / "both", tmp_path / "scan" / "both.json")
    assert (tmp_path / "scan" / "one.json").read_bytes() == before
    names = sorted(path.name for path in (tmp_path / "scan").iterdir())
    assert names == ["one.json", "two.json"]


def test_nothing_is_cut_or_extracted_again(place: Place, tmp_path: Path) -> None:
    store = tmp_path / "store"
    extractor = make_extractor("mfcc", MfccConfig(), CUT.sample_rate_hz, CUT.samples)

    def keys(manifest: pd.DataFrame) -> set[str]:
        segments = segment_corpus(manifest, tmp_path / "nowhere", CUT, store)
        return {*segments["row_key"], *extract(extractor, segments, CUT, store).rows.values()}

    def committed() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in store.glob("*/*/commits/*.json")}

    joined, _ = place.prepared()
    apart = set()
    for name in ("one", "two"):
        manifest, _ = place.one(name)
        manifest["path"] = [str(tmp_path / name / path) for path in manifest["path"]]
        apart |= keys(manifest)
    before = committed()
    for name in ("one", "two"):  # without recordings, any row to be computed would be an error
        shutil.rmtree(tmp_path / name)
    assert keys(joined) == apart
    assert committed() == before


def test_recordings_that_are_not_in_the_store_are_read_from_their_part(
    place: Place, tmp_path: Path
) -> None:
    manifest, _ = place.prepared()
    segments = segment_corpus(manifest, tmp_path / "both", CUT, tmp_path / "store")
    assert segments["utterance_id"].tolist() == manifest["utterance_id"].tolist()
    (tmp_path / "two" / "b.wav").write_bytes(b"")
    with pytest.raises(AudioError, match=r"two/b\.wav"):
        segment_corpus(manifest, tmp_path / "both", CUT, tmp_path / "other")


def test_a_class_that_a_part_lacks_is_one_sentence_with_those_in_common(place: Place) -> None:
    labels = LabelsConfig(classes=["happy", "sad"])
    with pytest.raises(CorpusError) as refused:
        place.prepared(labels=labels)
    assert str(refused.value) == (
        "labels.classes asks for happy, which two does not have; the classes in common are bored, "
        "sad; use only these, or give emotions common names with labels.merge (one has bored, "
        "happy, sad; two has bored, joy, sad)"
    )


def test_an_emotion_is_renamed_if_any_part_has_it(place: Place) -> None:
    labels = LabelsConfig(classes=["happy", "sad"], merge={"joy": "happy", "glee": "happy"})
    with pytest.raises(CorpusError, match=r"^labels\.merge renames glee, an emotion that"):
        place.prepared(labels=labels)


def test_what_is_wrong_with_a_part_is_said_of_that_part(place: Place, tmp_path: Path) -> None:
    (tmp_path / "two" / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(CorpusError, match=r"part two: 1 recording in .*two cannot be used: a\.wav"):
        place.prepared()
    shutil.rmtree(tmp_path / "two")
    with pytest.raises(CorpusError, match=r"corpus two: .*two does not exist; .*MFSN_CORPUS_TWO"):
        scan_corpus(BOTH, tmp_path / "both")


def test_a_check_names_every_part(place: Place, tmp_path: Path) -> None:
    report = check_corpus(BOTH, COMMON, ANY, tmp_path / "both")
    assert report.ok
    text = "\n".join(report.lines())
    assert f"at {tmp_path / 'one'}, {tmp_path / 'two'}" in text
    assert "speakers: one/s1 3, two/s1 3" in text


def test_the_licence_of_every_part_counts(place: Place) -> None:
    manifest, _ = place.prepared()
    assert restrictions("both", manifest) == ["both (2 utterances: mine alone)"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parts": []}, "needs two or more parts"),
        ({"parts": [{"name": "one", "reader": "table"}]}, "needs two or more parts"),
        ({"parts": [{"name": "one", "reader": "table"}] * 2}, "two parts have the same name"),
        ({"reader": "join"}, r"did you mean joined\?.*table, joined, or install"),
        ({"reader": "table"}, "parts are only for the reader joined, and the reader is table"),
        ({"part": "improvised"}, "set part for the corpora in parts instead"),
        ({"parts": [{"name": "../x", "reader": "table"}] * 2}, "parts.0.name"),
        ({"parts": [{"name": "x", "reader": "joined"}] * 2}, "parts.0.reader"),
    ],
)
def test_parts_that_make_no_sense_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CorpusConfig.parse(BOTH.model_dump(mode="json") | change, where="test")


def test_the_preset_of_ravdess_and_emodb_joins_both_whole(
    ravdess_tree: Path, emodb_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MFSN_CORPUS_RAVDESS", str(ravdess_tree))
    monkeypatch.setenv("MFSN_CORPUS_EMODB", str(emodb_tree))
    params = preset_params("ravdess_emodb")
    files = scan_corpus(params.corpus, Path("nowhere"))
    manifest, account = prepare_corpus(
        params.corpus, params.labels, PrepareConfig(), Path("nowhere"), files
    )
    assert account["counts"] == {
        "angry": 192 + 127, "disgust": 192 + 46, "fearful": 192 + 69, "happy": 192 + 71,
        "neutral": 96 + 79, "sad": 192 + 62,
    }  # fmt: skip
    assert account["other_emotions"] == {"boredom": 81, "calm": 192, "surprised": 192}
    assert account["missing"] == {}
    tested = {fold.name: len(fold.test) for fold in make_folds(manifest, params.protocol, Path())}
    assert tested["ravdess-to-emodb"] == 535 - 81
    assert tested["emodb-to-ravdess"] == 1440 - 2 * 192
