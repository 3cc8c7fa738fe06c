"""Stage `search`: cached features -> a genotype and a trained network for every fold and seed."""

from _start import asked_jobs, run
from _training import experiment_of
from mfsn.params import Stage
from mfsn.systems.search import run_search


def search(stage: Stage) -> None:
    """Search all units, `--jobs` of them at once."""
    run_search(experiment_of(stage), asked_jobs())


if __name__ == "__main__":
    run("search", search)
