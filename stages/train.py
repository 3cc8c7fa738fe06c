"""Stage `train`: genotypes -> models and log-posteriors of the test parts, for folds and seeds."""

from _start import asked_jobs, run
from _training import experiment_of
from mfsn.params import Stage
from mfsn.systems.train import run_train


def train(stage: Stage) -> None:
    """Train or export all units, `--jobs` of them at once."""
    params = stage.params
    run_train(experiment_of(stage), params.train, params.classical, asked_jobs())


if __name__ == "__main__":
    run("train", train)
