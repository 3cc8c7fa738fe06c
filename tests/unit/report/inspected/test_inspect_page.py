"""The text of the page: what goes into it, how it is packed, and that nothing breaks out of it."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from mfsn.report.browser import packing, space
from mfsn.report.browser.detail import detail
from mfsn.report.utterance.inspect import write_page
from mfsn.report.utterance.source import Source
from mfsn.report.utterance.utterance import gather
from mfsn.workspace import Outputs

Open = Callable[[], Source]
IDS = ["one/clip$1$", "one/clip2"]


class Blocks(HTMLParser):
    """The page's scripts and JSON by id, as an HTML parser finds them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.json: dict[str, Any] = {}
        self.scripts: list[str] = []
        self.urls: list[str] = []
        self._id: str | None = None
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.urls += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]
        self._in_script, self._id = tag == "script", known.get("id")

    def handle_data(self, data: str) -> None:
        if self._in_script and self._id:
            self.json[self._id] = json.loads(data)
        elif self._in_script:
            self.scripts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False


def page_of(source: Source, out: Path, is_playable: bool | None = None) -> Blocks:
    def decide(licence: str) -> bool:
        return licence == "CC0" if is_playable is None else is_playable

    return Blocks(write_page(source, IDS, decide, out).read_text("utf-8"))


def test_every_utterance_has_its_block(opened: Open, tmp_path: Path) -> None:
    page = page_of(opened(), tmp_path / "p.html")
    assert set(page.json) == {"index", "utterance-0", "utterance-1"}
    assert [u["utterance_id"] for u in page.json["index"]["utterances"]] == IDS
    assert page.json["utterance-0"]["facts"]["transcript"] == "10 $ </script> 漢字"
    assert len(page.json["utterance-0"]["mfcc"]) == 3
    assert page.json["utterance-0"]["starts_s"] == [0, 0.1, 0.2]


def test_the_page_asks_nothing_of_any_network(opened: Open, tmp_path: Path) -> None:
    page = page_of(opened(), tmp_path / "p.html")
    text = (tmp_path / "p.html").read_text("utf-8")
    assert page.urls == []
    assert len(page.scripts) == 1
    assert "default-src &#39;none&#39;" in text
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}


def test_the_same_inputs_give_the_same_bytes(opened: Open, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        page_of(opened(), tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize(("asked", "heard"), [(None, [True, False]), (True, [True, True])])
def test_recordings_go_in_as_their_licence_allows(
    opened: Open, tmp_path: Path, asked: bool | None, heard: list[bool]
) -> None:
    page = page_of(opened(), tmp_path / "p.html", is_playable=asked)
    assert [bool(page.json[f"utterance-{n}"]["sound"]) for n in (0, 1)] == heard
    assert any("ask us" in note for note in page.json["index"]["notes"]) is (not all(heard))


def test_decisions_name_their_fold_and_seed(
    opened: Open, predict: Callable[..., None], tmp_path: Path
) -> None:
    predict(*IDS)
    page = page_of(opened(), tmp_path / "p.html")
    decision = page.json["utterance-1"]["decision"]
    assert decision["origin"] == "out-of-fold: fold f1, seeds 0, 1"
    assert decision["posterior"] == [0.75, 0.25]
    listed = page.json["index"]["utterances"]
    assert [(u["emotion"], u["predicted"]) for u in listed] == [("calm", "calm"), ("tense", "calm")]


def test_what_is_missing_is_said(opened: Open, outputs: Outputs, tmp_path: Path) -> None:
    for name in ("spectrogram", "mfcc", "sec", "tec"):
        outputs.digest(name).unlink()
    page = page_of(opened(), tmp_path / "p.html", is_playable=True)
    said = page.json["index"]["notes"]
    assert [note.partition(" ")[0] for note in said] == [
        "spectrogram", "mfcc", "sec", "tec", "Nothing",
    ]  # fmt: skip
    assert page.json["index"]["neighbours"] == page.json["index"]["maps"] == {}
    assert page.json["utterance-0"]["spectrogram"] == []


def test_random_weights_are_named(opened: Open, tmp_path: Path) -> None:
    notes = page_of(opened(), tmp_path / "p.html").json["index"]["notes"]
    assert any("random weights (SEC, TEC)" in note for note in notes)


def test_images_stand_upright_and_keep_their_greys() -> None:
    frames = np.linspace(-40, 40, 60 * 40).reshape(60, 40)
    image = Image.open(io.BytesIO(base64.b64decode(packing.image(frames, -40, 40))))
    assert (image.format, image.size) == ("WEBP", (60, 40))
    grey = np.asarray(image.convert("L")).astype(float)
    np.testing.assert_allclose(grey[::-1].T / 255 * 80 - 40, frames, atol=6)


@pytest.mark.parametrize("rate", [16_000, 1_600])
def test_sound_plays_back_as_it_was(rate: int) -> None:
    wave = np.sin(2 * np.pi * 200 / rate * np.arange(rate)).astype(np.float32) / 2
    played, played_rate = soundfile.read(io.BytesIO(base64.b64decode(packing.sound(wave, rate))))
    assert len(played) / played_rate == pytest.approx(1, abs=0.08)
    loudest = np.abs(np.fft.rfft(played)).argmax() * played_rate / len(played)
    assert loudest == pytest.approx(200, abs=2)


def test_curves_keep_their_values_within_a_step() -> None:
    values = np.random.default_rng(0).normal(5, 2, 300)
    packed = packing.curve(values)
    steps = np.frombuffer(base64.b64decode(packed["data"]), np.uint8)
    back = packed["low"] + steps / 255 * (packed["high"] - packed["low"])
    np.testing.assert_allclose(back, values, atol=(values.max() - values.min()) / 500)
    assert packing.curve(np.ones(3))["data"] == base64.b64encode(bytes(3)).decode()


def test_norms_are_kept_where_they_vary(opened: Open, tmp_path: Path) -> None:
    page = page_of(opened(), tmp_path / "p.html")
    # Row i of each level holds i + 1: the first utterance has three rows, the second has one.
    assert set(page.json["utterance-0"]["levels"]["SEC low"]) == {"change", "distance", "norm"}
    assert set(page.json["utterance-1"]["levels"]["SEC low"]) == {"change", "distance"}


def test_segments_that_overlap_stand_where_they_lie(opened: Open) -> None:
    found = detail(gather(overlapped(opened()), IDS[0]), (-80, 0), playable=False)
    assert found["starts_s"] == [0, 0.1, 0.125]
    assert (found["end_s"], found["duration_s"]) == (0.225, 0.225)
    points = len(base64.b64decode(found["wave"])) // 2
    assert points == 360  # one per sample, as a segment has fewer than WAVE_POINTS


def overlapped(source: Source) -> Source:
    """With the last segment of the first utterance as `tail: overlap` cuts it."""
    segments = source.segments.copy()
    last = segments["segment_id"] == f"{IDS[0]}#2"
    segments.loc[last, ["start_sample", "valid_samples"]] = [200, 160]
    return replace(source, segments=segments)


def test_envelopes_hold_the_extremes() -> None:
    wave = np.array([0.5, -1, 0, 1, 0.25, 0.25])
    ends = np.frombuffer(base64.b64decode(packing.envelope(wave, 3)), np.int8).reshape(3, 2)
    np.testing.assert_array_equal(ends, [[-127, 64], [0, 127], [32, 32]])


def test_neighbours_are_the_nearest_by_cosine() -> None:
    vectors = np.random.default_rng(0).normal(size=(30, 5))
    oracle = NearestNeighbors(n_neighbors=space.NEIGHBOURS + 1, metric="cosine").fit(vectors)
    distances, others = oracle.kneighbors(vectors)
    for number, near in enumerate(space.neighbours(vectors)):
        assert [other for other, _ in near] == others[number, 1:].tolist()
        np.testing.assert_allclose([c for _, c in near], 1 - distances[number, 1:], atol=1e-4)


def test_similarities_leave_out_what_all_recordings_share() -> None:
    own = np.random.default_rng(0).normal(size=(200, 5))
    shared = own + 100 * np.ones(5)
    assert space.neighbours(shared)[0][-1][1] > 0.999
    near = space.neighbours(space.centred(shared, shared))
    assert near == space.neighbours(own - own.mean(axis=0))
    two = space.centred(shared[:2], shared)
    assert space.neighbours(two)[0][0][1] > -1  # centred by each other they would be opposite


def test_a_level_in_which_one_axis_is_flat_has_its_map() -> None:
    placed = np.array(space.maps(np.arange(12.0)[:, None] * np.ones((12, 3)))["pca"])
    assert placed[:, 0].max() == 1
    assert np.abs(placed[:, 1]).max() <= 1


def test_maps_are_the_same_each_time_and_fill_their_square() -> None:
    vectors = np.random.default_rng(0).normal(size=(12, 5))
    placed = space.maps(vectors)
    assert placed == space.maps(vectors)
    for points in (np.array(placed["pca"]), np.array(placed["tsne"])):
        assert points.shape == (12, 2)
        assert points.max(axis=0).tolist() == [1, 1]
        assert points.min(axis=0).tolist() == [-1, -1]


@pytest.mark.parametrize("vectors", [np.eye(4), np.ones((9, 3))])
def test_too_few_or_equal_utterances_have_no_map(vectors: Any) -> None:
    assert space.maps(vectors) == {}
