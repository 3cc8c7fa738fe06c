"""What ran, and what a reader must know before believing a number, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mfsn.report.run import Run

SYSTEMS = {
    "mfsn": "MFSN: searched fusion of SEC and TEC, co-attention with spectrogram and MFCC",
    "sec_tec": "SEC + TEC: MFSN without search",
    "acoustic": "acoustic: spectrogram and MFCC only",
    "classical": "classical: functionals with a linear SVM",
}
NETWORKS = {
    "export": "the search's network itself (one training process)",
    "soft": "the searched mixture, trained again with alpha fixed",
    "derived": "the chosen operations alone, trained again",
}
RULES = {
    "held_out": "best UA + WA on development data that training and test never see",
    "oracle_test": "best UA + WA on the test fold itself, as the published code does: optimistic",
    "last_epoch": "the last epoch; nothing is chosen",
}


def title(run: Run) -> str:
    """System and corpus."""
    return f"{SYSTEMS[run.about['system']].partition(':')[0]} on {run.about['corpus']}"


def facts(run: Run) -> list[tuple[str, str]]:
    """What ran, as terms and descriptions."""
    about = run.about
    speakers = run.manifest["speaker"].nunique()
    return [
        ("Corpus", f"{about['corpus']}: {len(run.manifest)} utterances, {speakers} speakers"),
        ("Licence", "; ".join(sorted(set(run.manifest["licence"])))),
        ("Classes", ", ".join(run.classes)),
        ("System", SYSTEMS[about["system"]]),
        *([("Network", NETWORKS[about["train"]["network"]])] if about["system"] == "mfsn" else []),
        ("Protocol", _protocol(about["protocol"])),
        ("Selection", f"{run.metrics['selection']}: {RULES[run.metrics['selection']]}"),
        *((f"Encoder {name.upper()}", _encoder(e)) for name, e in about["encoders"].items()),
        ("Seeds", ", ".join(map(str, about["seeds"]))),
    ]


def warnings(run: Run) -> list[str]:
    """What a reader must know before believing a number."""
    found = []
    if run.is_demo:
        found.append("This is the demo: its scores mean nothing beyond the demo.")
    encoders = run.about["encoders"].items()
    random = [name.upper() for name, e in encoders if e["weights"] == "random weights"]
    if random:
        found.append(f"{' and '.join(random)} come from random weights, which know no speech.")
    if not run.about["protocol"]["speaker_independent"]:
        found.append("Training and test share speakers: the scores do not carry to new ones.")
    if run.metrics["selection"] == "oracle_test":
        found.append("Epoch and level were chosen on the test data: the scores are optimistic.")
    if run.about["optimisation"]["shuffle_labels"]:
        found.append("Training labels were shuffled: scores must lie near chance.")
    return found


def _protocol(protocol: Mapping[str, Any]) -> str:
    independent = protocol["speaker_independent"]
    name = str(protocol["name"]).replace("_", " ")
    return f"{name}; {'speaker-independent' if independent else 'not speaker-independent'}"


def _encoder(encoder: Mapping[str, Any]) -> str:
    revision = f" @ {encoder['revision']}" if encoder.get("revision") else ""
    state = "trained here" if encoder.get("trained") else "frozen"
    return f"{encoder['model']}{revision}; {encoder['weights']}; {state}"
