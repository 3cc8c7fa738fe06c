"""IEMOCAP, built in its full shape from what is published about it; all contents are invented."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mfsn.corpora.base import Utterance, get_reader
from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.corpora.preparing.check import check_corpus
from mfsn.corpora.preparing.prepare import prepare_corpus
from mfsn.corpora.preparing.scan import scan_corpus
from mfsn.errors import CorpusError
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.make import make_folds

Wav = Callable[..., bytes]

SESSIONS = {1: 1819, 2: 1811, 3: 2136, 4: 2103, 5: 2170}
# Of each speaker: angry, sad, happy and excited together, neutral.
SPEAKERS = {
    "1F": (147, 78, 132, 171), "1M": (82, 116, 146, 213), "2F": (67, 113, 166, 135),
    "2M": (70, 84, 161, 227), "3F": (92, 172, 128, 130), "3M": (148, 133, 158, 190),
    "4F": (205, 62, 185, 76), "4M": (122, 81, 118, 182), "5F": (78, 132, 159, 221),
    "5M": (92, 113, 283, 163),
}  # fmt: skip
HAPPY = {1: 135, 2: 117, 3: 135, 4: 65, 5: 143}  # the rest of happy and excited is excited
IMPROVISED = {"ang": 289, "hap": 284, "exc": 663, "sad": 608, "neu": 1099}
OTHERS = {"fru": 1849, "sur": 107, "fea": 40, "oth": 3, "dis": 2, "xxx": 2507}
SCRIPTS = ("01_1", "01_2", "01_3", "02_1", "02_2", "03_1", "03_2")
WORDS = {
    "ang": "Anger", "hap": "Happiness", "exc": "Excited", "sad": "Sadness", "neu": "Neutral",
    "fru": "Frustration", "fea": "Fear", "sur": "Surprise", "dis": "Disgust", "oth": "Other",
}  # fmt: skip

FOUR = LabelsConfig(classes=["angry", "happy", "neutral", "sad"], merge={"excited": "happy"})
WITHOUT_EXCITED = LabelsConfig(classes=["angry", "happy", "neutral", "sad"])
IEMOCAP = CorpusConfig(name="iemocap", reader="iemocap")


def dialogues(session: int) -> Iterator[str]:
    """The names of a session's dialogues, the irregular ones included."""
    improvised = [f"impro0{number}" for number in range(1, 8 if session == 1 else 9)]
    for marked in "FM":
        names = [*improvised, *(f"script{script}" for script in SCRIPTS)]
        if (session, marked) == (3, "M"):
            names = [n for n in names if n not in ("impro05", "impro08")]
            names += ["impro05a", "impro05b", "impro08a", "impro08b"]
        if (session, marked) == (5, "M"):
            names.append("script01_1b")
        yield from (f"Ses0{session}{marked}_{name}" for name in names)


def labelled() -> Iterator[tuple[int, str, str]]:
    """Session, speaker's letter and code of the 5,531 utterances of the four classes."""
    for speaker, (angry, sad, cheerful, neutral) in SPEAKERS.items():
        session, letter = int(speaker[0]), speaker[1]
        happy_of_women = min(HAPPY[session], SPEAKERS[f"{session}F"][2])
        happy = happy_of_women if letter == "F" else HAPPY[session] - happy_of_women
        counts = {"ang": angry, "sad": sad, "hap": happy, "exc": cheerful - happy, "neu": neutral}
        yield from ((session, letter, code) for code, count in counts.items() for _ in range(count))


def utterances() -> Iterator[tuple[int, str, str, str]]:
    """Session, speaker's letter, code, and whether it is impro or script."""
    four = list(labelled())
    improvised = dict(IMPROVISED)
    for session, letter, code in four:
        improvised[code] -= 1
        yield session, letter, code, "impro" if improvised[code] >= 0 else "script"
    codes = (code for code, count in OTHERS.items() for _ in range(count))
    have = Counter(session for session, _, _ in four)
    for session, total in SESSIONS.items():
        for number in range(total - have[session]):
            yield session, "FM"[number % 2], next(codes), ("impro", "script")[number // 2 % 2]


def block(name: str, code: str, number: int) -> str:
    """The annotation of one utterance; three raters and the actor, some of them undecided."""
    vad = f"[{1 + number % 9 / 2:.4f}, {1 + number % 7 / 2:.4f}, {1 + number % 5 / 2:.4f}]"
    words = ["Anger;", "Neutral state;", "Sadness; Frustration;"]
    if code in WORDS:
        words = [f"{WORDS[code]};", f"{WORDS[code]};", f"{WORDS[code]}; Other;"]
    return "\n".join(
        [
            f"[{number}.2901 - {number + 2}.2357]\t{name}\t{code}\t{vad}",
            *(f"C-E{rater}:\t{word}\t()" for rater, word in zip((1, 2, 4), words, strict=True)),
            f"C-{name[-4]}1:\tAmusement; Neutral;\t(as I felt)",
            "A-E3:\tval 3; act 2; dom  2;\t()",
            f"A-{name[-4]}1:\tval 3; act ; dom  ;\t(forgot)",
        ]
    )


def write_dialogue(session: Path, dialogue: str, turns: list[tuple[str, str]], wav: Wav) -> None:
    """Clips, evaluation and transcription of one dialogue, and what else lies around them."""
    clips = session / "sentences" / "wav" / dialogue
    evaluation = session / "dialog" / "EmoEvaluation"
    transcriptions = session / "dialog" / "transcriptions"
    for folder in (clips, evaluation / "Categorical", transcriptions):
        folder.mkdir(parents=True, exist_ok=True)
    for name, _ in turns:
        (clips / f"{name}.wav").write_bytes(wav(name))
    blocks = [block(name, code, number) for number, (name, code) in enumerate(turns, start=1)]
    head = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"
    (evaluation / f"{dialogue}.txt").write_text("\n\n".join([head, *blocks]) + "\n")
    (evaluation / f"._{dialogue}.txt").write_bytes(b"\0\5\x16\7")
    (evaluation / "Categorical" / f"{dialogue}_e2_cat.txt").write_text("Ses :Neutral state; ()\n")
    lines = [f"{name} [00{i}.2901-00{i + 2}.2357]: Words {i}." for i, (name, _) in enumerate(turns)]
    lines += [f"{dialogue}_FXX0 [001.0000-002.0000]: Oh.", "M: [LAUGHTER]", "[GARBAGE]"]
    (transcriptions / f"{dialogue}.txt").write_bytes("\n".join(lines).encode() + b"\nF: caf\xe9\n")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, wav: Wav) -> Path:
    """All of IEMOCAP in shape: 151 dialogues, 10,039 utterances; not to be changed by a test."""
    root = tmp_path_factory.mktemp("iemocap")
    of_kind = {
        (session, kind): itertools.cycle([d for d in dialogues(session) if kind in d])
        for session in SESSIONS
        for kind in ("impro", "script")
    }
    turns: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for session, letter, code, kind in utterances():
        dialogue = next(of_kind[session, kind])
        spoken = sum(name[-4] == letter for name, _ in turns[dialogue])
        turns[dialogue].append((f"{dialogue}_{letter}{spoken:03d}", code))
    for dialogue, spoken_there in turns.items():
        folder = root / "IEMOCAP_full_release" / f"Session{dialogue[4]}"
        write_dialogue(folder, dialogue, spoken_there, wav)
    return root / "IEMOCAP_full_release"


@pytest.fixture
def small(tmp_path: Path, wav: Wav) -> Path:
    """Three sessions of one dialogue each, which every test may change."""
    for session in (1, 2, 3):
        codes = ("ang", "hap", "neu", "sad", "xxx")
        dialogue = f"Ses0{session}F_impro01"
        turns = [(f"{dialogue}_{letter}{i:03d}", c) for i, c in enumerate(codes) for letter in "FM"]
        write_dialogue(tmp_path / f"Session{session}", dialogue, turns, wav)
    return tmp_path


def read(root: Path) -> list[Utterance]:
    reader = get_reader("iemocap")
    return reader.utterances(root, reader.files(root))


def edit(root: Path, folder: str, old: str, new: str) -> None:
    path = root / "Session1" / "dialog" / folder / "Ses01F_impro01.txt"
    text = path.read_text(encoding="latin-1")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="latin-1")


def test_the_release_has_151_dialogues_and_10039_utterances(tree: Path) -> None:
    found = read(tree)
    assert len({u.utterance_id for u in found}) == len(found) == 10_039
    assert len({u.utterance_id.rpartition("_")[0] for u in found}) == 151
    assert Counter(u.session for u in found) == {f"Ses0{n}": c for n, c in SESSIONS.items()}


def test_counts_of_class_session_speaker_and_part(tree: Path) -> None:
    four = [u for u in read(tree) if u.emotion in ("angry", "happy", "excited", "sad", "neutral")]
    assert Counter(u.emotion for u in four) == {
        "angry": 1103, "happy": 595, "excited": 1041, "sad": 1084, "neutral": 1708
    }  # fmt: skip
    assert Counter(u.session for u in four) == {
        "Ses01": 1085, "Ses02": 1023, "Ses03": 1151, "Ses04": 1031, "Ses05": 1241
    }  # fmt: skip
    assert Counter(u.speaker for u in four) == {
        "Ses01F": 528, "Ses01M": 557, "Ses02F": 481, "Ses02M": 542, "Ses03F": 522,
        "Ses03M": 629, "Ses04F": 528, "Ses04M": 503, "Ses05F": 590, "Ses05M": 651,
    }  # fmt: skip
    assert sum("impro" in u.utterance_id for u in four) == 2943


def test_an_utterance_is_read_field_by_field(small: Path) -> None:
    edit(small, "EmoEvaluation", "[2.0000, 2.0000, 2.0000]", "[1.5000, 2.3333, 4.5000]")
    assert read(small)[1] == Utterance(
        utterance_id="Ses01F_impro01_M000",
        path="Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M000.wav",
        emotion="angry",
        licence="academic EULA of USC SAIL, research only, no redistribution",
        speaker="Ses01M",  # not the actor in the dialogue's name, who wears the markers
        session="Ses01",
        gender="male",
        valence=1.5,
        arousal=2.3333,
        dominance=4.5,
        transcript="Words 1.",
    )


def test_irregular_dialogues_are_read_like_others(tree: Path) -> None:
    names = ("Ses03M_impro05a", "Ses03M_impro05b", "Ses03M_impro08a", "Ses03M_impro08b",
             "Ses05M_script01_1b")  # fmt: skip
    speakers = {u.utterance_id.rpartition("_")[0]: u.speaker for u in read(tree)
                if u.utterance_id.endswith("_F000")}  # fmt: skip
    assert [speakers[name] for name in names] == [*["Ses03F"] * 4, "Ses05F"]


def test_the_folder_above_the_release_will_do(tree: Path) -> None:
    found = get_reader("iemocap").files(tree.parent)
    assert len(found) == 10_039 + 2 * 151
    assert found[0].startswith("IEMOCAP_full_release/Session1/dialog/EmoEvaluation/Ses01F_impro01")


def test_check_finds_the_published_totals(tree: Path) -> None:
    report = check_corpus(IEMOCAP, FOUR, PrepareConfig(), tree)
    text = "\n".join(report.lines())
    assert report.ok, text
    assert "utterances: 10039" in text
    assert "of the classes: 5531" in text
    assert "excited 1041/1041" in text
    assert "Ses03 2136/2136" in text
    assert "speakers (angry, happy, excited, sad, neutral): Ses01F 528/528" in text


@pytest.mark.parametrize(
    ("part", "labels", "count"),
    [("improvised", FOUR, 2943), ("improvised", WITHOUT_EXCITED, 2280), ("scripted", FOUR, 2588)],
)
def test_the_usual_subsets(tree: Path, part: str, labels: LabelsConfig, count: int) -> None:
    corpus = CorpusConfig(name="iemocap", reader="iemocap", part=part)
    files = scan_corpus(corpus, tree)
    manifest, account = prepare_corpus(corpus, labels, PrepareConfig(), tree, files)
    assert len(manifest) == count
    others = sum(account["other_emotions"].values())
    assert account["other_parts"] + others + count == 10_039


def test_a_shortage_is_told_by_emotion_speaker_and_session(small: Path) -> None:
    report = check_corpus(IEMOCAP, FOUR, PrepareConfig(), small)
    problem = next(line for line in report.lines() if line.startswith("problem: "))
    for words in (
        "angry 6/1103",
        "speakers Ses01F 4/528",
        "sessions Ses01 10/1819",
        "Ses05 0/2170",
    ):
        assert words in problem


def test_a_part_that_the_corpus_does_not_have_is_an_error(small: Path) -> None:
    corpus = CorpusConfig(name="iemocap", reader="iemocap", part="impro")
    report = check_corpus(corpus, FOUR, PrepareConfig(), small)
    assert "problem: corpus.part: iemocap has no part impro; it has improvised, scripted" in (
        report.lines()
    )


def softly(small: Path) -> CorpusConfig:
    """Leave one undecided utterance with votes for no class, and ask for soft labels."""
    edit(small, "EmoEvaluation", "xxx\t[1.0000, 2.0000, 3.0000]\nC-E1:\tAnger;\t()\n"
         "C-E2:\tNeutral state;\t()\nC-E4:\tSadness; Frustration;",
         "xxx\t[1.0000, 2.0000, 3.0000]\nC-E1:\tFear;\t()\nC-E4:\tOther;")  # fmt: skip
    return CorpusConfig(name="iemocap", reader="iemocap", unlabelled="soft")


def test_undecided_utterances_are_kept_with_the_votes_where_that_is_asked_for(small: Path) -> None:
    corpus, prepare = softly(small), PrepareConfig(require_complete=False)
    labels = LabelsConfig(classes=["neutral", "angry", "sad", "happy"])
    manifest, account = prepare_corpus(corpus, labels, prepare, small, scan_corpus(corpus, small))
    soft = manifest.dropna(subset=["soft_label"]).set_index("utterance_id")
    assert len(soft) == account["soft_labelled"] == 5
    assert account["other_emotions"] == {"unlabelled": 1}
    # One vote each for neutral and angry, half of one for sad, half for frustration, no class.
    assert set(soft["soft_label"]) == {'{"neutral": 0.4, "angry": 0.4, "sad": 0.2}'}
    assert set(soft["emotion"]) == {"neutral"}
    assert manifest["emotion"].value_counts()["angry"] == 6


def test_undecided_utterances_train_and_are_never_scored(small: Path) -> None:
    corpus, prepare = softly(small), PrepareConfig(require_complete=False)
    manifest, _ = prepare_corpus(corpus, FOUR, prepare, small, scan_corpus(corpus, small))
    folds = make_folds(manifest, ProtocolConfig(name="leave_one_session_out"), small)
    for fold in folds:
        kinds = {split: {name[-3:] for name in fold.split(split)} for split in
                 ("train", "dev", "test")}  # fmt: skip
        assert "004" not in kinds["dev"] | kinds["test"]
        assert ("004" in kinds["train"]) == any("004" in name for name in fold.train)
    assert any(name.endswith("004") for name in folds[0].train)


def test_by_default_undecided_utterances_are_dropped_and_counted(small: Path) -> None:
    prepare = PrepareConfig(require_complete=False)
    manifest, account = prepare_corpus(IEMOCAP, FOUR, prepare, small, scan_corpus(IEMOCAP, small))
    assert manifest["soft_label"].isna().all()
    assert account["other_emotions"] == {"unlabelled": 6}


def test_soft_labels_need_a_corpus_with_raters(mine: Path) -> None:
    corpus = CorpusConfig(name="mine", reader="table", unlabelled="soft")
    report = check_corpus(corpus, FOUR, PrepareConfig(), mine)
    assert any("corpus.unlabelled: soft needs the votes of raters" in x for x in report.lines())


LINE = r"Session1/dialog/{}/Ses01F_impro01\.txt, line {} \({}"


@pytest.mark.parametrize(
    ("folder", "old", "new", "line", "what"),
    [
        ("EmoEvaluation", "\tang\t", "\tmad\t", 3, "unknown emotion code 'mad'"),
        ("EmoEvaluation", "[1.2901 - 3.2357]", "[1.2901 - ]", 3, "'.1.2901 - .*F000"),
        ("EmoEvaluation", "[1.5000, 1.5000, 1.5000]", "[1.5000, 1.5000]", 3, "'.1.2901 - 3"),
        ("EmoEvaluation", "C-E1:", "C-X1:", 4, "'C-X1:"),
        ("EmoEvaluation", "val 3; act 2; dom  2", "val 3; act 2", 8, "'A-E3:"),
        ("EmoEvaluation", "Ses01F_impro01_F000", "Ses02F_impro01_F000", 3, "'.1.2901 - 3"),
        ("EmoEvaluation", "_F000", "_X000", 3, "IEMOCAP has no utterance .*_X000"),
        ("EmoEvaluation", "_F000", "_F900", 3, r"Ses01F_impro01_F900\.wav is missing in"),
        ("transcriptions", "[000.2901-002.2357]", "[]", 1, r"'Ses01F_impro01_F000 \[\]"),
    ],
)
def test_a_malformed_line_is_named_with_its_file(
    small: Path, folder: str, old: str, new: str, line: int, what: str
) -> None:
    edit(small, folder, old, new)
    where = LINE.format(folder, line, what)
    with pytest.raises(CorpusError, match=rf"annotations that cannot be used: {where}") as raised:
        read(small)
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith("; unpack IEMOCAP_full_release again")


def test_a_raters_unknown_word_matters_where_votes_are_used(small: Path) -> None:
    edit(small, "EmoEvaluation", "C-E1:\tAnger;", "C-E1:\tRage;")
    assert len(read(small)) == 30
    corpus = CorpusConfig(name="iemocap", reader="iemocap", unlabelled="soft")
    problems = check_corpus(corpus, FOUR, PrepareConfig(), small).survey.problems
    assert "Ses01F_impro01.txt, line 3 (a rater says 'Rage'; known are Anger" in problems[0]


@pytest.mark.parametrize("folder", ["dialog/EmoEvaluation", "dialog/transcriptions",
                                    "sentences/wav"])  # fmt: skip
def test_a_missing_folder_is_an_error(small: Path, folder: str) -> None:
    (small / "Session2" / folder).rename(small / "elsewhere")
    with pytest.raises(CorpusError, match=rf"Session2 has no folder {folder}; unpack"):
        read(small)
