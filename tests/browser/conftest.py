"""A small corpus of hostile names, prepared from its table, and its page in headless Chromium."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import soundfile
import yaml
from playwright.sync_api import Browser, Page

from mfsn.corpora.config import CorpusConfig
from mfsn.corpora.licences import is_free_to_share
from mfsn.corpora.preparing.prepare import prepare_corpus
from mfsn.corpora.preparing.scan import scan_corpus
from mfsn.manifest import (
    SEGMENTS,
    UTTERANCES,
    predictions_schema,
    segment_predictions_schema,
    write_table,
)
from mfsn.params import Params, load_params, outputs_of
from mfsn.report.utterance.choice import for_page
from mfsn.report.utterance.inspect import write_page
from mfsn.report.utterance.source import open_source
from mfsn.segments.waves import segment_corpus
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.workspace import Outputs

RATE_HZ = 16_000
SEGMENT = {"duration_s": 0.5, "sample_rate_hz": RATE_HZ}
CLASSES = ["angry", "sad"]
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=2'>\"&amp;"
LICENSED = "u07"
"""The utterance whose licence keeps its sound off the page."""
FEATURES = {
    "spectrogram": [
        ArraySpec("level_db", (50, 40), "float16", ("frame", "bin")),
        ArraySpec("max_db", (), "float32", ()),
    ],
    "mfcc": [ArraySpec("mfcc", (50, 13), "float32", ("frame", "coefficient"))],
    "sec": [ArraySpec(name, (24, 6), "float16", ("frame", "feature")) for name in ("low", "high")],
    "tec": [ArraySpec("last", (24, 6), "float16", ("frame", "feature"))],
}
ROWS = [
    {
        "path": f"{number}.wav",
        "utterance_id": HOSTILE if number == 1 else f"u{number:02d}",
        "emotion": CLASSES[number % 2],
        "speaker": f"s{number // 4}",
        "transcript": HOSTILE if number == 2 else f"words {number}",
        "licence": "ask us" if number == 7 else "CC0",
    }
    for number in range(8)
]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Iterator[Path]:
    """A checkout whose corpus comes from a table: eight utterances of 0.6 to 1.3 s."""
    folder = tmp_path_factory.mktemp("project")
    values = yaml.safe_load((checkout / "params.yaml").read_text("utf-8"))
    values |= {"segment": SEGMENT, "corpus": {"name": "mine", "reader": "table"}}
    values["labels"]["classes"] = CLASSES
    (folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MFSN_STORE", str(folder / "store"))
        write_corpus(folder / "corpus")
        run_stages(load_params(folder), folder)
        yield folder


@pytest.fixture(scope="session")
def page_file(project: Path) -> Path:
    """The page about all its utterances."""
    source = open_source(project, load_params(project))
    return write_page(source, for_page(source), is_free_to_share)


@pytest.fixture
def page(browser: Browser, page_file: Path) -> Iterator[Page]:
    """The page, opened from its file; whatever it complains about or asks for fails the test."""
    context = browser.new_context(viewport={"width": 1300, "height": 900}, offline=True)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("requestfailed", lambda request: complaints.append(f"no {request.url}"))
    opened.goto(page_file.as_uri())
    opened.wait_for_selector("#stack canvas")
    yield opened
    assert complaints == []
    context.close()


def write_corpus(folder: Path) -> None:
    """Tones of different height and length, and the table that describes them."""
    folder.mkdir()
    for number, row in enumerate(ROWS):
        time = np.arange(int((0.6 + 0.1 * number) * RATE_HZ)) / RATE_HZ
        wave = 0.4 * np.sin(2 * np.pi * (200 + 40 * number) * time)
        soundfile.write(folder / row["path"], wave, RATE_HZ)
    with (folder / "table.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)


def run_stages(params: Params, folder: Path) -> None:
    """Prepare and segment as the pipeline does; features and predictions from made-up numbers."""
    corpus, outputs, store = folder / "corpus", outputs_of(params, folder), folder / "store"
    config = CorpusConfig(name="mine", reader="table")
    files = scan_corpus(config, corpus)
    manifest, _ = prepare_corpus(config, params.labels, params.prepare, corpus, files)
    write_table(outputs.manifest, manifest, UTTERANCES)
    segments = segment_corpus(manifest, corpus, params.segment, store)
    write_table(outputs.segments, segments, SEGMENTS)
    random = np.random.default_rng(0)
    for name, arrays in FEATURES.items():
        spec = StoreSpec(name, {"toy": 1}, tuple(arrays))
        keys = [spec.row_key(segment, 0) for segment in segments["segment_id"]]
        rows = {a.name: random.normal(size=(len(keys), *a.shape)) for a in arrays}
        with Store(store, spec).writer() as writer:
            writer.append(keys, rows)
        digest = Digest.of(spec, {}, dict(zip(segments["segment_id"], keys, strict=True)))
        digest.write(outputs.digest(name))
    write_predictions(outputs, segments, manifest, random)


def write_predictions(
    outputs: Outputs, segments: pd.DataFrame, manifest: pd.DataFrame, random: np.random.Generator
) -> None:
    """Every utterance is decided as angry."""
    keys: dict[str, Any] = {"fold": "1", "seed": 0, "selection": "held_out", "run": "cafe"}
    decided = manifest[["utterance_id"]].assign(**keys, label=manifest["emotion"])
    calm = random.uniform(0.1, 0.4, len(decided))
    decided = decided.assign(predicted="angry", posterior_angry=1 - calm, posterior_sad=calm)
    write_table(outputs.predictions, decided, predictions_schema(CLASSES))
    pieces = segments[["segment_id", "utterance_id", "valid_samples"]].merge(
        decided[["utterance_id", *keys, "label", "posterior_angry", "posterior_sad"]]
    )
    logs: dict[str, npt.NDArray[np.float64]] = {
        f"log_posterior_{name}": np.log(pieces[f"posterior_{name}"].to_numpy()) for name in CLASSES
    }
    pieces = pieces.drop(columns=["posterior_angry", "posterior_sad"]).assign(**logs)
    schema = segment_predictions_schema(CLASSES)
    write_table(outputs.segment_predictions, pieces, schema)
