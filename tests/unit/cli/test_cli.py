"""The command line: what it prints, how it exits, and how little it imports."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mfsn import __version__, cli
from mfsn.errors import StoreBusyError
from mfsn.params import load_params
from mfsn.prediction.records import Piece, Prediction, Predictions
from mfsn.presets import preset_params
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store

HEAVY = ("torch", "transformers", "pandas", "numpy", "matplotlib", "sklearn", "zarr", "pydantic")


@pytest.fixture
def workspace(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of its own to stand in, with an empty store."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(checkout / name, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MFSN_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return folder


def run(*arguments: str) -> int:
    """The exit status of `mfsn ARGUMENTS`."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"mfsn {__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom mfsn.cli import main\ntry:\n    main(['--help'])\n"
        f"finally:\n    print([n for n in {HEAVY} if n in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    commands = {line.split()[0] for line in done.stdout.partition("Commands:")[2].splitlines()[1:]}
    assert commands == {
        "preset", "corpus", "folds", "cache", "doctor", "guidance", "inspect", "predict",
        "reproduce", "results", "set",
    }  # fmt: skip


@pytest.mark.parametrize("group", [(), ("cache",), ("corpus",)])
def test_help_shows_whole_sentences(
    group: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*group, "--help") == 0
    assert "..." not in capsys.readouterr().out.partition("Commands:")[2]


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("preset", "--sice", "demo"), ("inspect",), ("cache", "lsx")]
)
def test_usage_errors_exit_with_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments) == 2


def test_presets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("preset") == 0
    out = capsys.readouterr().out
    assert re.search(r"^ravdess +RAVDESS speech", out, re.MULTILINE)
    assert "paper" in out


def test_preset_rewrites_and_tells(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("preset", "ravdess", "--size", "demo") == 0
    assert load_params(workspace) == preset_params("ravdess", "demo")
    captured = capsys.readouterr()
    assert "corpus.name: demo -> ravdess\n" in captured.out
    assert captured.err == ""


def test_preset_works_from_a_folder_below(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "notebooks").mkdir()
    monkeypatch.chdir(workspace / "notebooks")
    assert run("preset", "emodb") == 0
    assert load_params(workspace).corpus.name == "emodb"


def test_preset_warns_of_what_only_git_can_bring_back(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = workspace / "params.yaml"
    path.write_text(path.read_text("utf-8").replace("seeds: [0]", "seeds: [0, 1, 2]"), "utf-8")
    assert run("preset", "demo") == 0
    assert "were replaced: seeds: [0, 1, 2]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("preset", "ravdes"), 2, "there is no preset ravdes"),
        (("preset", "demo", "--size", "big"), 2, "there is no size big"),
        (("preset", "--size", "paper"), 2, "--size needs a preset"),
        (("folds",), 1, "the first run makes the corpus demo; run `dvc repro prepare`"),
        (("inspect", "x"), 1, "manifest.parquet is missing; run `dvc repro`"),
    ],
)
def test_known_errors_are_one_sentence(
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    status: int,
    words: str,
) -> None:
    assert run(*arguments) == status
    captured = capsys.readouterr()
    assert captured.err.startswith("mfsn: ")
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_outside_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("folds") == 2
    assert "is not in a checkout" in capsys.readouterr().err


def test_a_bug_is_not_dressed_up_as_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mfsn.presets.presets", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["preset"])


def test_an_empty_store_is_listed_as_empty(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("cache", "ls") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "0 rows, 0 B"


@pytest.fixture
def store(workspace: Path, tmp_path: Path) -> Store:
    """A store with three rows of one array."""
    arrays = (ArraySpec("values", (2, 3), "float32", ("frame", "feature")),)
    store = Store(tmp_path / "store", StoreSpec("toy", {"version": 1}, arrays))
    rows = np.arange(18, dtype=np.float32).reshape(3, 2, 3)
    with store.writer({"config": {"model": "random/toy"}, "weights": "random weights"}) as writer:
        writer.append([store.spec.row_key(f"{n}" * 64, 0) for n in range(3)], {"values": rows})
    return store


def test_the_store_is_listed(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("cache", "ls") == 0
    cells = re.split(" {2,}", capsys.readouterr().out.splitlines()[1])
    assert cells[:5] == [
        store.spec.directory,
        "random/toy",
        "random weights",
        "values: 2x3 float32",
        "3",
    ]
    assert cells[6] == "nobody"


def test_a_sound_store_verifies(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("cache", "verify") == 0
    assert "3 rows" in capsys.readouterr().out


def test_a_damaged_store_is_told_and_repaired(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    value = np.float32(7).tobytes()
    shard = next(p for p in store.path.rglob("*") if p.is_file() and value in p.read_bytes())
    shard.write_bytes(shard.read_bytes().replace(value, np.float32(8).tobytes()))
    assert run("cache", "verify") == 1
    assert "1 row of values not as written" in capsys.readouterr().out
    assert run("cache", "verify", "--repair") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "everything is repaired"
    assert run("cache", "verify") == 0


def test_a_busy_store_is_a_sentence(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def busy(*_: object) -> None:
        raise StoreBusyError("another process is writing")

    monkeypatch.setattr("mfsn.store.upkeep.verify.verify", busy)
    assert run("cache", "verify", "--repair") == 1
    assert capsys.readouterr().err == "mfsn: another process is writing\n"


def test_a_missing_corpus_is_reported(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("preset", "ravdess") == 0
    assert run("corpus", "check", "--root", str(tmp_path / "nowhere")) == 1
    out = capsys.readouterr().out
    assert "problem:" in out
    assert "nowhere" in out


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Replaces prediction; keeps what it was asked for."""
    pieces = (Piece(0.0, 3.0, {"calm": 0.25, "tense": 0.75}),)
    files = (Prediction("söme.wav", "tense", {"calm": 0.25, "tense": 0.75}, pieces),)
    found = Predictions("fold 1, seed 0 of toy", ("it is the demo's",), files)
    asked: list[tuple[object, ...]] = []

    def answer(
        paths: object, *, model: object, keep_going: bool, say: Callable[[str], None]
    ) -> Predictions:
        assert keep_going
        say("loading sec: toy")
        asked.append((paths, model))
        return found

    monkeypatch.setattr("mfsn.prediction.predict.predict", answer)
    return asked


def test_predictions_are_a_table_with_warnings_aside(
    told: list[tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", "söme.wav") == 0
    captured = capsys.readouterr()
    header, row = captured.out.splitlines()
    cells = dict(zip(header.split(), row.split(), strict=True))
    assert (cells["path"], cells["emotion"]) == ("söme.wav", "tense")
    assert (cells["calm"], cells["tense"]) == ("0.250", "0.750")
    loading, *rest = captured.err.splitlines()
    assert loading == "mfsn: loading sec: toy"
    assert rest == ["mfsn: warning: it is the demo's", "by fold 1, seed 0 of toy"]
    assert told == [(["söme.wav"], None)]


def predicted(monkeypatch: pytest.MonkeyPatch, file: Prediction) -> None:
    found = Predictions("a model", (), (file,))
    monkeypatch.setattr("mfsn.prediction.predict.predict", lambda *_, **__: found)


def test_a_saturated_posterior_is_not_shown_as_certain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = {"calm": 1.0, "tense": 0.0}
    predicted(monkeypatch, Prediction("a.wav", "calm", scores, (Piece(0.0, 0.9999, scores),)))
    assert run("predict", "a.wav") == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].split() == ["a.wav", "calm", "1.000", ">0.999", "0.000"]
    assert "over time" not in out


def test_a_long_recording_gets_its_emotions_over_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pieces = tuple(
        Piece(3.0 * n, min(3.0 * n + 3, 61), {"calm": share, "tense": 1 - share})
        for n, share in enumerate([0.9] * 10 + [0.2] * 11)
    )
    predicted(monkeypatch, Prediction("a.wav", "calm", {"calm": 0.5, "tense": 0.5}, pieces))
    assert run("predict", "a.wav") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == "a.wav over time:"
    assert [line.split() for line in lines[4:]] == [
        ["from", "to", "emotion", "calm", "tense"],
        ["0:00", "0:15", "calm", "0.900", "0.100"],
        ["0:15", "0:30", "calm", "0.900", "0.100"],
        ["0:30", "0:45", "tense", "0.200", "0.800"],
        ["0:45", "1:00", "tense", "0.200", "0.800"],
        ["1:00", "1:01", "tense", "0.200", "0.800"],
    ]


def test_predictions_are_json_on_request(
    told: list[tuple[object, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", "söme.wav", "b.flac", "--json", "--model", str(tmp_path)) == 0
    captured = capsys.readouterr()
    values = json.loads(captured.out)
    assert values["warnings"] == ["it is the demo's"]
    assert values["files"][0]["posteriors"] == {"calm": 0.25, "tense": 0.75}
    assert values["model"] == "fold 1, seed 0 of toy"
    assert "warning" in captured.err
    assert told == [(["söme.wav", "b.flac"], tmp_path)]


def test_prediction_without_a_model_is_a_sentence(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", "a.wav") == 1
    assert "no trained model" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["secc", "/etc", "../..", ""])
@pytest.mark.parametrize("command", [("verify",), ("export", "x.h5")])
def test_an_unknown_extractor_is_one_sentence(
    workspace: Path, command: tuple[str, ...], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("cache", *command, "--extractor", name) == 2
    assert "choose one of waveform, sec, tec" in capsys.readouterr().err
    assert not (workspace / "x.h5").exists()
