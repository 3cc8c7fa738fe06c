"""Stage `search`: cached features -> what a search found, for every fold and seed."""

from _start import asked_jobs, run
from _training import experiment_of_stage
from mfsn.params import Stage
from mfsn.systems.search import run_search


def search(stage: Stage) -> None:
    """Search all units, `--jobs` of them at once."""
    run_search(experiment_of_stage(stage, searching=True), asked_jobs())


if __name__ == "__main__":
    run("search", search)
