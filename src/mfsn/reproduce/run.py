"""Run a table: each row is a DVC experiment in a temporary folder.

The workspace stays as it is, and `dvc exp show` lists the rows. Work that was done before is not
repeated: it comes from DVC's run-cache, the feature cache and the finished units in the store.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfsn.base.kept_json import kept
from mfsn.config import plain
from mfsn.errors import ReproduceError
from mfsn.params import Params
from mfsn.reproduce.plan import Row, Table, experiment_name, overrides, protocol_of
from mfsn.workspace import Outputs

Say = Callable[[str], None]


def run_rows(
    workspace: Path,
    params: Params,
    name: str,
    table: Table,
    *,
    short: bool = False,
    seeds: tuple[int, ...] = (),
    say: Say = print,
) -> dict[str, str]:
    """Run the experiments of all rows, one after the other.

    Args:
        workspace: the checkout.
        params: the parameters in its params.yaml.
        name: the name of the table.
        table: its plan.
        short: whether fits should take only seconds.
        seeds: seeds to use instead of those in params.yaml.
        say: is called with one line about each row before it runs.

    Returns:
        For the name of each row, the name of its experiment.

    Raises:
        ReproduceError: if a row fails. In the next run, the rows before it come from the caches.
    """
    found = {}
    for number, row in enumerate(table.runs, start=1):
        say(f"{name}, row {number} of {len(table.runs)}: {row.label}")
        found[row.name] = experiment_name(name, row, short)
        changed = protocol_of(table, params) | overrides(row, params, short, seeds)
        _run(workspace, found[row.name], changed, row)
    return found


@dataclass(frozen=True)
class Finished:
    """A table whose rows have run."""

    workspace: Path
    """The checkout."""
    table: Table
    experiments: Mapping[str, str]
    """For the name of each row that ran, the name of its experiment."""
    outputs: Outputs
    """The outputs of the experiments, relative to the checkout."""

    def read(self, row: Row, path: Path) -> Any:
        """The content of a JSON output of a row, by its path in `outputs`.

        Raises:
            ReproduceError: if the experiment or the output is missing, or the output is no JSON.
        DamagedFileError: if it is damaged, and later, when an entry is asked for that it lacks.
        """
        return read_result(self.workspace, self.experiments[row.name], path)

    def about(self, row: Row) -> Any:
        """The content of run.json of a row; raises as `read`."""
        return self.read(row, self.outputs.models / "run.json")


def read_result(workspace: Path, experiment: str, path: Path) -> Any:
    """Read a JSON output of a row's experiment from DVC's cache.

    Args:
        workspace: the checkout.
        experiment: the name of the experiment.
        path: the path of the output, relative to the checkout.

    Raises:
        ReproduceError: if the experiment or the output is missing, or the output is no JSON.
        DamagedFileError: if it is damaged, and later, when an entry is asked for that it lacks.
    """
    import dvc.api
    from dvc.exceptions import DvcException

    try:
        text = dvc.api.read(str(path), repo=str(workspace), rev=experiment)
        return kept(json.loads(text), path)
    except (DvcException, OSError, json.JSONDecodeError) as error:
        raise ReproduceError(
            f"{path} of experiment {experiment} cannot be read ({error}); run the same "
            "command again"
        ) from error


def _run(workspace: Path, experiment: str, changed: Mapping[str, Any], row: Row) -> None:
    _dvc(workspace, "exp", "remove", "--quiet", experiment)  # DVC refuses a name that exists
    settings = [text for name, value in changed.items() for text in ("-S", _setting(name, value))]
    done = _dvc(workspace, "exp", "run", "--temp", "--name", experiment, *settings)
    if done:
        raise ReproduceError(
            f"row {row.name} ({row.label}) failed; correct the error that is printed above and run "
            "the same command again: finished rows come from the cache"
        )


def _dvc(workspace: Path, *arguments: str) -> int:
    quiet = subprocess.DEVNULL if "--quiet" in arguments else None
    command = [sys.executable, "-m", "dvc", *arguments]
    with subprocess.Popen(command, cwd=workspace, stderr=quiet) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # DVC gets Ctrl-C too: it ends the stage and removes the folder
            process.wait()
            raise


def _setting(name: str, value: Any) -> str:
    """A setting for DVC's `--set-param`: text without quotes, other values as JSON."""
    if isinstance(value, dict):
        inner = ",".join(f"{key}:{plain(v)}" for key, v in value.items())
        return f"{name}={{{inner}}}"
    return f"{name}={plain(value)}"
