"""`mfsn doctor`: what a run will take, and whether it can be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml

from mfsn.cli import main
from mfsn.doctor.examine import Examination, examine
from mfsn.doctor.pipeline import check_pipeline
from mfsn.doctor.quick import examine_quickly
from mfsn.doctor.recordings import check_recordings
from mfsn.doctor.size import corpus_size
from mfsn.doctor.variables import check_variables
from mfsn.doctor.wanted import wanted_spec
from mfsn.manifest import SEGMENTS, UTTERANCES, write_table
from mfsn.params import Params, load_params, outputs_of
from mfsn.segments.waves import segment_corpus
from mfsn.store.digest import Digest
from mfsn.store.owners import forget, register_owner

SECONDS = (0.5, 3.5, 6.0, 2.0)
SEGMENTS_OF_ALL = 1 + 2 + 2 + 1
EMOTIONS = ("sad", "happy", "sad", "happy")
SPLITS = ("train", "train", "dev", "test")


class Usage(NamedTuple):
    """What `shutil.disk_usage` gives."""

    total: int
    used: int
    free: int


@pytest.fixture
def workspace(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a corpus of four tones, nothing prepared."""
    root = tmp_path / "checkout"
    for folder in (root / ".git", root / ".dvc"):
        folder.mkdir(parents=True)
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copyfile(checkout / name, root / name)
    set_params(
        root,
        corpus={"name": "toy", "reader": "table"},
        labels={"classes": ["happy", "sad"], "merge": {}},
        protocol={"name": "official_split"},
    )
    monkeypatch.chdir(root)
    monkeypatch.setenv("MFSN_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("MFSN_CORPORA", str(tmp_path / "corpora"))
    monkeypatch.setenv("MFSN_DEVICE", "cpu")
    monkeypatch.setenv("MFSN_JOBS", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    lines = ["path,emotion,split"]
    for number, seconds in enumerate(SECONDS):
        write_tone(tmp_path / "corpora" / "toy" / f"{number}.wav", seconds)
        lines.append(f"{number}.wav,{EMOTIONS[number]},{SPLITS[number]}")
    (tmp_path / "corpora" / "toy" / "table.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def no_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """MFCC are quick; other extractors are left out."""
    monkeypatch.setattr(Params, "read", ("mfcc",))


def set_params(root: Path, **sections: dict[str, Any]) -> None:
    params = yaml.safe_load((root / "params.yaml").read_text())
    for name, values in sections.items():
        params[name] |= values
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def write_tone(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = (3000 * np.sin(np.arange(round(seconds * 16_000)) / 9)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())


def prepare(root: Path) -> pd.DataFrame:
    """Write the manifest; returns it."""
    rows = [
        {
            "utterance_id": f"{number}", "path": f"{number}.wav", "audio_sha256": f"{number}",
            "emotion": "sad", "duration_s": seconds, "licence": "made here",
        }
        for number, seconds in enumerate(SECONDS)
    ]  # fmt: skip
    manifest = pd.DataFrame(rows, columns=UTTERANCES.names)
    write_table(root / "data/prepared/toy/manifest.parquet", manifest, UTTERANCES)
    return manifest


def cut(root: Path) -> None:
    """Write the segment table as the stage would, with starts and lengths alone."""
    params = load_params(root)
    size, rows = params.segment.samples, []
    for name, seconds in enumerate(SECONDS):
        for index, start in enumerate(range(0, round(seconds * 16_000), size)):
            valid = min(size, round(seconds * 16_000) - start)
            rows.append((f"{name}#{index}", f"{name}", index, start, valid, 0, f"{name}", "key"))
    table = pd.DataFrame(rows, columns=SEGMENTS.names)
    write_table(root / "data/prepared/toy/segments.parquet", table, SEGMENTS)


def size_of(root: Path) -> tuple[int, int, str]:
    params = load_params(root)
    size = corpus_size(params, outputs_of(params, root))
    assert size.duration_s == pytest.approx(sum(SECONDS))
    return size.utterances, size.segments, size.source.split()[0]


def found(examined: Examination, what: str) -> tuple[str, bool]:
    (finding,) = [f for f in examined.findings if f.what == what]
    return finding.found, finding.is_good


def test_the_corpus_is_counted_from_what_there_is(workspace: Path) -> None:
    assert size_of(workspace) == (4, SEGMENTS_OF_ALL, "4")  # headers
    prepare(workspace)
    assert size_of(workspace) == (4, SEGMENTS_OF_ALL, "manifest")
    cut(workspace)
    assert size_of(workspace) == (4, SEGMENTS_OF_ALL, "segment")


def test_a_segment_table_that_was_cut_otherwise_does_not_count(workspace: Path) -> None:
    prepare(workspace)
    cut(workspace)
    set_params(workspace, segment={"duration_s": 2.0})
    assert size_of(workspace) == (4, 1 + 2 + 3 + 1, "manifest")


def test_a_demo_that_is_not_spoken_yet_is_known_by_its_plan(workspace: Path) -> None:
    set_params(workspace, corpus={"name": "demo", "reader": "demo"})
    params = load_params(workspace)
    size = corpus_size(params, outputs_of(params, workspace))
    assert size.utterances == 480
    assert size.segments == pytest.approx(729, rel=0.1)  # what the demo has once it is spoken


def test_a_demo_of_another_recipe_in_a_named_folder_is_a_problem(workspace: Path) -> None:
    set_params(workspace, corpus={"name": "demo", "reader": "demo"})
    root = workspace.parent / "corpora" / "demo"
    root.mkdir()
    (root / "spoken.json").write_text('{"recipe": {"version": 0}, "recordings": 0}')
    (finding,) = check_recordings(load_params(workspace), workspace)
    assert finding.mark == "NO"
    assert "another recipe; delete this folder" in finding.found


@pytest.mark.parametrize("lacking", ["extract", "corruption", "late"])
def test_what_dvc_reads_from_params_must_be_there(
    workspace: Path, plugin: Callable[..., None], lacking: str
) -> None:
    source = "from mfsn.config import Config\nclass Late:\n    config_type = Config\n"
    plugin("mfsn-own", "[mfsn.extractors]\nlate = own:Late", own=source)
    if lacking == "late":
        extractors = load_params(workspace).extract.extractors
        set_params(workspace, extract={"extractors": [*extractors, "late"]})
    else:
        params = yaml.safe_load((workspace / "params.yaml").read_text())
        del params[lacking]
        (workspace / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (finding,) = check_pipeline(load_params(workspace), workspace)
    assert finding.mark == "NO"
    assert finding.found.startswith(f"it lacks {lacking}")
    main_ok(["preset", "--complete"])
    assert list(check_pipeline(load_params(workspace), workspace)) == []


@pytest.mark.parametrize(
    ("protocol", "status"), [("leave_one_speaker_out", 1), ("official_split", 0)]
)
def test_doctor_and_corpus_check_agree_about_the_protocol(
    workspace: Path, capsys: pytest.CaptureFixture[str], protocol: str, status: int
) -> None:
    set_params(workspace, protocol={"name": protocol})
    *_, finding = check_recordings(load_params(workspace), workspace)
    with pytest.raises(SystemExit) as ended:
        main(["corpus", "check"])
    said = capsys.readouterr().out
    assert (finding.what, finding.is_good, ended.value.code) == ("protocol", not status, status)
    assert f"{'problem' if status else 'protocol'}: {finding.found}\n" in said


def main_ok(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0


def test_a_corpus_that_is_missing_is_a_problem(workspace: Path, no_encoders: None) -> None:
    set_params(workspace, corpus={"name": "ravdess", "reader": "ravdess"})
    said, good = found(examine(workspace, workspace.parent / "store"), "corpus")
    assert not good
    assert "MFSN_CORPUS_RAVDESS" in said


def test_a_table_without_rows_is_a_problem(
    workspace: Path, tmp_path: Path, no_encoders: None
) -> None:
    table = tmp_path / "corpora" / "toy" / "table.csv"
    table.write_text(table.read_text().partition("\n")[0] + "\n")
    said, good = found(examine(workspace, workspace.parent / "store"), "corpus")
    assert not good
    assert "lists no utterances; fill its table" in said


@pytest.mark.usefixtures("no_encoders")
def test_rows_bytes_and_time_of_an_empty_store(workspace: Path) -> None:
    waves, mfcc = examine(workspace, workspace.parent / "store").works
    assert (waves.rows, waves.there, mfcc.rows, mfcc.there) == (6, 0, 6, 0)
    assert waves.bytes == 6 * (2 * 48000 + 4 + 3 * (8 + 4))
    assert mfcc.bytes == 6 * (4 * 300 * 40 + 4)
    assert mfcc.seconds is not None
    assert mfcc.seconds > 0


@pytest.mark.usefixtures("no_encoders")
def test_rows_that_are_there_cost_nothing(workspace: Path) -> None:
    store, params = workspace.parent / "store", load_params(workspace)
    manifest = prepare(workspace)
    table = segment_corpus(
        with_hashes(manifest), workspace.parent / "corpora/toy", params.segment, store
    )
    write_table(workspace / "data/prepared/toy/segments.parquet", table, SEGMENTS)
    examined = examine(workspace, store)
    waves, mfcc = examined.works
    assert (waves.rows, waves.there, waves.bytes, waves.seconds) == (6, 6, 0, 0.0)
    assert mfcc.there == 0


def with_hashes(manifest: pd.DataFrame) -> pd.DataFrame:
    import hashlib

    folder = Path.cwd().parent / "corpora" / "toy"
    hashes = [hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in manifest["path"]]
    return manifest.assign(audio_sha256=hashes)


def test_rows_of_texts_are_counted_once_per_transcript(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, wordcount: str
) -> None:
    extractors = load_params(workspace).extract.extractors
    set_params(workspace, extract={"extractors": [*extractors, wordcount]})
    monkeypatch.setattr(Params, "read", (wordcount,))
    unprepared = examine(workspace, workspace.parent / "store").works[-1]
    assert (unprepared.rows, unprepared.there, unprepared.seconds) == (4, 0, None)
    manifest = prepare(workspace)
    cut(workspace)
    said, good = found(examine(workspace, workspace.parent / "store"), wordcount)
    assert "wordcount reads transcripts, but 4 of 4 utterances have none" in said
    assert not good
    manifest = manifest.assign(transcript=["oh no", "yes", "oh no", "yes"])
    write_table(workspace / "data/prepared/toy/manifest.parquet", manifest, UTTERANCES)
    work = examine(workspace, workspace.parent / "store").works[-1]
    assert work.bytes == 2 * (4 * 4 + 4 + 8 + 4)
    assert work.seconds


@pytest.mark.usefixtures("no_encoders")
def test_a_disk_that_is_too_small_is_a_problem(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needed = sum(work.bytes for work in examine(workspace, workspace.parent / "store").works)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 0, int(needed * 1.1)))
    assert doctor() == 0
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 0, needed - 1))
    assert doctor() == 1
    assert "free some space, or move the store with MFSN_STORE" in capsys.readouterr().out


@pytest.mark.usefixtures("no_encoders")
def test_memory_that_is_too_small_is_said_and_no_problem(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for gigabytes, expected in (("1", "they fit"), ("0.0001", "reads them from the store")):
        monkeypatch.setenv("MFSN_MEMORY", gigabytes)
        said, good = found(examine(workspace, workspace.parent / "store"), "memory")
        assert good
        assert expected in said


def test_an_encoder_that_cannot_be_loaded_is_named(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Params, "read", ("tec", "mfcc"))
    set_params(workspace, tec={"model": "random/nothing-of-the-kind"})
    assert doctor() == 1
    shown = capsys.readouterr().out
    assert "NO  tec" in shown
    assert "it will not run before you correct what is marked NO: tec" in shown


def test_a_store_that_cannot_be_made_is_one_sentence(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "file").write_text("")
    monkeypatch.setattr(Params, "read", ("tec",))
    monkeypatch.setenv("MFSN_STORE", str(workspace / "file" / "store"))
    assert doctor() == 1
    assert "the store cannot be reached (Not a directory)" in capsys.readouterr().out


@pytest.mark.usefixtures("no_encoders")
def test_an_extra_that_the_parameters_need_is_looked_for(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    set_params(workspace, functionals={"set": "eGeMAPSv02"})
    said, good = found(examine(workspace, workspace.parent / "store"), "extra opensmile")
    assert (good, "pip install 'mfsn[opensmile]'" in said) == (False, True)


@pytest.mark.usefixtures("no_encoders")
def test_a_device_that_is_not_there_is_a_problem(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MFSN_DEVICE", "cuda:99")
    examined = examine(workspace, workspace.parent / "store")
    assert not found(examined, "device")[1]
    assert examined.problems[0].what == "device"


def refused(root: Path, what: str) -> str:
    """The sentence about it, which hinders a run."""
    said, good = found(examine(root, root.parent / "store"), what)
    assert not good
    return said


def edit_table(root: Path, old: str, new: str) -> None:
    table = root.parent / "corpora" / "toy" / "table.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new, 1))


@pytest.mark.usefixtures("no_encoders")
def test_a_corpus_that_prepare_accepts_is_said(workspace: Path) -> None:
    examined = examine(workspace, workspace.parent / "store")
    assert found(examined, "recordings") == (
        "4 utterances of the classes, with headers that can be read",
        True,
    )
    assert found(examined, "protocol") == ("official_split, 1 fold", True)


@pytest.mark.usefixtures("no_encoders")
def test_a_clip_that_went_after_it_was_prepared_is_a_problem(workspace: Path) -> None:
    prepare(workspace)
    (workspace.parent / "corpora" / "toy" / "1.wav").unlink()
    assert "names recordings that are not in" in refused(workspace, "recordings")


@pytest.mark.usefixtures("no_encoders")
def test_a_class_that_no_utterance_has_is_a_problem(workspace: Path) -> None:
    set_params(workspace, labels={"classes": ["happy", "sad", "proud"]})
    said = refused(workspace, "recordings")
    assert said.startswith("labels.classes asks for proud, which no utterance has")


def test_emotions_that_are_no_class_are_told_and_hinder_nothing(workspace: Path) -> None:
    """They can be meant so, or be misspelt."""
    edit_table(workspace, "sad,dev", "sda,dev")
    told, *_, warning = check_recordings(load_params(workspace), workspace)
    assert told.is_good
    assert told.found.endswith("; left out, not in labels.classes: sda 1")
    assert warning.is_good
    assert warning.found.startswith("the emotion 'sda' of 1 utterance looks like the class 'sad'")


@pytest.mark.usefixtures("no_encoders")
@pytest.mark.parametrize("damage", [b"", b"no sound at all", b"RIFF"])
def test_a_header_that_cannot_be_read_is_a_problem(workspace: Path, damage: bytes) -> None:
    prepare(workspace)
    (workspace.parent / "corpora" / "toy" / "3.wav").write_bytes(damage)
    assert "1 recording in" in refused(workspace, "recordings")
    assert "3.wav" in refused(workspace, "recordings")


@pytest.mark.usefixtures("no_encoders")
def test_speakers_that_the_protocol_needs_are_looked_for(workspace: Path) -> None:
    set_params(workspace, protocol={"name": "grouped_k_fold"})
    said = refused(workspace, "protocol")
    assert "grouped_k_fold needs the speaker of every utterance, and 4 of 4 have none" in said


@pytest.mark.usefixtures("no_encoders")
def test_a_checkout_that_dvc_refuses_is_a_problem(workspace: Path) -> None:
    for folder, what in ((".git", "git repository"), (".dvc", "DVC repository")):
        (workspace / folder).rmdir()
        assert f"{workspace} " in refused(workspace, what)


@pytest.mark.usefixtures("no_encoders")
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MFSN_WAIT", "x", "MFSN_WAIT=x: it takes a number of seconds"),
        ("MFSN_RAY", "", None),
        ("MFSN_STORE", __file__, "is a file; set it to a folder"),
        ("MFSN_CORPORA", __file__, "is a file; set it to a folder"),
    ],
)
def test_variables_that_are_malformed_are_problems(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str | None
) -> None:
    store = workspace.parent / "store"
    monkeypatch.setenv(name, value)
    told = {f.what: f for f in examine(workspace, store).findings}[name]
    assert told.is_good == (said is None)
    assert said is None or said in told.found


def test_a_ray_cluster_that_nobody_answers_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether Ray is installed does not matter here."""
    monkeypatch.setitem(sys.modules, "ray", sys)
    for address, said in (("somewhere", "it takes auto, or host:port"), ("127.0.0.1:1", "refused")):
        monkeypatch.setenv("MFSN_RAY", address)
        (told,) = [each for each in check_variables() if each.what == "MFSN_RAY"]
        assert not told.is_good
        assert said in told.found


def test_a_malformed_budget_is_told_and_hinders_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFSN_STORE_BUDGET", "much")
    (told,) = [each for each in check_variables() if each.what == "MFSN_STORE_BUDGET"]
    assert told.is_good
    assert told.mark == "??"
    assert "MFSN_STORE_BUDGET much: it takes a size such as 500MB" in told.found


def test_a_misspelt_variable_is_told_and_hinders_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFSN_STROE", "/somewhere")
    (told,) = [each for each in check_variables() if each.what == "MFSN_STROE"]
    assert told.is_good
    assert told.mark == "??"
    assert "did you mean MFSN_STORE?" in told.found


@pytest.mark.usefixtures("no_encoders")
def test_rows_that_a_digest_names_and_the_store_lacks_are_a_problem(workspace: Path) -> None:
    """DVC would run nothing, and training would find no rows."""
    store, params = workspace.parent / "store", load_params(workspace)
    cut(workspace)
    wanted = wanted_spec("mfcc", params, store)
    digest = workspace / "data/prepared/toy/features/mfcc.json"
    Digest.of(wanted, {}, {"0#0": wanted.row_key("0", 0)}).write(digest)
    said = refused(workspace, "mfcc of toy")
    assert "lacks 1 of the 1 row that the workspace names; `dvc repro` computes them again" in said
    register_owner(store, workspace, digest.relative_to(workspace), wanted.directory)
    assert found(examine(workspace, store), "mfcc of toy")[1]  # the next run computes it again
    forget(store, str(workspace))
    set_params(workspace, mfcc={"coefficients": 20})  # `dvc repro` computes others
    assert found(examine(workspace, store), "mfcc of toy")[1]


def test_thousands_of_headers_are_read_within_seconds(workspace: Path) -> None:
    corpus = workspace.parent / "corpora" / "toy"
    lines = ["path,emotion,split"]
    for number in range(2000):
        os.link(corpus / "0.wav", corpus / f"copy-{number}.wav")
        lines.append(f"copy-{number}.wav,{EMOTIONS[number % 4]},{SPLITS[number % 3 + 1]}")
    (corpus / "table.csv").write_text("\n".join(lines) + "\n")
    start = time.process_time()
    assert [f.what for f in check_recordings(load_params(workspace), workspace)] == [
        "recordings", "protocol",
    ]  # fmt: skip
    assert time.process_time() - start < 2.0


def test_all_extractors_of_the_preset_are_estimated(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor() == 0
    shown = capsys.readouterr().out
    for name in ("waveform", "sec", "tec", "spectrogram", "mfcc"):
        assert f"\n{name} " in shown
    assert shown.endswith("\nready to run\n")


def doctor() -> object:
    """Run `mfsn doctor`; its exit status."""
    with pytest.raises(SystemExit) as left:
        main(["doctor"])
    return left.value.code or 0


def test_encoders_that_cannot_be_fused_are_a_problem(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Params, "read", ("sec", "tec"))
    set_params(workspace, sec={"frames": "mean"})
    problems = examine(workspace, tmp_path / "store").problems
    assert [p for p in problems if "SEC has 1 frame per segment and TEC 149" in p.found]
    values = yaml.safe_load((workspace / "params.yaml").read_text()) | {"system": "sec_tec"}
    (workspace / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    assert not examine(workspace, tmp_path / "store").problems


def test_the_quick_form_loads_no_torch_and_reads_no_recording(workspace: Path) -> None:
    command = (
        "import sys\nfrom mfsn.audio import decoding\ndecoding.probe = None\n"
        "from mfsn.cli import main\ntry:\n    main(['doctor', '--quick'])\n"
        "finally:\n    print(sorted({'torch', 'transformers', 'sklearn'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=workspace, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *_, verdict, loaded = done.stdout.splitlines()
    assert "ok  not looked at  device, labels" in done.stdout
    assert (verdict, loaded) == ("nothing found that stops a run", "[]")


def test_the_quick_form_finds_missing_corpora_and_encoders(workspace: Path) -> None:
    set_params(workspace, corpus={"name": "ravdess", "reader": "ravdess"})
    set_params(workspace, sec={"model": "./nowhere", "levels": {"high": 4}})
    problems = [finding for finding in examine_quickly(workspace) if not finding.is_good]
    assert [problem.what for problem in problems] == ["corpus", "sec"]
    assert "set system: classical, which needs no encoder" in problems[1].found


def test_estimates_say_which_encoders_they_leave_out(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = {"model": "./nowhere", "levels": {"high": 4}}
    set_params(workspace, sec=missing, tec=missing)
    assert doctor() == 1
    printed = capsys.readouterr()
    lines = {line[4:].split()[0]: line for line in printed.out.splitlines() if line[4:].strip()}
    for what in ("disk", "memory", "time"):
        assert lines[what].endswith(" (sec and tec are not counted)")
    assert "looking at sec: how fast it is" in printed.err


def test_folds_are_shown_before_anything_was_prepared(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_params(workspace, protocol={"name": "official_split"})
    main_ok(["folds"])
    printed = capsys.readouterr().out
    assert [line.split()[1:3] for line in printed.splitlines()[1:4]] == [
        ["train", "2"], ["dev", "1"], ["test", "1"]
    ]  # fmt: skip
    assert "from names, labels and headers" in printed
    assert not (workspace / "data").exists()


def test_folds_of_a_corpus_with_problems_name_all_of_them(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path / "corpora" / "toy").glob("*.wav"):
        path.write_bytes(b"no sound")
    with pytest.raises(SystemExit) as ended:
        main(["folds"])
    assert ended.value.code != 0
    assert "mfsn: " in capsys.readouterr().err
