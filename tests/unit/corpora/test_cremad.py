"""CREMA-D in its full shape: the clips of 91 actors, by what their names say."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
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

CREMAD = CorpusConfig(name="cremad", reader="cremad")
SIX = LabelsConfig(classes=["anger", "disgust", "fear", "happiness", "neutral", "sadness"])
SENTENCES = ("TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")
ACTED = ("ANG", "DIS", "FEA", "HAP", "SAD")


def names() -> list[str]:
    """7,442 names: one sentence at three levels, eleven at none, and a few that were never made."""
    levels = [f"IEO_{emotion}_{level}" for emotion in ACTED for level in ("LO", "MD", "HI")]
    others = [f"{s}_{e}_XX" for s in SENTENCES for e in (*ACTED, "NEU")]
    clips = [*levels, "IEO_NEU_XX", *others]
    lacking = {f"{1004 + n}_IEO_{emotion}_LO" for n in range(3) for emotion in ACTED}
    lacking |= {f"{1010 + n}_DFA_NEU_XX" for n in range(5)}
    made = [f"{actor}_{clip}" for actor, clip in itertools.product(range(1001, 1092), clips)]
    return [name for name in made if name not in lacking]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, wav: Callable[..., bytes]) -> Path:
    """The release as cloned; not to be changed by a test."""
    root = tmp_path_factory.mktemp("cremad")
    (root / "AudioWAV").mkdir()
    for name in names():
        (root / "AudioWAV" / f"{name}.wav").write_bytes(wav(name))
    silent = wav("silence", samples=0) + bytes(200)
    (root / "AudioWAV" / "1076_MTI_SAD_XX.wav").write_bytes(silent)
    (root / "AudioMP3").mkdir()
    (root / "AudioMP3" / "1001_DFA_ANG_XX.mp3").write_bytes(b"ID3")
    (root / "VideoDemographics.csv").write_text('"ActorID","Age","Sex"\n1001,51,"Male"\n')
    return root


def one(name: str) -> Utterance:
    return get_reader("cremad").utterances(Path("corpus"), [f"AudioWAV/{name}.wav"])[0]


def test_there_are_7442_clips_of_91_actors(tree: Path) -> None:
    reader = get_reader("cremad")
    found = reader.utterances(tree, reader.files(tree))
    assert Counter(u.emotion for u in found) == {
        "anger": 1271, "disgust": 1271, "fear": 1271, "happiness": 1271, "sadness": 1271,
        "neutral": 1087,
    }  # fmt: skip
    genders = {u.speaker: u.gender for u in found}
    assert Counter(genders.values()) == {"male": 48, "female": 43}
    assert (genders["1001"], genders["1002"], genders["1091"]) == ("male", "female", "female")


def test_a_name_is_read_field_by_field() -> None:
    assert one("1002_IEO_FEA_HI") == Utterance(
        utterance_id="1002_IEO_FEA_HI",
        path="AudioWAV/1002_IEO_FEA_HI.wav",
        emotion="fear",
        licence="ODbL 1.0 and DbCL 1.0",
        speaker="1002",
        gender="female",
        transcript="It's eleven o'clock",
    )


@pytest.mark.parametrize(
    "name", ["1000_DFA_ANG_XX", "1092_DFA_ANG_XX", "1001_XYZ_ANG_XX", "1001_DFA_JOY_XX",
             "1001_DFA_ANG_ZZ", "1001_DFA_ANG"]
)  # fmt: skip
def test_a_file_that_is_no_clip_is_an_error(name: str) -> None:
    with pytest.raises(CorpusError, match=rf"not clips of CREMA-D .*: AudioWAV/{name}\.wav"):
        one(name)


def test_the_clip_without_sound_is_left_out_by_name_and_folds_keep_actors_apart(tree: Path) -> None:
    report = check_corpus(CREMAD, SIX, PrepareConfig(), tree)
    assert report.ok
    assert "known to be bad, left out: 1 (1076_MTI_SAD_XX)" in report.lines()
    files = scan_corpus(CREMAD, tree)
    manifest, _ = prepare_corpus(CREMAD, SIX, PrepareConfig(), tree, files)
    assert len(manifest) == 7441
    folds = make_folds(manifest, ProtocolConfig(name="grouped_k_fold"), tree)
    assert len(folds) == 5
    assert all(fold.speaker_independent for fold in folds)
