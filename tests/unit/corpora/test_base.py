"""What readers share: walking a folder, refusing in one message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mfsn.corpora.base import audio_below, enumerate_first, get_reader, refuse
from mfsn.corpora.config import CorpusConfig
from mfsn.corpora.facts import CorpusFacts, load_facts
from mfsn.corpora.preparing.scan import scan_corpus
from mfsn.errors import ConfigError, CorpusError

MakePlugin = Callable[..., None]
WriteClip = Callable[..., Path]
READERS = ("demo", "ravdess", "emodb", "iemocap", "savee", "meld", "cremad", "nemo", "table")


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_only_the_endings_asked_for_are_audio(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "b.WAV", "c.flac", "d.mp3", "e.wav.bak", "wav")
    assert audio_below(tmp_path, (".wav",)) == ["a.wav", "b.WAV"]
    assert audio_below(tmp_path, (".wav", ".flac")) == ["a.wav", "b.WAV", "c.flac"]


def test_paths_are_relative_sorted_and_have_forward_slashes(tmp_path: Path) -> None:
    touch(tmp_path, "z/1.wav", "a/y/3.wav", "a/2.wav")
    assert audio_below(tmp_path, (".wav",)) == ["a/2.wav", "a/y/3.wav", "z/1.wav"]


def test_of_one_name_the_least_nested_file_is_taken(tmp_path: Path) -> None:
    touch(tmp_path, "a/copy/x.wav", "b/x.wav", "c/x.wav")
    assert audio_below(tmp_path, (".wav",)) == ["b/x.wav"]


def test_nothing_hidden_is_audio(tmp_path: Path) -> None:
    touch(tmp_path, "._a.wav", ".hidden/b.wav", "seen/.c.wav", "seen/d.wav")
    assert audio_below(tmp_path, (".wav",)) == ["seen/d.wav"]


def test_a_hidden_folder_above_the_root_does_not_matter(tmp_path: Path) -> None:
    touch(tmp_path, ".corpora/mine/a.wav")
    assert audio_below(tmp_path / ".corpora" / "mine", (".wav",)) == ["a.wav"]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (1, "n0"), (3, "n0, n1, n2"), (4, "n0, n1, n2 and 1 more")],
)
def test_first_names_and_a_count_of_the_rest(count: int, text: str) -> None:
    assert enumerate_first([f"n{i}" for i in range(count)], shown=3) == text


def test_refusing_needs_a_reason() -> None:
    refuse([], "what", "advice")
    with pytest.raises(CorpusError, match=r"^what: one, two; advice$"):
        refuse(["one", "two"], "what", "advice")


@pytest.mark.parametrize("name", READERS)
def test_every_reader_knows_its_licence_and_how_to_obtain_its_corpus(name: str) -> None:
    facts = get_reader(name).facts
    assert facts == load_facts(name)
    assert facts.licence
    assert facts.obtain
    assert not facts.obtain.endswith(".")


@pytest.mark.parametrize("name", READERS)
def test_a_reader_finds_nothing_in_a_folder_without_a_corpus(name: str, tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing here")
    assert get_reader(name).files(tmp_path) == []


FROM_OUTSIDE = """
from pathlib import Path
from mfsn.corpora.base import Utterance, audio_below
from mfsn.corpora.facts import CorpusFacts

class Calls:
    facts = CorpusFacts(title="Calls", licence="CC BY 4.0", obtain="ask for them")

    def files(self, root):
        return audio_below(root, (".wav",))

    def utterances(self, root, files):
        return [Utterance(Path(f).stem, f, "angry", self.facts.licence) for f in files]

class Half:
    def files(self, root):
        return []

class Plain(Calls):
    facts = {"title": "Calls"}
"""


def test_a_plugin_brings_its_own_reader_and_facts(
    tmp_path: Path, plugin: MakePlugin, clip: WriteClip
) -> None:
    plugin("more-speech", "[mfsn.corpora]\ncalls = outside:Calls", outside=FROM_OUTSIDE)
    root = tmp_path / "corpus"
    clip(root / "one.wav")
    config = CorpusConfig.parse({"name": "mine", "reader": "calls"}, where="params.yaml: corpus")
    assert [file.path for file in scan_corpus(config, root)] == ["one.wav"]
    reader = get_reader("calls")
    assert reader.facts.title == "Calls"
    assert reader.utterances(root, ["one.wav"])[0].licence == "CC BY 4.0"


@pytest.mark.parametrize("name", ["Half", "Plain"])
def test_a_plugin_whose_reader_is_not_complete_is_named(name: str, plugin: MakePlugin) -> None:
    plugin("more-speech", f"[mfsn.corpora]\ncalls = outside:{name}", outside=FROM_OUTSIDE)
    with pytest.raises(ConfigError, match="reader calls of the distribution more-speech is not co"):
        get_reader("calls")


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"name": "a", "reader": "tabel"}, "reader"),
        ({"name": "a", "reader": "joined", "parts": [{"name": "b", "reader": "tabel"}]}, "parts.0"),
    ],
)
def test_an_unknown_reader_is_refused_where_it_stands(values: object, where: str) -> None:
    with pytest.raises(ConfigError, match=rf"corpus: {where}.*'tabel' \(did you mean table\?\)"):
        CorpusConfig.parse(values, where="params.yaml: corpus")


def test_the_word_joined_is_no_reader_of_a_part() -> None:
    part = {"name": "b", "reader": "joined"}
    with pytest.raises(ConfigError, match=r"parts\.0\.reader: there is no corpus reader 'joined'"):
        CorpusConfig.parse({"name": "a", "reader": "joined", "parts": [part]}, where="test")


def test_facts_refuse_a_misspelt_field() -> None:
    with pytest.raises(ConfigError, match=r"licence is missing\n.*license is not a parameter"):
        CorpusFacts.parse({"title": "t", "license": "x", "obtain": "y"}, where="data/t.yaml")


def test_genders_are_known_for_every_published_speaker() -> None:
    for name in ("ravdess", "emodb", "iemocap", "savee"):
        facts = load_facts(name)
        assert set(facts.genders) == set(facts.speakers)
        assert set(facts.genders.values()) <= {"female", "male"}
