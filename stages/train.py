"""Stage `train`: what was searched -> models and predictions of the test data."""

from _start import asked_jobs, run
from _training import experiment_of_stage
from mfsn.params import Stage
from mfsn.systems.train import run_train


def train(stage: Stage) -> None:
    """Train or export all units, `--jobs` of them at once."""
    run_train(experiment_of_stage(stage), asked_jobs())


if __name__ == "__main__":
    run("train", train)
