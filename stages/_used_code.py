"""The code that each stage's result depends on, beside what its script imports.

Scripts import it after `_start`, which puts the mfsn of this workspace before the installed one.

A stage chooses readers, extractors, protocols and systems by name: only those that params.yaml
names are its code, so that adding another one reruns nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _system_code import system_code
from mfsn import plugins
from mfsn.base.fingerprint import PACKAGE, stage_code
from mfsn.params import Params
from mfsn.training.system import get_system

PLAIN = ("segment", "report")
"""Stages whose scripts import all their code."""
FITTING = ("search", "train")

Chosen = list[tuple[plugins.Kind, str]]
"""What params.yaml names: kinds and names of `mfsn.plugins`."""


def code_keys(params: Params) -> list[str]:
    """The files of data/code/ without `.json`, one per stage: `extract-NAME` for an extractor."""
    extractors = [f"extract-{name}" for name in params.extract.extractors]
    return ["prepare", "evaluate", *PLAIN, *extractors, *FITTING]


def code_of(key: str, params: Params, workspace: Path) -> dict[str, Any]:
    """What the code of a stage means at this moment, by module name.

    Args:
        key: one of `code_keys`.
        params: what they name decides what is code.
        workspace: the folder of src/ and stages/.

    Raises:
        ConfigError: if params.yaml names something unknown.
    """
    script, _, extractor = key.partition("-")
    protocol: Chosen = [("protocols", params.protocol.name)]
    if extractor:
        return _named(workspace, script, [("extractors", extractor)])
    if key in FITTING:
        system = get_system(params.system)
        own = {} if system.config is None else params.section(system.name).model_dump(mode="json")
        chosen: Chosen = [("systems", params.system), *protocol]
        code = _named(workspace, script, chosen) | system_code(params.system, workspace)
        return code | ({f"parameters of {system.name}": own} if own else {})
    if key == "prepare":
        readers: Chosen = [("corpora", member.reader) for member in params.corpus.members]
        return _named(workspace, script, [*readers, *protocol])
    if key == "evaluate":
        return _named(workspace, script, protocol)
    return stage_code(workspace, script)


def _named(workspace: Path, script: str, chosen: Chosen) -> dict[str, Any]:
    modules = [plugins.module_of(*each) for each in chosen]
    packages = {module.partition(".")[0] for module in modules} - {PACKAGE}
    added = {" ".join(each): o for each in chosen if (o := plugins.origin(*each))}
    return stage_code(workspace, script, modules, plugins.folders_of(packages)) | added
