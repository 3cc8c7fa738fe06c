"""`mfsn doctor --quick`: what can be seen in seconds, without torch and without any recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mfsn.doctor.checks import Finding, check_environment, no_extractor
from mfsn.doctor.pipeline import check_pipeline
from mfsn.doctor.recordings import check_corpus_folders
from mfsn.doctor.variables import check_variables
from mfsn.encoders.hub import PREFIX, find_folder
from mfsn.errors import MfsnError
from mfsn.params import Params, load_params

_SKIPPED = "device, labels, headers, folds, missing rows, disk, memory and time"


def examine_quickly(workspace: Path) -> list[Finding]:
    """Check the environment, and that corpora and encoders are there. Nothing is written.

    Raises:
        ConfigError: if params.yaml cannot be read.
    """
    params = load_params(workspace)
    return [
        *check_environment(params, workspace, quick=True),
        *check_variables(),
        *check_pipeline(params, workspace),
        *check_corpus_folders(params),
        *_encoders(params),
        Finding("not looked at", f"{_SKIPPED}; `mfsn doctor` without --quick does"),
    ]


def _encoders(params: Params) -> Iterator[Finding]:
    """Whether the encoders are on this machine; those with random weights are made by a run."""
    for name, encoder in (("sec", params.sec), ("tec", params.tec)):
        if name in params.read and not encoder.model.startswith(PREFIX):
            try:
                folder = find_folder(encoder.model, encoder.revision)
            except MfsnError as error:
                yield no_extractor(name, params, error)
            else:
                yield Finding(name, f"{encoder.model} is in {folder}")
