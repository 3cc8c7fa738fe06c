"""Stage `search`: cached features -> a genotype and a trained network for every fold and seed."""

from _start import asked_jobs, run
from mfsn.files import read_json
from mfsn.params import Stage
from mfsn.training.experiment import Experiment
from mfsn.training.search import run_search
from mfsn.workspace import store_root


def search(stage: Stage) -> None:
    """Search all units, `--jobs` of them at once."""
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
        code=read_json(outputs.workspace / "data" / "code" / "search.json"),
    )
    run_search(experiment, asked_jobs())


if __name__ == "__main__":
    run("search", search)
