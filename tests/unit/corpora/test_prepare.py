"""From any corpus to one manifest, with an account of everything that is not in it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from mfsn.corpora.base import Utterance
from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.corpora.facts import load_facts
from mfsn.corpora.preparing.prepare import prepare_corpus, summary
from mfsn.corpora.preparing.scan import scan_corpus
from mfsn.errors import CorpusError
from mfsn.manifest import UTTERANCES, read_table, write_table

WriteClip = Callable[..., Path]
TABLE = CorpusConfig(name="mine", reader="table")
RAVDESS = CorpusConfig(name="ravdess", reader="ravdess")
EMODB = CorpusConfig(name="emodb", reader="emodb")
TWO = LabelsConfig(classes=["sad", "happy"])


def run(
    root: Path, corpus: CorpusConfig = TABLE, labels: LabelsConfig = TWO, **prepare: Any
) -> tuple[pd.DataFrame, dict[str, Any]]:
    config = PrepareConfig.parse(prepare, where="test")
    return prepare_corpus(corpus, labels, config, root, scan_corpus(corpus, root))


def test_an_utterance_has_the_manifests_columns() -> None:
    names = {field.name for field in fields(Utterance)}
    added = {"audio_sha256", "duration_s", "decoding", "same_as"}
    assert (names - {"stated_s"}) | added == set(UTTERANCES.names)


def test_the_manifest_has_one_sorted_row_an_utterance(mine: Path, tmp_path: Path) -> None:
    manifest, account = run(mine)
    assert manifest.utterance_id.tolist() == ["a", "b", "c"]
    assert manifest.emotion.tolist() == ["sad", "happy", "happy"]
    assert manifest.duration_s.tolist() == [40 / 16_000] * 3
    files = {file.path: file.sha256 for file in scan_corpus(TABLE, mine)}
    assert manifest.audio_sha256.tolist() == [files[path] for path in manifest.path]
    assert account == {
        "excluded": [],
        "silent": [],
        "unrated": [],
        "other_emotions": {"bored": 1},
        "other_parts": 0,
        "counts": {"sad": 1, "happy": 2},
        "soft_labelled": 0,
        "expected": {},
        "missing": {},
        "identical": [],
        "doubtful": {},
    }
    write_table(tmp_path / "out" / "manifest.parquet", manifest, UTTERANCES)
    again = read_table(tmp_path / "out" / "manifest.parquet", UTTERANCES)
    assert again.utterance_id.tolist() == ["a", "b", "c"]
    assert again.speaker.isna().all()


def test_emotions_are_merged_before_anything_else(mine: Path) -> None:
    labels = LabelsConfig(classes=["sad", "happy"], merge={"bored": "sad"})
    manifest, account = run(mine, labels=labels)
    assert account["counts"] == {"sad": 2, "happy": 2}
    assert account["other_emotions"] == {}
    assert manifest.set_index("utterance_id").emotion["d"] == "sad"


def test_a_silent_clip_is_left_out_by_name(mine: Path, clip: WriteClip) -> None:
    clip(mine / "c.wav", level=0)
    manifest, account = run(mine)
    assert account["silent"] == ["c"]
    assert manifest.utterance_id.tolist() == ["a", "b"]


@pytest.mark.parametrize(("silence_peak", "silent"), [(0.01, ["c"]), (0.001, [])])
def test_silence_is_what_stays_at_or_below_the_peak(
    mine: Path, clip: WriteClip, silence_peak: float, silent: list[str]
) -> None:
    clip(mine / "c.wav", level=300)
    assert run(mine, silence_peak=silence_peak)[1]["silent"] == silent


def test_pointers_of_git_lfs_name_the_command_and_are_no_copies(mine: Path) -> None:
    for name in ("a", "b"):
        text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
        (mine / f"{name}.wav").write_text(text)
    with pytest.raises(CorpusError, match=r"2 recordings in .* run `git lfs pull` there") as raised:
        run(mine)
    assert "same recording" not in str(raised.value)


def test_clipping_and_offsets_are_told_by_name(mine: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 1_000)
    soundfile.write(mine / "a.wav", np.where(np.arange(1_000) < 30, 2.0, noise), 16_000, "FLOAT")
    soundfile.write(mine / "b.wav", 0.25 + noise, 16_000, "FLOAT")
    manifest, account = run(mine)
    mean = 0.25 + noise.mean()
    assert account["doubtful"] == {
        "clipped in more than 1% of the samples": ["a (3.0%)"],
        "with an offset larger than the sound": [f"b ({mean:.3f} of full scale)"],
    }
    assert {"a", "b"} <= set(manifest.utterance_id)


def test_channels_that_cancel_are_silent(mine: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 1_000)
    soundfile.write(mine / "c.wav", np.stack([noise, -noise], 1), 16_000, "FLOAT")
    assert run(mine)[1]["silent"] == ["c"]


def test_the_code_of_decoding_is_in_the_manifest(mine: Path) -> None:
    soundfile.write(mine / "b.wav", np.random.default_rng(0).normal(0, 0.1, 1_000), 44_100)
    assert run(mine)[0].set_index("utterance_id").decoding.to_dict() == {"a": 1, "b": 2, "c": 1}


def test_a_known_bad_clip_is_left_out_and_never_decoded(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = load_facts("table").model_copy(update={"bad_clips": {"c": "corrupt"}})
    monkeypatch.setattr("mfsn.corpora.base.load_facts", lambda reader: known)
    (mine / "c.wav").write_text("corrupt")
    manifest, account = run(mine)
    assert account["excluded"] == ["c"]
    assert manifest.utterance_id.tolist() == ["a", "b"]


def test_the_same_audio_under_two_ids_is_kept_and_told(mine: Path) -> None:
    (mine / "c.wav").write_bytes((mine / "b.wav").read_bytes())
    manifest, account = run(mine)
    assert account["identical"] == [["b", "c"]]
    assert len(manifest) == 3


@pytest.mark.parametrize(
    ("columns", "second", "what"),
    [
        ("path,emotion,speaker", "happy,s1", "labels"),
        ("path,emotion,speaker", "sad,s2", "speakers"),
    ],
)
def test_one_recording_with_two_labels_or_speakers_is_a_problem(
    mine: Path, columns: str, second: str, what: str
) -> None:
    (mine / "b.wav").write_bytes((mine / "a.wav").read_bytes())
    (mine / "table.csv").write_text(f"{columns}\na.wav,sad,s1\nb.wav,{second}\nc.wav,happy,s3\n")
    with pytest.raises(CorpusError, match=f"^a, b are the same recording with different {what} "):
        run(mine)


def test_all_bad_files_are_reported_at_once(mine: Path, clip: WriteClip) -> None:
    (mine / "a.wav").write_text("no audio")
    soundfile.write(mine / "b.wav", [0.1, float("nan")], 16_000, subtype="FLOAT")
    (mine / "c.wav").write_bytes((mine / "c.wav").read_bytes()[:-10])
    (mine / "d.wav").touch()
    (mine / "d.wav").write_bytes(b"")
    with pytest.raises(CorpusError) as raised:
        run(mine)
    message = str(raised.value)
    assert message.startswith(f"4 recordings in {mine} cannot be used: ")
    assert "\n" not in message
    for reason in ("a.wav cannot be read as audio", "b.wav contains NaN or infinite samples",
                   "c.wav is truncated", "d.wav contains no samples"):  # fmt: skip
        assert reason in message


def test_of_many_bad_files_twenty_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    for number in range(23):
        (tmp_path / f"{number:02d}.wav").write_text("no audio")
    rows = "".join(f"{number:02d}.wav,sad\n" for number in range(23))
    (tmp_path / "table.csv").write_text(f"path,emotion\n{rows}")
    with pytest.raises(CorpusError, match=r"23 recordings in .* cannot be used") as raised:
        run(tmp_path)
    message = str(raised.value)
    assert message.count("cannot be read as audio") == 20
    assert "and 3 more" in message


def test_a_class_without_an_utterance_is_an_error(mine: Path) -> None:
    labels = LabelsConfig(classes=["sad", "angry"])
    with pytest.raises(CorpusError, match="asks for angry, which no utterance has; the corpus has "
                                          "bored, happy, sad"):  # fmt: skip
        run(mine, labels=labels)


def test_merging_an_emotion_that_does_not_exist_is_an_error(mine: Path) -> None:
    labels = LabelsConfig(classes=["sad", "happy"], merge={"boredem": "sad"})
    with pytest.raises(CorpusError, match=r"labels.merge renames boredem.*has bored, happy, sad"):
        run(mine, labels=labels)


def test_a_repeated_id_is_an_error_that_names_both_files(mine: Path, clip: WriteClip) -> None:
    clip(mine / "a.flac.wav")
    (mine / "table.csv").write_text(
        "path,emotion,utterance_id\na.wav,sad,one\nb.wav,happy,one\nc.wav,happy,two\n"
    )
    with pytest.raises(
        CorpusError, match=r"utterance_id one is used for a.wav, b.wav; give each a unique id"
    ):
        run(mine)


def test_several_kinds_of_problems_come_in_one_message(mine: Path) -> None:
    (mine / "a.wav").write_text("no audio")
    with pytest.raises(CorpusError) as raised:
        run(mine, labels=LabelsConfig(classes=["sad", "angry"]))
    assert "cannot be read as audio" in str(raised.value)
    assert "asks for angry" in str(raised.value)


@pytest.mark.parametrize("change", ["grown", "gone"])
def test_a_file_that_changed_since_the_scan_is_an_error(mine: Path, change: str) -> None:
    files = scan_corpus(TABLE, mine)
    if change == "grown":
        with (mine / "b.wav").open("ab") as file:
            file.write(b"LIST\0\0\0\0")
    else:
        (mine / "b.wav").unlink()
    with pytest.raises(CorpusError, match=r"b.wav (has changed since it was|does not exist)"):
        prepare_corpus(TABLE, TWO, PrepareConfig(), mine, files)


def test_a_complete_corpus_is_accepted(emodb_tree: Path) -> None:
    manifest, account = run(emodb_tree, EMODB, LabelsConfig(classes=["anger", "neutral"]))
    assert len(manifest) == 127 + 79
    assert account["missing"] == {}
    assert account["expected"]["boredom"] == account["other_emotions"]["boredom"] == 81


def test_a_shortfall_is_reported_by_name(ravdess_tree: Path, tmp_path: Path) -> None:
    for path in ravdess_tree.rglob("*.wav"):
        if not path.name.startswith("03-01-03-01-01-01-0"):  # happy, actors 1 to 9
            (tmp_path / path.name).hardlink_to(path)
    with pytest.raises(CorpusError) as raised:
        run(tmp_path, RAVDESS)
    message = str(raised.value)
    assert "happy 183/192" in message
    assert "09 59/60" in message
    assert "angry" not in message
    assert "10 " not in message
    assert "prepare.require_complete" in message


def test_a_shortfall_is_a_warning_where_it_is_allowed(
    ravdess_tree: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        _, account = run(ravdess_tree / "Actor_01", RAVDESS, require_complete=False)
    assert account["missing"]["happy"] == 192 - 8
    assert account["counts"] == {"sad": 8, "happy": 8}
    assert "ravdess is incomplete" in caplog.text
    assert "happy 8/192" in caplog.text


def test_the_summary_tells_what_there_is_and_what_was_left_out(mine: Path) -> None:
    line = summary(*run(mine))
    assert line.startswith("3 utterances of 0 speakers, 0.00 h (sad 1, happy 2)")
    assert "1 of other emotions, 0 silent, 0 known to be bad" in line


def test_the_same_corpus_gives_the_same_bytes(mine: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_table(tmp_path / name, run(mine)[0], UTTERANCES)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.corpus
def test_real_ravdess_becomes_a_manifest(shared_corpora: Path) -> None:
    facts = load_facts("ravdess")
    labels = LabelsConfig(classes=list(facts.utterances))
    manifest, account = run(shared_corpora / "ravdess_flac16k", RAVDESS, labels)
    assert len(manifest) == 1440
    assert account["silent"] == []  # quiet clips are speech
    assert account["identical"] == [["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"]]
    assert manifest.duration_s.sum() / 3600 == pytest.approx(1.48, abs=0.005)
    assert manifest.duration_s.agg(["min", "median", "max"]).tolist() == pytest.approx(
        [2.936, 3.670, 5.272], abs=0.001
    )
