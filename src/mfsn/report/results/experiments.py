"""The experiments of DVC: their parameters from git, their scores from DVC's cache.

`dvc exp show` tells the same in more than 60 columns, but has no intervals, and lists only what
started from the newest commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from mfsn import plugins
from mfsn.base.files import read_json
from mfsn.errors import DamagedFileError
from mfsn.report.results.row import encoder_names, score_columns
from mfsn.store.checkouts.dvc import all_outputs_in, cache_folder, content
from mfsn.store.checkouts.git_history import experiments, files_at
from mfsn.training.system import get_system
from mfsn.workspace import Outputs, checkout_of


def kept_experiments(workspace: Path) -> Iterator[dict[str, Any]]:
    """A row (see `mfsn.report.results.collect.results`) for each experiment, the oldest first.

    Raises:
        DamagedFileError: if DVC's cache has damaged scores of one.
        CacheError: if git cannot read the repository, or a dvc.lock was not written by DVC.
    """
    found = experiments(workspace)
    if not found:
        return
    params = _params_at(workspace, [each.commit for each in found])
    bases = _params_at(workspace, [each.base for each in found])
    locks = files_at(workspace, [each.commit for each in found], "dvc.lock")
    cache = cache_folder(checkout_of(workspace))
    for each, own, base, lock in zip(found, params, bases, locks, strict=True):
        yield {
            "run": each.name,
            **_described(own),
            **_scores(own, lock or b"", cache),
            "finished": each.finished,
            "commit": each.base[:7],
            "changed": _changed(own, base),
        }


def _params_at(workspace: Path, commits: list[str]) -> list[dict[str, Any]]:
    """The parameters in each commit by dotted name; none where they cannot be read."""
    return [_flat(text or b"") for text in files_at(workspace, commits, "params.yaml")]


def _flat(text: bytes) -> dict[str, Any]:
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    if not isinstance(values, dict):
        return {}
    return dict(pd.json_normalize(values).iloc[0])


def _described(params: Mapping[str, Any]) -> dict[str, Any]:
    system = params.get("system")
    return {
        "corpus": params.get("corpus.name"),
        "system": system,
        "encoders": encoder_names(params.get(f"{each}.model") for each in _encoders_of(system)),
        "protocol": params.get("protocol.name"),
    }


def _encoders_of(system: str | None) -> list[str]:
    """The encoders that a system reads; none for a system of a plug-in that is not installed."""
    if system is None or system not in plugins.names("systems"):
        return []
    return [name for name in get_system(system).reads if name in ("sec", "tec")]


def _scores(params: Mapping[str, Any], lock: bytes, cache: Path) -> dict[str, Any]:
    """The columns of the scores; empty where DVC's cache does not have them."""
    outputs = Outputs(Path(), str(params.get("corpus.name")), str(params.get("experiment")))
    named = {out.path: out.md5 for out in all_outputs_in(lock)}.get(outputs.scores.as_posix())
    path = content(cache, named) if named else None
    if path is None or not path.is_file():
        return {}
    try:
        return score_columns(read_json(path))
    except (KeyError, TypeError, AttributeError):
        raise DamagedFileError(
            f"{path} in DVC's cache is damaged; delete it and run this experiment again"
        ) from None


def _changed(own: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    differing = (name for name in own if own[name] != base.get(name))
    return ", ".join(f"{name}={own[name]}" for name in differing)
