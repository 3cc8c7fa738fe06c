"""Prediction from files: the pipeline's own results, for any file, with any system."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import soundfile
import yaml

import mfsn
from mfsn import cli
from mfsn.errors import AudioError, ConfigError, PredictionError
from mfsn.features.config import FunctionalsConfig
from mfsn.features.extraction.extraction import extract
from mfsn.features.extractors.functionals import FunctionalsExtractor
from mfsn.features.registry import make_extractor
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table, write_table
from mfsn.params import Params, experiment_of, outputs_of
from mfsn.prediction.predict import Predictor, best_model, predict, uncertain
from mfsn.prediction.records import Piece, Prediction
from mfsn.segments.waves import segment_corpus
from mfsn.systems.search import run_search
from mfsn.systems.train import run_train

RATE_HZ = 16_000
CLASSES = ("angry", "sad")
AS_PUBLISHED = "coattention-as-published"
SYSTEMS = ("mfsn", "acoustic", "classical", AS_PUBLISHED)
RATING = ("acoustic", "classical")
"""Systems that are trained on dimensions, too."""
DIMENSIONS = ["valence", "arousal"]
CHANGES: dict[str, Any] = {
    "corpus": {"name": "toy", "reader": "table"},
    "labels": {"classes": list(CLASSES), "merge": {}},
    "segment": {"duration_s": 0.5, "sample_rate_hz": RATE_HZ},
}


@dataclass(frozen=True)
class Toy:
    """A workspace with a tiny corpus and a model of each system."""

    root: Path
    corpus: Path

    def params(self, system: str, rating: bool = False) -> Params:
        values = yaml.safe_load((self.root / "params.yaml").read_text())
        if rating:
            values["labels"] |= {"target": "dimensions", "dimensions": DIMENSIONS}
        experiment = f"{system}-rating" if rating else system
        if system == AS_PUBLISHED:
            values["segment"]["reading"], system = "as_published", "coattention"
        return Params.parse(values | {"system": system, "experiment": experiment}, "test")

    def models(self, system: str, rating: bool = False) -> Path:
        return outputs_of(self.params(system, rating), self.root).models

    def file(self, number: int) -> Path:
        return sorted(self.corpus.iterdir())[number]


def sound(emotion: str, number: int) -> npt.NDArray[np.float64]:
    """A high and loud, or a low and soft tone of a third of a second to over one second."""
    time = np.arange(5_000 + 1_333 * number) / RATE_HZ
    pitch_hz, level = (320, 0.5) if emotion == "angry" else (120, 0.1)
    noise = 0.01 * np.random.default_rng(number).standard_normal(len(time))
    return np.asarray(level * np.sin(2 * np.pi * (pitch_hz + 5 * number) * time) + noise)


def write_corpus(folder: Path) -> pd.DataFrame:
    """Three sessions of one speaker and four utterances; the manifest."""
    folder.mkdir()
    records = []
    for number in range(12):
        emotion, session = CLASSES[number % 2], f"ses{number // 4}"
        path = folder / f"{number:02d}-{emotion}.wav"
        soundfile.write(path, sound(emotion, number), RATE_HZ)
        records.append(
            {
                "utterance_id": path.stem,
                "path": path.name,
                "audio_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "speaker": f"{session}-speaker",
                "session": session,
                "emotion": emotion,
                "duration_s": 1.0,
                "licence": "none",
            }
        )
    empty = dict.fromkeys(("gender", "transcript", "split", "congruent"))
    manifest = pd.DataFrame([record | empty for record in records]).assign(dominance=np.nan)
    arousal = manifest["emotion"].map({"angry": 4.0, "sad": 2.0})
    return manifest.assign(arousal=arousal, valence=np.linspace(1, 5, len(manifest)))


def run_stages(params: Params, manifest: pd.DataFrame, corpus: Path, root: Path) -> None:
    outputs, store = outputs_of(params, root), root / "store"
    write_table(outputs.manifest, manifest, UTTERANCES)
    segments = segment_corpus(manifest, corpus, params.segment, store)
    write_table(outputs.segments, segments, SEGMENTS)
    cut = (RATE_HZ, params.segment.samples, params.segment.reading)
    for name in params.extract.extractors:
        extractor = make_extractor(name, params.section(name), *cut)
        extract(extractor, segments, params.segment, store).write(outputs.digest(name))
    experiment = experiment_of(params, outputs, code={})
    run_search(experiment, 1, lambda line: None)
    run_train(experiment, 1, lambda line: None)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Iterator[Toy]:
    root = tmp_path_factory.mktemp("workspace")
    toy = Toy(root, root / "corpus")
    shutil.copy(checkout / "dvc.yaml", root)
    values = yaml.safe_load((checkout / "params.yaml").read_text()) | CHANGES
    values["optimisation"] |= {"epochs": 2, "batch_size": 8}
    values["sec"]["levels"] = {"low": 1, "mid": 2, "high": 4}
    (root / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    manifest = write_corpus(toy.corpus)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MFSN_STORE", str(root / "store"))
        for system in SYSTEMS:
            run_stages(toy.params(system), manifest, toy.corpus, root)
        for system in RATING:
            run_stages(toy.params(system, rating=True), manifest, toy.corpus, root)
        yield toy


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_file_of_the_corpus_gets_what_the_pipeline_gave_it(toy: Toy, system: str) -> None:
    outputs = outputs_of(toy.params(system), toy.root)
    table = read_table(outputs.segment_predictions)
    for fold, expected in table.groupby("fold"):
        names = list(dict.fromkeys(expected["utterance_id"]))
        found = Predictor(outputs.models / f"{fold}-seed0").predict(
            [toy.corpus / f"{name}.wav" for name in names]
        )
        assert [Path(file.path).stem for file in found.files] == names
        posteriors = [list(piece.posteriors.values()) for f in found.files for piece in f.pieces]
        columns = [f"log_posterior_{name}" for name in CLASSES]
        assert np.allclose(posteriors, np.exp(expected[columns].to_numpy()), atol=1e-5)


@pytest.mark.parametrize("system", RATING)
def test_a_model_of_dimensions_gives_the_values_of_the_pipeline(toy: Toy, system: str) -> None:
    outputs = outputs_of(toy.params(system, rating=True), toy.root)
    for fold, expected in read_table(outputs.segment_predictions).groupby("fold"):
        names = list(dict.fromkeys(expected["utterance_id"]))
        predictor = Predictor(outputs.models / f"{fold}-seed0")
        found = predictor.predict([toy.corpus / f"{name}.wav" for name in names])
        values = [list(piece.values.values()) for file in found.files for piece in file.pieces]
        columns = [f"predicted_{name}" for name in DIMENSIONS]
        np.testing.assert_allclose(values, expected[columns].to_numpy(), atol=1e-4)


def test_values_are_the_mean_of_the_pieces_and_decide_no_class(toy: Toy) -> None:
    folder = best_model(toy.models("acoustic", rating=True))
    found = Predictor(folder).predict([toy.file(11), toy.file(0)])
    long, _ = found.files
    assert len(long.pieces) > 1
    for name in DIMENSIONS:
        mean = np.mean([piece.values[name] for piece in long.pieces])
        assert long.values[name] == pytest.approx(mean)
    assert list(found.to_frame().columns) == ["path", "duration_s", *DIMENSIONS]
    assert set(found.to_dict()["files"][0]) == {"path", "pieces", "values"}
    assert "development CCC" in found.model


def test_the_best_model_of_dimensions_has_the_largest_ccc(toy: Toy) -> None:
    models = toy.models("classical", rating=True)
    found = {p.parent: json.loads(p.read_text())["dev"] for p in models.glob("*/model.json")}
    assert best_model(models) == max(found, key=lambda folder: found[folder]["ccc"])


def test_the_order_of_levels_survives_json(toy: Toy) -> None:
    """The last SEC level is S_N; sorted by name it would be another."""
    record = json.loads((best_model(toy.models("mfsn")) / "model.json").read_text())
    assert record["levels"] == ["low", "mid", "high"]
    about = json.loads((toy.models("mfsn") / "run.json").read_text())["features"]["sec"]["about"]
    assert about["levels"] == ["low", "mid", "high"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_files_do_not_influence_each_other(toy: Toy, system: str) -> None:
    predictor = Predictor(best_model(toy.models(system)))
    paths = [toy.file(n) for n in (11, 0, 5)]
    together = predictor.predict(paths).files
    alone = [predictor.predict([path]).files[0] for path in paths]
    for one, other in zip(together, alone, strict=True):
        assert one.emotion == other.emotion
        assert one.posteriors == pytest.approx(other.posteriors, abs=1e-6)


def test_arrays_and_open_files_are_predicted_as_the_file_is(toy: Toy) -> None:
    path = toy.file(11)
    wave, rate = soundfile.read(path, dtype="int16")
    with path.open("rb") as opened:
        found = mfsn.predict([path, (wave, rate), opened], toy.root, best_model(toy.models("mfsn")))
    first = found.files[0]
    assert [file.path for file in found.files] == [str(path), "recording 2", str(path)]
    for file in found.files[1:]:
        assert file.posteriors == first.posteriors
        assert file.pieces == first.pieces
    (alone,) = Predictor(best_model(toy.models("mfsn"))).predict((wave, rate)).files
    assert alone.path == "recording 1"
    assert alone.posteriors == pytest.approx(first.posteriors, abs=1e-6)


def test_any_rate_channel_count_and_length_is_taken(toy: Toy, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = [(44_100, (90_000, 2)), (8_000, (3, 1)), (48_000, (48_000, 6)), (16_000, (1,))]
    paths = []
    for number, (rate, shape) in enumerate(shapes):
        paths.append(tmp_path / f"{number}.wav")
        soundfile.write(paths[-1], 0.1 * rng.standard_normal(shape), rate)
    predictor = Predictor(best_model(toy.models("acoustic")))
    for file in predictor.predict(paths).files:
        assert sum(file.posteriors.values()) == pytest.approx(1)
        assert file.emotion in CLASSES
    longest = predictor.predict(paths[:1]).files[0]
    assert [(p.start_s, p.end_s) for p in longest.pieces][:2] == [(0.0, 0.5), (0.5, 1.0)]
    assert longest.pieces[-1].end_s == pytest.approx(90_000 / 44_100, abs=1e-4)


def test_the_classical_baseline_decides_whole_recordings(toy: Toy) -> None:
    (file,) = Predictor(best_model(toy.models("classical"))).predict([toy.file(11)]).files
    (piece,) = file.pieces
    assert piece.start_s == 0
    assert piece.end_s == pytest.approx((5_000 + 1_333 * 11) / RATE_HZ)
    assert piece.posteriors == pytest.approx(file.posteriors)


def test_the_workspaces_own_experiment_and_aggregation_count(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = yaml.safe_load((toy.root / "params.yaml").read_text())
    values |= {"system": "acoustic", "experiment": "acoustic"}
    values["evaluate"]["aggregation"] = "majority_vote"
    monkeypatch.setattr(
        "mfsn.prediction.predict.load_params", lambda home: Params.parse(values, str(home))
    )
    found = predict([toy.file(11)], toy.root)
    (file,) = found.files
    assert found.model.startswith("acoustic trained on toy, fold ses")
    votes = [
        max(piece.posteriors, key=lambda name: piece.posteriors[name]) for piece in file.pieces
    ]
    assert file.posteriors == {name: votes.count(name) / len(votes) for name in CLASSES}


def test_another_model_can_be_named(toy: Toy) -> None:
    found = predict([toy.file(0)], toy.root, toy.models("acoustic") / "ses2-seed0")
    assert "fold ses2, seed 0" in found.model


def test_the_best_model_has_the_largest_development_score(tmp_path: Path) -> None:
    for name, ua, wa in [("a", 0.5, 0.6), ("b", 0.7, 0.5), ("c", 0.6, 0.6), ("d", 0.2, 0.3)]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.json").write_text(json.dumps({"dev": {"ua": ua, "wa": wa}}))
    assert best_model(tmp_path).name == "b"


def test_results_as_a_table_and_as_plain_values(toy: Toy) -> None:
    found = Predictor(best_model(toy.models("acoustic"))).predict([toy.file(3), toy.file(1)])
    table = found.to_frame()
    assert list(table.columns) == [
        "path", "emotion", "duration_s", "posterior_angry", "posterior_sad",
    ]  # fmt: skip
    assert list(table["path"]) == [str(toy.file(3)), str(toy.file(1))]
    assert list(table["duration_s"]) == pytest.approx(
        [(5_000 + 1_333 * n) / RATE_HZ for n in (3, 1)]
    )
    again = json.loads(json.dumps(found.to_dict()))
    assert again["files"][0]["posteriors"] == found.files[0].posteriors
    assert again["files"][1]["pieces"][0]["start_s"] == 0


# Warnings


def test_random_encoders_are_named(toy: Toy) -> None:
    found = Predictor(best_model(toy.models("mfsn"))).predict([toy.file(0)])
    assert any("sec and tec have random weights" in warning for warning in found.warnings)
    assert Predictor(best_model(toy.models("acoustic"))).predict([toy.file(0)]).warnings == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"corpus": "demo"}, "synthetic voices; it knows nothing about people"),
        ({"parameters": {"optimisation": {"shuffle_labels": True}}}, "learnt shuffled labels"),
    ],
)
def test_models_that_mean_nothing_say_so(
    toy: Toy, tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    folder = copy_of_model(toy, tmp_path, "acoustic", change)
    (warning,) = Predictor(folder).predict([toy.file(0)]).warnings
    assert sentence in warning


@pytest.mark.parametrize(("right", "warned"), [(0.6, True), (1.0, False)])
def test_posteriors_above_what_the_model_achieved_are_doubted(right: float, warned: bool) -> None:
    scores = {"angry": 0.99, "sad": 0.01}
    file = Prediction("a.wav", "angry", scores, (Piece(0, 1, scores),))
    found = list(uncertain([file], {"ua": right, "wa": right}))
    assert bool(found) is warned
    assert all("not calibrated" in line and "60%" in line for line in found)
    unsure = Prediction("a.wav", "angry", {"angry": 0.7, "sad": 0.3}, file.pieces)
    assert not list(uncertain([unsure], {"ua": 0.6, "wa": 0.6}))


def test_windows_weigh_segments_by_their_length() -> None:
    pieces = tuple(
        Piece(3.0 * n, 3.0 * n + (3 if n < 24 else 1), {"a": n / 25, "b": 1 - n / 25})
        for n in range(25)
    )
    windows = Prediction("a.wav", "a", {"a": 0.5, "b": 0.5}, pieces).over_time()
    assert [(w.start_s, w.end_s) for w in windows] == [
        (0, 15), (15, 30), (30, 45), (45, 60), (60, 73),
    ]  # fmt: skip
    assert windows[0].posteriors["a"] == pytest.approx(2 / 25)
    assert windows[-1].posteriors["a"] == pytest.approx((3 * (20 + 21 + 22 + 23) + 24) / 13 / 25)
    hour = tuple(Piece(3.0 * n, 3.0 * n + 3, {}, {"v": 1.0}) for n in range(1200))
    assert len(Prediction("a.wav", None, {}, hour, {"v": 1.0}).over_time()) == 20


def test_what_is_loaded_is_said_before(toy: Toy) -> None:
    said: list[str] = []
    Predictor(best_model(toy.models("mfsn")), say=said.append)
    assert said[0].startswith("loading mfsn trained on toy, fold ")
    assert [line.partition(":")[0] for line in said[1:]] == ["loading sec", "loading tec"]


def test_silence_is_named(toy: Toy, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "quiet.wav", np.zeros(20_000), RATE_HZ)
    found = Predictor(best_model(toy.models("acoustic"))).predict([tmp_path / "quiet.wav"])
    assert found.warnings == (f"{tmp_path / 'quiet.wav'} is silent",)


# Bad input


def test_all_bad_files_are_reported_together(toy: Toy, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not audio")
    (tmp_path / "empty.wav").touch()
    paths = [tmp_path / "text.wav", toy.file(0), tmp_path / "absent.wav", tmp_path / "empty.wav"]
    with pytest.raises(AudioError, match="3 audio files cannot be used") as caught:
        Predictor(best_model(toy.models("acoustic"))).predict(paths)
    for name in ("text.wav", "absent.wav", "empty.wav"):
        assert name in str(caught.value)


def test_one_bad_file_is_one_sentence(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(AudioError) as caught:
        Predictor(best_model(toy.models("acoustic"))).predict([tmp_path / "absent.wav"])
    assert str(caught.value).startswith(str(tmp_path / "absent.wav"))
    assert "\n" not in str(caught.value)


def test_the_command_predicts_the_others_and_names_the_bad_files(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(toy.root)
    (tmp_path / "text.wav").write_text("not audio")
    files = map(str, [tmp_path / "text.wav", toy.file(3), tmp_path / "absent.wav", toy.file(1)])
    model = best_model(toy.models("acoustic"))
    with pytest.raises(SystemExit) as ended:
        cli.main(["predict", *files, "--json", "--model", str(model)])
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert ended.value.code == 1
    assert [file["path"] for file in found["files"]] == [str(toy.file(n)) for n in (3, 1)]
    loading, *errors = said.err.splitlines()
    assert loading.startswith("mfsn: loading acoustic")
    assert [f"mfsn: {failure}" for failure in found["failures"]] == errors
    assert ["text.wav" in said.err, "absent.wav" in said.err] == [True, True]


def test_copies_at_other_speeds_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = FunctionalsExtractor(FunctionalsConfig(speeds=(0.9, 1.1)), RATE_HZ)
    monkeypatch.setattr("mfsn.features.extractors.functionals.at_speed", None)
    wave, valid = sound("sad", 0).astype(np.float32), np.array([5_000])
    assert list(extractor.without_copies().extract(wave[None], valid)) == ["functionals"]


def test_no_file_is_refused(toy: Toy) -> None:
    with pytest.raises(PredictionError, match="give at least one audio file or array"):
        Predictor(best_model(toy.models("acoustic"))).predict([])


def test_without_a_trained_model_the_way_to_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(PredictionError, match=r"no trained model in .*; run `dvc repro` first"):
        best_model(tmp_path / "models")


def test_a_folder_without_a_model_is_refused(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(PredictionError, match=r"model.json is missing, so .* no trained model"):
        predict([toy.file(0)], toy.root, tmp_path)


@pytest.mark.parametrize("content", ['{"dev"', '{"dev": {"ua": 1, "wa": 1}}', "[]"])
@pytest.mark.parametrize("record", ["model.json", "run.json"])
def test_a_damaged_record_is_one_sentence(
    toy: Toy, tmp_path: Path, record: str, content: str
) -> None:
    folder = copy_of_model(toy, tmp_path, "acoustic", {})
    (path,) = tmp_path.rglob(record)
    path.write_text(content)
    with pytest.raises(PredictionError, match=rf"{record} is damaged; run `dvc repro`"):
        Predictor(folder)


def test_a_feature_that_is_no_longer_the_same_is_refused(toy: Toy, tmp_path: Path) -> None:
    run = json.loads((toy.models("acoustic") / "run.json").read_text())
    run["features"]["mfcc"]["recipe"]["version"] += 1
    folder = copy_of_model(toy, tmp_path, "acoustic", {"features": run["features"]})
    with pytest.raises(PredictionError, match=r"mfcc no longer computes what .* train again"):
        Predictor(folder)


def test_a_parameter_of_another_version_is_refused(toy: Toy, tmp_path: Path) -> None:
    run = json.loads((toy.models("acoustic") / "run.json").read_text())
    run["features"]["mfcc"]["about"]["config"]["liftering"] = 22
    folder = copy_of_model(toy, tmp_path, "acoustic", {"features": run["features"]})
    with pytest.raises(ConfigError, match="the model's mfcc: liftering is not a parameter"):
        Predictor(folder)


def copy_of_model(toy: Toy, target: Path, system: str, change: dict[str, Any]) -> Path:
    """A model with another run.json."""
    folder = best_model(toy.models(system))
    run = json.loads((folder.parent / "run.json").read_text()) | change
    (target / "run.json").write_text(json.dumps(run))
    (target / folder.name).mkdir()
    for path in folder.iterdir():
        (target / folder.name / path.name).write_bytes(path.read_bytes())
    return target / folder.name
