"""Reading tables and keeping accounts, for anything that users may write."""

from __future__ import annotations

import csv
import io
import string
import tempfile
from collections import Counter
from pathlib import Path

import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mfsn.corpora.base import Utterance, get_reader
from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.corpora.labels import select_classes
from mfsn.corpora.preparing.completeness import shortfall
from mfsn.corpora.preparing.prepare import prepare_corpus
from mfsn.corpora.preparing.scan import ScannedFile, read_files, scan_corpus, write_files

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)
NAMES = st.text(string.ascii_letters + string.digits + " _-äß", min_size=1, max_size=12)
EMOTIONS = ("sad", "happy", "calm", "bored")


@settings(deadline=None, max_examples=30)
@given(transcripts=st.lists(TEXTS, min_size=1, max_size=4), valence=st.floats(-1e6, 1e6))
def test_a_csv_table_gives_back_what_was_written(transcripts: list[str], valence: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, text = Path(folder), io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["path", "emotion", "transcript", "valence"])
        for number, transcript in enumerate(transcripts):
            (root / f"{number}.wav").touch()
            writer.writerow([f"{number}.wav", "sad", transcript, valence])
        (root / "table.csv").write_text(text.getvalue(), encoding="utf-8", newline="")
        reader = get_reader("table")
        read = reader.utterances(root, reader.files(root))
    assert [u.transcript for u in read] == transcripts
    assert {u.valence for u in read} == {valence}


@settings(deadline=None, max_examples=30)
@given(paths=st.lists(TEXTS, unique=True, max_size=6), size=st.integers(0, 2**40))
def test_a_list_of_files_survives_its_file(paths: list[str], size: int) -> None:
    files = [ScannedFile(path, size, "ab" * 32) for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder) / "files.tsv", files)
        assert read_files(Path(folder) / "files.tsv") == files


@settings(deadline=None, max_examples=20)
@given(
    clips=st.dictionaries(
        NAMES.map(str.casefold).filter(lambda name: name.strip() == name),
        st.tuples(st.sampled_from(EMOTIONS), st.booleans()),
        min_size=1,
        max_size=8,
    )
)
def test_every_utterance_is_in_the_manifest_or_accounted_for(
    clips: dict[str, tuple[str, bool]],
) -> None:
    clips = clips | {"sure sad": ("sad", False), "sure happy": ("happy", False)}
    corpus = CorpusConfig(name="mine", reader="table")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lines = [f"{name}.wav,{emotion}" for name, (emotion, _) in clips.items()]
        (root / "table.csv").write_text("\n".join(["path,emotion", *lines]), encoding="utf-8")
        for number, (name, (_, silent)) in enumerate(clips.items(), start=1):
            level = 0.0 if silent else 0.05 * number
            soundfile.write(root / f"{name}.wav", [level, -level] * 10, 16_000)
        manifest, account = prepare_corpus(
            corpus,
            LabelsConfig(classes=["sad", "happy"]),
            PrepareConfig(),
            root,
            scan_corpus(corpus, root),
        )
    silent_names = sorted(name for name, (_, silent) in clips.items() if silent)
    heard = Counter(emotion for emotion, silent in clips.values() if not silent)
    assert account["silent"] == silent_names
    assert account["counts"] == {"sad": heard.pop("sad"), "happy": heard.pop("happy")}
    assert account["other_emotions"] == heard
    left_out = len(silent_names) + sum(account["other_emotions"].values())
    assert len(manifest) + left_out == len(clips)
    assert manifest.utterance_id.is_monotonic_increasing


@settings(deadline=None, max_examples=30)
@given(
    names=st.lists(st.sampled_from(EMOTIONS), max_size=20),
    expected=st.dictionaries(st.sampled_from(EMOTIONS), st.integers(0, 10)),
)
def test_a_shortfall_is_what_adding_would_fill(names: list[str], expected: dict[str, int]) -> None:
    missing = shortfall(names, expected)
    assert all(number > 0 for number in missing.values())
    filled = names + [name for name, number in missing.items() for _ in range(number)]
    assert shortfall(filled, expected) == {}
    assert all(Counter(filled)[name] == expected[name] for name in missing)


@settings(deadline=None, max_examples=30)
@given(
    votes=st.dictionaries(st.sampled_from(EMOTIONS), st.integers(1, 6), min_size=1),
    classes=st.permutations(EMOTIONS).map(lambda names: names[:2]),
)
def test_a_soft_label_is_a_distribution_over_the_classes(
    votes: dict[str, int], classes: list[str]
) -> None:
    shares = {name: count / sum(votes.values()) for name, count in votes.items()}
    heard = Utterance("u", "u.wav", "unlabelled", "none", soft_label=shares)
    kept, others = select_classes([heard], LabelsConfig(classes=classes))
    if not set(votes) & set(classes):
        assert (kept, others) == ([], {"unlabelled": 1})
        return
    soft_label = kept[0].soft_label
    assert soft_label is not None
    assert set(soft_label) == set(votes) & set(classes)
    assert abs(sum(soft_label.values()) - 1) < 1e-12
    assert votes[kept[0].emotion] == max(votes.get(name, 0) for name in classes)
