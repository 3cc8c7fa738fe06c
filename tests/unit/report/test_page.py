"""The report page: complete, escaped, self-contained, the same bytes each time."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from mfsn.base.files import read_json, write_json
from mfsn.corpora.config import LabelsConfig
from mfsn.errors import ManifestError
from mfsn.manifest import UTTERANCES, read_table, write_table
from mfsn.report.experiment.page import render_page
from mfsn.report.experiment.run import read_run
from mfsn.workspace import Outputs

PREPARATION = {"labels": LabelsConfig(classes=["angry", "sad"], merge={"calm": "neutral"})}
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Parses a page and keeps what the tests ask for; unbalanced tags fail."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [v for k, v in attrs if k in ("href", "src", "xlink:href") and v]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def html(finished: Outputs) -> str:
    """The page of the finished experiment."""
    return render_page(read_run(finished, PREPARATION))


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    """The same, parsed."""
    return Page(html)


def page_of(outputs: Outputs) -> Page:
    return Page(render_page(read_run(outputs, PREPARATION)))


def change(path: Path, **values: Any) -> None:
    write_json(path, read_json(path) | values)


def change_parameter(path: Path, **sections: dict[str, Any]) -> None:
    """Change what run.json says of params.yaml."""
    parameters = read_json(path)["parameters"]
    changed = {name: parameters.get(name, {}) | values for name, values in sections.items()}
    change(path, parameters=parameters | changed)


def test_the_page_has_every_section(page: Page) -> None:
    text = page.text
    for heading in (
        "MFSN on demo", "What ran", "Folds", "Confusion", "Words against prosody",
        "Selection rules", "Levels and operations", "Operation weights over time",
        "Learning curves", "Most confident mistakes", "Data", "Features", "Parameters",
    ):  # fmt: skip
        assert heading in text


def test_the_page_says_what_ran(page: Page) -> None:
    text = page.text
    assert "leave one session out; speaker-independent" in text
    assert "random/demo; random weights; frozen" in text
    assert "held_out: best UA + WA on development data" in text
    assert "CC0-1.0" in text
    assert "Refit none; no model was trained on development data" in text
    assert "largest mean log-posterior of an utterance's segments; segments count equally" in text
    assert "AlexNet random weights before training" in text
    assert "run of fold session1, seed 1 c0ffee1" in text


def test_every_parameter_that_decided_is_listed(page: Page) -> None:
    listed = page.text.partition("Every parameter that the results depend on")[2]
    for name, value in (
        ("system", "mfsn"), ("seeds", "[0, 1]"), ("labels.merge", '{"calm": "neutral"}'),
        ("segment.duration_s", "3.0"), ("mfcc.coefficients", "40"), ("model.projection", "32"),
        ("protocol.name", "leave_one_session_out"), ("optimisation.lr", "0.001"),
        ("search.mode", "joint"), ("train.network", "export"), ("selection.refit", "false"),
        ("evaluate.aggregation", "mean_log_posterior"), ("evaluate.weigh_by_duration", "false"),
    ):  # fmt: skip
        assert f" {name} {value} " in listed


def test_a_refit_says_that_models_saw_the_development_data(experiment: Outputs) -> None:
    path = experiment.models / "run.json"
    change(path, selection=read_json(path)["selection"] | {"refit": True})
    assert "then trained again with this data included" in page_of(experiment).text


@pytest.mark.parametrize(
    ("aggregation", "weigh", "words"),
    [
        ("majority_vote", False, "majority vote of an utterance's segments; segments count"
                                 " equally"),
        ("mean_posterior", True, "largest mean posterior of an utterance's segments; segments"
                                 " count by their valid samples"),
    ],
)  # fmt: skip
def test_the_page_says_how_utterances_were_decided(
    experiment: Outputs, aggregation: str, weigh: bool, words: str
) -> None:
    decision = {"aggregation": aggregation, "weigh_by_duration": weigh}
    change(experiment.scores, decision=decision)
    assert words in page_of(experiment).text


def test_pretrained_alexnet_is_said(experiment: Outputs) -> None:
    path = experiment.models / "run.json"
    change_parameter(path, model={"alexnet_weights": "imagenet"})
    assert "AlexNet ImageNet weights before training" in page_of(experiment).text


def test_the_headline_is_that_of_the_scores(page: Page, finished: Outputs) -> None:
    scores = read_json(finished.scores)
    text = page.text
    assert f"UA {100 * scores['ua']:.1f} ± {100 * scores['std']['ua']:.1f}" in text
    assert "Chance 25.0" in text


def test_the_confusion_matrix_counts_every_decision(html: str) -> None:
    counts = re.findall(r"<td[^>]*--share[^>]*><b>[\d.]+</b><span>(\d+)</span>", html)
    assert len(counts) == 16
    assert sum(map(int, counts)) == 48 * 2


def test_excluded_clips_are_named(page: Page) -> None:
    text = page.text
    assert "Silent, left out 1: voice9_99" in text
    assert "calm 12" in text
    assert "voice0_06 = voice1_07" in text


def test_the_difference_between_rules_is_stated(page: Page, finished: Outputs) -> None:
    scores = read_json(finished.scores)
    difference = 100 * (scores["compared"]["oracle_test"]["ua"] - scores["ua"])
    assert f"{difference:+.1f}" in page.text


def test_a_search_with_nearly_equal_weights_chose_nothing(page: Page) -> None:
    text = page.text
    assert "ln 8 = 2.079" in text
    assert "The search chose no operation in 4 of 6 cells" in text


def test_levels_that_are_equally_good_are_called_tied(
    experiment: Outputs, finished: Outputs, page: Page
) -> None:
    assert "tied with" not in page.text
    unit = Path("session1-seed0") / "history.json"
    history = read_json(finished.models / unit)
    history[8]["dev"]["high"] = history[8]["dev"]["mid"]
    write_json(experiment.models / unit, history)
    assert "9 mid tied with high" in page_of(experiment).text


@pytest.mark.parametrize(("weight", "said"), [(0.25, False), (0.6, False), (0.95, True)])
def test_tec_is_called_dropped_only_if_zero_has_nearly_all_weight(
    experiment: Outputs, weight: float, said: bool
) -> None:
    path = experiment.search / "session1-seed0" / "genotype.json"
    cell = read_json(path)["cells"][0]
    weights = [weight, *[(1 - weight) / 7] * 7]
    write_json(path, read_json(path) | {"cells": [cell | {"weights": weights, "chosen": "zero"}]})
    text = page_of(experiment).text
    assert ("zero (TEC is dropped)" in text) is said
    assert f"zero {'(TEC is dropped) ' if said else ''}{weight:.3f}" in text


def test_the_encoders_that_ran_are_named_at_the_top(experiment: Outputs, page: Page) -> None:
    assert "SEC is random/demo." in page.text
    path = experiment.models / "run.json"
    encoder = {"model": "whisper-base", "revision": None, "weights": "pretrained"}
    change(path, encoders={"sec": encoder, "tec": encoder})
    text = page_of(experiment).text
    assert "SEC and TEC are both whisper-base." in text
    assert "SEC and TEC are the same model, whisper-base: the scores are of one encoder." in text


def test_intervals_stand_beside_the_scores_that_they_belong_to(
    page: Page, finished: Outputs
) -> None:
    scores = read_json(finished.scores)
    ends = scores["intervals"]["ua"]
    shown = f"{100 * scores['ua']:.1f}"
    within = f"({100 * ends['low']:.1f} to {100 * ends['high']:.1f})"
    assert f"UA {shown}" in page.text.replace(f" ± {100 * scores['std']['ua']:.1f}", "")
    assert f"{within} mean recall over classes" in page.text
    assert "confidence intervals of the means over folds" in page.text


def test_the_demo_is_marked_as_one(page: Page) -> None:
    assert "scores mean nothing beyond the demo" in page.text


@pytest.mark.parametrize(
    ("section", "values", "warning"),
    [
        ("protocol", {"speaker_independent": False}, "Training and test share speakers"),
        ("encoders", {}, "SEC comes from random weights"),
    ],
)
def test_what_weakens_the_scores_is_said_at_the_top(
    experiment: Outputs, section: str, values: dict[str, Any], warning: str
) -> None:
    path = experiment.models / "run.json"
    change(path, **{section: read_json(path)[section] | values})
    assert warning in page_of(experiment).text.partition("What ran")[0]


def test_shuffled_labels_are_said_at_the_top(experiment: Outputs) -> None:
    change_parameter(experiment.models / "run.json", optimisation={"shuffle_labels": True})
    top = page_of(experiment).text.partition("What ran")[0]
    assert "The training labels were shuffled" in top


def test_choosing_on_the_test_fold_is_said_at_the_top(experiment: Outputs) -> None:
    change(experiment.scores, selection="oracle_test", compared={})
    assert "chosen on the test data" in page_of(experiment).text.partition("What ran")[0]


def test_markup_in_ids_and_transcripts_stays_text(html: str, page: Page, finished: Outputs) -> None:
    hostile = '<script>alert("x")</script>'
    assert hostile in set(read_table(finished.manifest)["utterance_id"])
    assert hostile not in html
    assert hostile in page.text
    assert "script" not in page.tags
    assert "<b>late</b>" in page.text


def test_the_page_asks_nobody_for_anything(html: str, page: Page) -> None:
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(r"https?:|@import|url\((?!#)", html)


def test_ids_are_unique_and_references_have_a_target(html: str, page: Page) -> None:
    assert len(set(page.ids)) == len(page.ids)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(page.ids)


def test_same_inputs_give_the_same_bytes(
    html: str, finished: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(mpl.rcParams, "lines.linewidth", 9.0)
    assert render_page(read_run(finished, PREPARATION)) == html


def test_no_path_of_this_machine_is_in_the_page(html: str, finished: Outputs) -> None:
    assert str(finished.workspace) not in html


def test_colours_are_the_pages_own(html: str) -> None:
    figures = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    assert len(figures) == 12
    assert not re.search(r"#[0-9a-f]{6}\b", " ".join(re.sub(r'(id|href)="[^"]*"', "", f)
                                                     for f in figures))  # fmt: skip


def test_systems_without_search_lack_its_sections(experiment_without_search: Outputs) -> None:
    text = page_of(experiment_without_search).text
    assert "acoustic on demo" in text
    assert "Learning curves" in text
    assert "Operation weights" not in text
    assert "Chosen levels" not in text


def test_the_classical_system_shows_its_cost_and_no_curves(
    experiment_without_search: Outputs,
) -> None:
    outputs = experiment_without_search
    classical = {"c": 0.01, "converged": True, "dev": {"ua": 0.511, "wa": 0.622}}
    for path in outputs.models.glob("*/model.json"):
        change(path, **classical, levels=[])
    about = {"system": "classical", "title": "classical", "pieces": "utterances"}
    optimisation = {"class_weights": False}
    parameters = {"classical": {"c_grid": [0.01, 1.0]}, "optimisation": optimisation}
    path = outputs.models / "run.json"
    change(path, **about, fitted="a linear SVM", parameters=parameters)
    text = page_of(outputs).text
    assert "classical on demo" in text
    assert "The C that was chosen for a linear SVM, and its scores" in text
    assert "session1 0 0.01 51.1 62.2 converged" in text
    assert "classical.c_grid [0.01, 1.0]" in text
    assert "optimisation.class_weights false" in text
    assert "optimisation.lr" not in text
    assert "AlexNet" not in text
    assert "from the whole utterance at once" in text
    assert "Learning curves" not in text


@pytest.mark.parametrize(
    ("network", "words"),
    [("export", "the network of the search itself"), ("derived", "chosen operations")],
)
def test_the_page_says_what_became_of_the_search(
    experiment: Outputs, network: str, words: str
) -> None:
    change_parameter(experiment.models / "run.json", train={"network": network})
    assert words in page_of(experiment).text


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ({"mode": "joint", "levels": []}, "alpha and weights are trained on the same batches"),
        (
            {"mode": "random", "levels": []},
            "operations and level were drawn at random for each fold",
        ),
        (
            {"mode": "fixed", "levels": ["low"]},
            "the operations were given in params.yaml; levels are drawn from low",
        ),
    ],
)
def test_the_page_says_how_was_searched(
    experiment: Outputs, search: dict[str, Any], words: str
) -> None:
    change_parameter(experiment.models / "run.json", search=search)
    assert words in page_of(experiment).text


def test_the_level_is_that_of_the_model_that_was_tested(experiment: Outputs) -> None:
    """A network trained again after the search has an epoch and level of its own."""
    change(experiment.models / "session3-seed0" / "model.json", epoch=4, level="low")
    assert "session3 0 4 low ism_r" in page_of(experiment).text


def test_many_speakers_are_counted_instead_of_named(experiment: Outputs) -> None:
    manifest = read_table(experiment.manifest)
    manifest["speaker"] = [f"speaker{n}" for n in range(len(manifest))]
    write_table(experiment.manifest, manifest, UTTERANCES)
    assert "session1 16 speakers 16" in page_of(experiment).text


def test_units_without_curves_have_no_panels(experiment: Outputs) -> None:
    assert "Learning curves" not in page_of(experiment).text


def test_one_seed_is_no_mean_over_seeds(experiment: Outputs) -> None:
    scores = read_json(experiment.scores)
    scores["counts"]["seeds"] = 1
    del scores["std"]
    write_json(experiment.scores, scores)
    text = page_of(experiment).text
    assert "Mean over folds; one seed." in text
    assert "over seeds" not in text


def test_other_corpora_are_no_demo(experiment: Outputs) -> None:
    manifest = read_table(experiment.manifest).assign(congruent=None)
    write_table(experiment.manifest, manifest, UTTERANCES)
    assert "nothing beyond the demo" not in page_of(experiment).text


@pytest.mark.parametrize("name", ["models/run.json", "scores.json", "predictions.parquet"])
def test_a_missing_input_is_named_with_what_to_do(experiment: Outputs, name: str) -> None:
    (experiment.results / name).unlink()
    with pytest.raises(ManifestError, match="is missing; run `dvc repro`"):
        read_run(experiment, PREPARATION)
