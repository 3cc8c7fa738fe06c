"""The words of the report: what ran, and warnings about what the scores do not mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mfsn.report.experiment.run import Run

SEARCHES = {
    "joint": "alpha and weights are trained on the same batches",
    "bilevel": "alpha is trained on a separate share of the training data",
    "fixed": "none; the operations were given in params.yaml",
    "random": "none; operations and level were drawn at random for each fold and seed",
}
NETWORKS = {
    "export": "the network of the search itself (no second training)",
    "soft": "the mixture that the search found, trained again with alpha fixed",
    "derived": "only the chosen operations, trained again",
}
RULES = {
    "held_out": "best UA + WA on development data, which the compared models were not trained on",
    "oracle_test": "best UA + WA on the test fold itself, as the published code does; optimistic",
    "last_epoch": "the last epoch (for linear models, the C in params.yaml); nothing is chosen",
}
RULES_OF_DIMENSIONS = {
    "held_out": "best mean CCC on development data, which the compared models were not trained on",
    "oracle_test": "best mean CCC on the test fold itself; optimistic",
    "last_epoch": RULES["last_epoch"],
}
REFITS = {
    False: "none; no model was trained on development data",
    True: "models were chosen on development data, then trained again with this data included",
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
    """The title of the report: system and corpus."""
    return f"{run.about['title']} on {run.about['corpus']}"


def encoders(run: Run) -> str:
    """The encoders that ran, for the line below the title; empty without encoders."""
    models = {name.upper(): e["model"] for name, e in run.about["encoders"].items()}
    if len(models) > 1 and len({*models.values()}) == 1:
        return f"{' and '.join(models)} are both {next(iter(models.values()))}."
    return " ".join(f"{name} is {model}." for name, model in models.items())


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
    """The dimensions and the range of their labels, in words."""
    labels = run.manifest[run.dimensions].to_numpy()
    return (
        f"{', '.join(run.dimensions)}, in the unit of the corpus ratings (labels from "
        f"{labels.min():.4g} to {labels.max():.4g})"
    )


def rule_text(run: Run, rule: str) -> str:
    """How a selection rule chooses, in words."""
    return (RULES_OF_DIMENSIONS if run.dimensions else RULES)[rule]


def warnings(run: Run) -> list[str]:
    """Warnings about what the scores do not mean."""
    found = []
    if run.is_demo:
        found.append("This is the demo: its scores mean nothing beyond the demo.")
    found += _of_random_weights(run)
    found += _of_one_encoder(run)
    if not run.about["protocol"]["speaker_independent"]:
        found.append("Training and test share speakers: the scores do not hold for new speakers.")
    if run.scores["selection"] == "oracle_test":
        found.append("The models were chosen on the test data: the scores are optimistic.")
    if run.about["parameters"].get("optimisation", {}).get("shuffle_labels"):
        near = "those of predicting the mean" if run.dimensions else "chance"
        found.append(f"The training labels were shuffled: scores should be near {near}.")
    return found


def _searched(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    parameters = about["parameters"]
    if not about["searched"] or not {"search", "train"} <= parameters.keys():
        return []
    search, network = parameters["search"], NETWORKS[parameters["train"]["network"]]
    levels = f"; levels are drawn from {', '.join(search['levels'])}" if search["levels"] else ""
    return [("Search", SEARCHES[search["mode"]] + levels), ("Network", network)]


def _protocol(protocol: Mapping[str, Any]) -> str:
    independent = protocol["speaker_independent"]
    name = str(protocol["name"]).replace("_", " ")
    return f"{name}; {'speaker-independent' if independent else 'not speaker-independent'}"


def _decision(run: Run) -> tuple[str, str]:
    decision, term = run.scores["decision"], "Prediction" if run.dimensions else "Decision"
    if run.about["pieces"] == "utterances":
        return term, "made from the whole utterance at once, without segments"
    weight = "by their valid samples" if decision["weigh_by_duration"] else "equally"
    rule = DECISIONS[decision["aggregation"]]
    if run.dimensions:
        rule = "mean value of an utterance's segments"
    return term, f"{rule}; segments count {weight}"


def _alexnet(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    model = about["parameters"].get("model", {})
    return [("AlexNet", ALEXNET[model["alexnet_weights"]])] if "alexnet_weights" in model else []


def _encoder(encoder: Mapping[str, Any]) -> str:
    revision = f" @ {encoder['revision']}" if encoder.get("revision") else ""
    state = "trained here" if encoder.get("trained") else "frozen"
    return f"{encoder['model']}{revision}; {encoder['weights']}; {state}"


def _of_one_encoder(run: Run) -> Iterator[str]:
    encoders = run.about["encoders"]
    named = [(e["model"], e.get("revision")) for e in encoders.values()]
    if len(named) == 2 and named[0] == named[1]:
        both = " and ".join(name.upper() for name in encoders)
        yield f"{both} are the same model, {named[0][0]}: the scores are of one encoder."


def _of_random_weights(run: Run) -> Iterator[str]:
    encoders = run.about["encoders"].items()
    random = [name.upper() for name, e in encoders if e["weights"] == "random weights"]
    if random:
        come = "comes" if len(random) == 1 else "come"
        yield (
            f"{' and '.join(random)} {come} from random weights, which have learnt nothing about "
            "speech."
        )
