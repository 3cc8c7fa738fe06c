"""What ran, and what a reader must know before believing a number, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mfsn.report.experiment.run import Run

SEARCHES = {
    "joint": "alpha and weights on the same batches",
    "bilevel": "alpha on training data of its own",
    "fixed": "none; the operations were given",
    "random": "none; operations and level were drawn for each fold and seed",
}
NETWORKS = {
    "export": "the search's network itself (one training process)",
    "soft": "the searched mixture, trained again with alpha fixed",
    "derived": "the chosen operations alone, trained again",
}
RULES = {
    "held_out": "best UA + WA on development data, on which no model to choose from is trained",
    "oracle_test": "best UA + WA on the test fold itself, as the published code does: optimistic",
    "last_epoch": "the last epoch (of linear models the C set beforehand); nothing is chosen",
}
RULES_OF_DIMENSIONS = {
    "held_out": "best mean CCC on development data, on which no model to choose from is trained",
    "oracle_test": "best mean CCC on the test fold itself: optimistic",
    "last_epoch": RULES["last_epoch"],
}
REFITS = {
    False: "none; development data trained no model",
    True: "chosen on development data, then trained again with them: every model has seen them",
}
ALEXNET = {
    "random": "random weights before training",
    "imagenet": "ImageNet weights before training",
}
DECISIONS = {
    "mean_log_posterior": "largest mean log-posterior of an utterance's segments",
    "mean_posterior": "largest mean posterior of an utterance's segments",
    "majority_vote": "majority vote of an utterance's segments",
}


def title(run: Run) -> str:
    """System and corpus."""
    return f"{run.about['title']} on {run.about['corpus']}"


def facts(run: Run) -> list[tuple[str, str]]:
    """What ran, as terms and descriptions."""
    about = run.about
    speakers = run.manifest["speaker"].nunique()
    return [
        ("Corpus", f"{about['corpus']}: {len(run.manifest)} utterances, {speakers} speakers"),
        ("Licence", "; ".join(sorted(set(run.manifest["licence"])))),
        ("Utterances of" if run.dimensions else "Classes", ", ".join(run.classes)),
        *([("Target", target(run))] if run.dimensions else []),
        ("System", f"{about['title']}: {about['description']}"),
        *_searched(about),
        ("Protocol", _protocol(about["protocol"])),
        ("Selection", f"{run.scores['selection']}: {rule_text(run, run.scores['selection'])}"),
        ("Refit", REFITS[about["selection"]["refit"]]),
        _decision(run),
        *((f"Encoder {name.upper()}", _encoder(e)) for name, e in about["encoders"].items()),
        *_alexnet(about),
        ("Seeds", ", ".join(map(str, about["seeds"]))),
    ]


def target(run: Run) -> str:
    """The dimensions, and the unit of their values."""
    labels = run.manifest[run.dimensions].to_numpy()
    return (
        f"{', '.join(run.dimensions)}, in the unit of the corpus's ratings (labels from "
        f"{labels.min():.4g} to {labels.max():.4g})"
    )


def rule_text(run: Run, rule: str) -> str:
    """What a selection rule chooses by."""
    return (RULES_OF_DIMENSIONS if run.dimensions else RULES)[rule]


def warnings(run: Run) -> list[str]:
    """What a reader must know before believing a number."""
    found = []
    if run.is_demo:
        found.append("This is the demo: its scores mean nothing beyond the demo.")
    encoders = run.about["encoders"].items()
    random = [name.upper() for name, e in encoders if e["weights"] == "random weights"]
    if random:
        come = "comes" if len(random) == 1 else "come"
        found.append(f"{' and '.join(random)} {come} from random weights, which know no speech.")
    if not run.about["protocol"]["speaker_independent"]:
        found.append("Training and test share speakers: the scores do not carry to new ones.")
    if run.scores["selection"] == "oracle_test":
        found.append("The models were chosen on the test data: the scores are optimistic.")
    if run.about["parameters"].get("optimisation", {}).get("shuffle_labels"):
        near = "those of predicting the mean" if run.dimensions else "chance"
        found.append(f"Training labels were shuffled: scores must lie near {near}.")
    return found


def _searched(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    parameters = about["parameters"]
    if not about["searched"] or not {"search", "train"} <= parameters.keys():
        return []
    search, network = parameters["search"], NETWORKS[parameters["train"]["network"]]
    levels = f"; levels drawn from {', '.join(search['levels'])}" if search["levels"] else ""
    return [("Search", SEARCHES[search["mode"]] + levels), ("Network", network)]


def _protocol(protocol: Mapping[str, Any]) -> str:
    independent = protocol["speaker_independent"]
    name = str(protocol["name"]).replace("_", " ")
    return f"{name}; {'speaker-independent' if independent else 'not speaker-independent'}"


def _decision(run: Run) -> tuple[str, str]:
    decision, term = run.scores["decision"], "Prediction" if run.dimensions else "Decision"
    if run.about["pieces"] == "utterances":
        return term, "on the whole utterance; it has no segments to aggregate"
    weight = "by their valid samples" if decision["weigh_by_duration"] else "equally"
    rule = DECISIONS[decision["aggregation"]]
    if run.dimensions:
        rule = "mean value of an utterance's segments"
    return term, f"{rule}, which count {weight}"


def _alexnet(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    model = about["parameters"].get("model", {})
    return [("AlexNet", ALEXNET[model["alexnet_weights"]])] if "alexnet_weights" in model else []


def _encoder(encoder: Mapping[str, Any]) -> str:
    revision = f" @ {encoder['revision']}" if encoder.get("revision") else ""
    state = "trained here" if encoder.get("trained") else "frozen"
    return f"{encoder['model']}{revision}; {encoder['weights']}; {state}"
