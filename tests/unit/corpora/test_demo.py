"""The spoken demo: balanced by design, the same bytes every time, spoken only when it has to be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import wave
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from mfsn.corpora.base import Utterance, get_reader
from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.corpora.demo.plan import Spoken, plan_demo, read_recipe
from mfsn.corpora.demo.speech import MARKER, ensure_spoken, write_demo
from mfsn.corpora.preparing.check import check_corpus
from mfsn.errors import CorpusError

EMOTIONS = ("angry", "happy", "neutral", "sad")
PLAN = plan_demo()
SOUND = {
    "v01-angry-angry-long-3": (67840, [17, -979, -881, 443, 338, -1739, 242, -2383]),
    "v03-sad-angry-medium-4": (53760, [159, -2, -105, 335, -82, -159, 477, 0]),
    "v06-neutral-angry-short-2": (10560, [-69, 685, 219, -1845, -331, -258, 360, 53]),
    "v09-happy-happy-long-3": (81280, [-344, 101, -132, -784, 36, -219, 628, 11]),
}
"""Length and eight samples of some recordings."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole demo, spoken once; not to be changed by a test."""
    root = tmp_path_factory.mktemp("corpora") / "demo"
    assert ensure_spoken(root)
    return root


@pytest.fixture
def short_demo(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Spoken]]:
    """Let the demo consist of its first three utterances."""
    plan = PLAN[:3]
    monkeypatch.setattr("mfsn.corpora.demo.speech.plan_demo", lambda: plan)
    yield plan


def utterances(root: Path) -> list[Utterance]:
    reader = get_reader("demo")
    return reader.utterances(root, reader.files(root))


def samples_of(path: Path) -> np.ndarray:
    with wave.open(str(path), "rb") as file:
        assert file.getparams()[:3] == (1, 2, 16_000)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float64)


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_words_and_prosody_are_independent() -> None:
    cells = Counter((s.speaker, s.emotion, s.sentence_emotion) for s in PLAN)
    speakers = {s.speaker for s in PLAN}
    assert len(speakers) == 10
    assert cells == dict.fromkeys(product(speakers, EMOTIONS, EMOTIONS), 3)


def test_every_voice_says_each_of_its_sentences_with_every_prosody() -> None:
    said = Counter((s.speaker, s.text) for s in PLAN)
    assert set(said.values()) == {4}
    assert len(said) == 120
    assert len({s.text for s in PLAN}) == 48
    assert {(s.speaker, s.text, s.emotion) for s in PLAN} == {
        (speaker, text, emotion) for speaker, text in said for emotion in EMOTIONS
    }


def test_sessions_hold_two_voices_of_both_genders() -> None:
    voices = {(s.session, s.gender, s.speaker) for s in PLAN}
    assert len(voices) == 10
    assert Counter((session, gender) for session, gender, _ in voices) == dict.fromkeys(
        product("12345", ("female", "male")), 1
    )


def test_prosody_varies_within_an_emotion_and_differs_between_them() -> None:
    for emotion, prosody in product(EMOTIONS, ("pitch", "range", "rate", "level_db")):
        assert len({s.prosody[prosody] for s in PLAN if s.emotion == emotion}) == 120
    for prosody, order in {
        "pitch": ("sad", "neutral", "angry", "happy"),
        "range": ("sad", "neutral", "angry", "happy"),
        "rate": ("sad", "neutral", "happy", "angry"),
        "level_db": ("sad", "neutral", "happy", "angry"),
    }.items():
        means = {e: np.mean([s.prosody[prosody] for s in PLAN if s.emotion == e]) for e in EMOTIONS}
        assert tuple(sorted(EMOTIONS, key=lambda e, m=means: m[e])) == order  # type: ignore[misc]


def test_ratings_follow_the_prosody_on_a_scale_of_five() -> None:
    for dimension, order in {
        "valence": ("angry", "neutral", "happy"),
        "arousal": ("sad", "neutral", "happy", "angry"),
        "dominance": ("sad", "neutral", "angry"),
    }.items():
        means = [np.mean([s.ratings[dimension] for s in PLAN if s.emotion == e]) for e in order]
        assert means == sorted(means)
        assert all(1 <= s.ratings[dimension] <= 5 for s in PLAN)
        assert len({s.ratings[dimension] for s in PLAN}) > 100  # more than a class with a number
    loudest = [s for s in PLAN if s.speaker == "v02"], [s for s in PLAN if s.speaker == "v03"]
    means = [np.mean([s.ratings["arousal"] for s in spoken]) for spoken in loudest]
    assert abs(means[0] - means[1]) < 0.2  # a speaker's habitual level does not count


def test_the_motivating_case_is_there() -> None:
    text = "I'm really happy right now"
    assert {(s.sentence_emotion, s.emotion) for s in PLAN if s.text == text} == {
        ("happy", emotion) for emotion in EMOTIONS
    }


def test_the_reader_takes_the_label_from_the_prosody(demo: Path) -> None:
    read = utterances(demo)
    planned = {s.name: s for s in PLAN}
    assert len(read) == 480
    assert Counter(u.emotion for u in read) == dict.fromkeys(EMOTIONS, 120)
    assert Counter(u.congruent for u in read) == {True: 120, False: 360}
    for utterance in read:
        spoken = planned[utterance.utterance_id]
        assert utterance.emotion == spoken.emotion
        assert utterance.congruent == (spoken.emotion == spoken.sentence_emotion)
        assert utterance.transcript == spoken.text
        rated = {name: getattr(utterance, name) for name in spoken.ratings}
        assert rated == spoken.ratings
        assert set(rated) == {"valence", "arousal", "dominance"}
        assert (utterance.speaker, utterance.session) == (spoken.speaker, spoken.session)


def test_durations_go_from_under_one_to_over_seven_seconds(demo: Path) -> None:
    durations = [len(samples_of(path)) / 16_000 for path in demo.rglob("*.wav")]
    assert 0.3 < min(durations) < 1 < 7 < max(durations) < 15
    assert sum(d < 1 for d in durations) > 20
    assert sum(d > 7 for d in durations) > 10


def test_what_is_heard_follows_the_prosody(demo: Path) -> None:
    heard = {s.name: samples_of(demo / s.speaker / f"{s.name}.wav") for s in PLAN}
    level = {e: [] for e in EMOTIONS}  # type: dict[str, list[float]]
    duration = {e: [] for e in EMOTIONS}  # type: dict[str, list[float]]
    for spoken in PLAN:
        wave_ = heard[spoken.name]
        level[spoken.emotion].append(20 * np.log10(np.sqrt(np.mean(wave_**2)) / 32768))
        duration[spoken.emotion].append(len(wave_))
        assert level[spoken.emotion][-1] == pytest.approx(spoken.prosody["level_db"], abs=0.2)
    assert sorted(EMOTIONS, key=lambda e: np.mean(level[e])) == ["sad", "neutral", "happy", "angry"]
    assert sorted(EMOTIONS, key=lambda e: np.mean(duration[e]))[-1] == "sad"
    assert sorted(EMOTIONS, key=lambda e: np.mean(duration[e]))[0] == "angry"


def test_happy_speech_is_higher_than_sad_speech(demo: Path) -> None:
    def pitch_hz(emotion: str) -> float:
        names = [s for s in PLAN if s.speaker == "v01" and s.emotion == emotion]
        return float(np.median([voiced_pitch(samples_of(demo / "v01" / f"{s.name}.wav"))
                                for s in names]))  # fmt: skip

    assert pitch_hz("happy") > 1.2 * pitch_hz("sad")


def voiced_pitch(wave_: np.ndarray) -> float:
    """Pitch of the loudest 64 ms, by autocorrelation between 80 and 500 Hz."""
    frames = np.lib.stride_tricks.sliding_window_view(wave_, 1024)[::256]
    frame = frames[np.argmax((frames**2).sum(axis=1))]
    correlation = np.correlate(frame, frame, "full")[1023:]
    return 16_000 / (32 + int(correlation[32:200].argmax()))


def test_an_utterance_depends_on_its_own_plan_only(demo: Path, tmp_path: Path) -> None:
    some = [PLAN[400], PLAN[7], PLAN[250]]  # another order, other predecessors
    write_demo(tmp_path, some)
    for spoken in some:
        path = f"{spoken.speaker}/{spoken.name}.wav"
        assert (tmp_path / path).read_bytes() == (demo / path).read_bytes()


def test_another_process_speaks_the_same_bytes(demo: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from mfsn.corpora.demo.plan import plan_demo\n"
        "from mfsn.corpora.demo.speech import write_demo\n"
        "write_demo(Path(sys.argv[1]), plan_demo()[100:480:120])"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, tmp_path], env=environment, check=True)
    spoken = contents(tmp_path)
    del spoken["metadata.csv"]
    assert len(spoken) == 4
    assert all((demo / path).read_bytes() == data for path, data in spoken.items())


def test_the_demo_passes_its_own_check(demo: Path) -> None:
    report = check_corpus(
        CorpusConfig(name="demo", reader="demo"),
        LabelsConfig(classes=list(EMOTIONS)),
        PrepareConfig(),
        demo,
    )
    assert report.survey.problems == []
    assert report.survey.silent == []
    assert report.survey.identical == []


def test_what_a_version_without_ratings_spoke_counts_as_not_spoken(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("utterance_id,path,speaker\nv01-1,v01/1.wav,v01\n")
    assert get_reader("demo").files(tmp_path) == []


def test_a_demo_that_is_there_is_not_spoken_again(demo: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo.rglob("*")}
    assert not ensure_spoken(demo)
    assert {path: path.stat().st_mtime_ns for path in demo.rglob("*")} == before


def rewrite_marker(root: Path, **values: object) -> None:
    marker = json.loads((root / MARKER).read_text())
    (root / MARKER).write_text(json.dumps(marker | values))


def test_another_recipe_is_spoken_anew(short_demo: list[Spoken], tmp_path: Path) -> None:
    root = tmp_path / "demo"
    ensure_spoken(root)
    first = contents(root)
    rewrite_marker(root, recipe="older")
    (root / "v01" / "relic.wav").touch()
    assert ensure_spoken(root) == f"replaced the demo in {root}"
    assert contents(root) == first


def change_recipe(monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
    changed = read_recipe() | values
    monkeypatch.setattr("mfsn.corpora.demo.speech.read_recipe", lambda: changed)


@pytest.mark.parametrize("change", [{"version": 2}, {"rms_db": -31.0}])
def test_a_new_version_or_parameter_is_another_recipe(
    short_demo: list[Spoken],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, object],
) -> None:
    root = tmp_path / "demo"
    ensure_spoken(root)
    change_recipe(monkeypatch, **change)
    assert ensure_spoken(root)
    assert not ensure_spoken(root)


@pytest.mark.parametrize(
    "recipe",
    [
        "7eca2fb01f81c81839b11c3edc16b43073fa570377ff82793121f4a162e7739f",
        "44cf26fa6abf3b2cb6938cebf153239d8c971f009a51225e4b939dc7ebfd67a1",
    ],
)
def test_a_folder_of_older_code_with_the_same_sound_is_kept(
    short_demo: list[Spoken], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    root = tmp_path / "demo"
    ensure_spoken(root)
    rewrite_marker(root, recipe=recipe)
    before = contents(root)
    assert ensure_spoken(root) is None
    assert contents(root) == before
    change_recipe(monkeypatch, version=2)
    assert ensure_spoken(root)


@pytest.mark.parametrize("change", ["recipe", "lost"])
def test_a_folder_that_somebody_named_is_never_replaced(
    short_demo: list[Spoken], tmp_path: Path, change: str
) -> None:
    root = tmp_path / "demo"
    assert ensure_spoken(root, named=True) == f"spoke the demo in {root}"
    if change == "recipe":
        rewrite_marker(root, recipe="older")
    else:
        next(root.rglob("*.wav")).unlink()
    before = contents(root)
    words = r"demo holds a demo that is incomplete or .*delete this folder.* MFSN_CORPUS_DEMO"
    with pytest.raises(CorpusError, match=words):
        ensure_spoken(root, named=True)
    link = tmp_path / "linked"
    link.symlink_to(root)
    with pytest.raises(CorpusError, match=words.replace("demo holds", "linked holds")):
        ensure_spoken(link)
    assert contents(root) == before


def test_the_sound_belongs_to_the_version(demo: Path) -> None:
    """If this fails, raise `version` in speech.yaml, and then write the new numbers here."""
    assert read_recipe()["version"] == 1
    for spoken, (length, heard) in SOUND.items():
        wave_ = samples_of(demo / spoken[:3] / f"{spoken}.wav")
        assert len(wave_) == length
        np.testing.assert_allclose(wave_[length // 9 :: length // 9][:8], heard, atol=3)


@pytest.mark.parametrize("lost", ["v01/v01-angry-angry-long-3.wav", MARKER + "/truncated"])
def test_a_damaged_demo_is_spoken_anew(short_demo: list[Spoken], tmp_path: Path, lost: str) -> None:
    root = tmp_path / "demo"
    ensure_spoken(root)
    first = contents(root)
    if lost.endswith("truncated"):
        (root / MARKER).write_text("{")
    else:
        (root / lost).unlink()
    assert ensure_spoken(root)
    assert contents(root) == first


def test_what_a_killed_process_left_is_cleared(short_demo: list[Spoken], tmp_path: Path) -> None:
    root = tmp_path / "demo"
    for left in (".demo.partial", ".demo.old"):
        (tmp_path / left / "v01").mkdir(parents=True)
        (tmp_path / left / "v01" / "half.wav").write_text("half")
    assert ensure_spoken(root)
    assert not list(root.rglob("half.wav"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".demo.lock", "demo"]


def test_of_two_at_once_one_speaks(short_demo: list[Spoken], tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        spoke = list(pool.map(ensure_spoken, [tmp_path / "demo"] * 2))
    assert sorted(map(bool, spoke)) == [False, True]


def test_a_folder_with_other_files_is_left_alone(short_demo: list[Spoken], tmp_path: Path) -> None:
    root = tmp_path / "demo"
    root.mkdir()
    (root / "thesis.txt").write_text("precious")
    with pytest.raises(CorpusError, match="holds files that are not the demo's; move them"):
        ensure_spoken(root)
    assert contents(root) == {"thesis.txt": b"precious"}


def test_a_recording_that_the_demo_did_not_speak_is_refused(
    short_demo: list[Spoken], tmp_path: Path
) -> None:
    root = tmp_path / "demo"
    ensure_spoken(root)
    shutil.copy(next(root.rglob("*.wav")), root / "mine.wav")
    with pytest.raises(CorpusError, match=r"do not belong to the demo: mine\.wav; put your own"):
        utterances(root)


def test_without_espeak_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(CorpusError, match=r'pip install "mfsn\[demo\]"'):
        ensure_spoken(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()
