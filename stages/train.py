"""Stage `train`: genotypes -> models and log-posteriors of the test parts, for folds and seeds."""

from _start import asked_jobs, run
from mfsn.files import read_json
from mfsn.params import Stage
from mfsn.training.experiment import Experiment
from mfsn.training.train import run_train
from mfsn.workspace import store_root


def train(stage: Stage) -> None:
    """Train or export all units, `--jobs` of them at once."""
    params, outputs = stage.params, stage.outputs
    experiment = Experiment(
        system=params.system,
        seeds=tuple(params.seeds),
        labels=params.labels,
        segment=params.segment,
        protocol=params.protocol,
        model=params.model,
        optimisation=params.optimisation,
        search=params.search,
        selection=params.selection,
        outputs=outputs,
        store=store_root(),
        code=read_json(outputs.workspace / "data" / "code" / "train.json"),
    )
    run_train(experiment, params.train, params.classical, asked_jobs())


if __name__ == "__main__":
    run("train", train)
