"""What `search` and `train` share: their parameters as one experiment.

Scripts import it after `_start`, which puts this workspace's own mfsn before the installed one.
"""

from mfsn.base.fingerprint import stage_code
from mfsn.params import Stage
from mfsn.training.experiment import Experiment
from mfsn.workspace import store_root


def experiment_of(stage: Stage) -> Experiment:
    """The experiment that a stage runs.

    The code is read here and not from data/code, which only `scan` refreshes: a stage that is run
    by itself must not take what other code has left in the store.
    """
    params, outputs = stage.params, stage.outputs
    return Experiment(
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
        code=stage_code(outputs.workspace, stage.name),
        corruption=params.corruption,
    )
