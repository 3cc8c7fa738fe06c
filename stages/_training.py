"""What `search` and `train` share: their parameters as one experiment.

Scripts import it after `_start`, which puts this workspace's own mfsn before the installed one.
"""

from _system_code import system_code
from mfsn.params import Stage, experiment_of
from mfsn.training.experiment import Experiment


def experiment_of_stage(stage: Stage, *, searching: bool = False) -> Experiment:
    """The experiment that a stage runs.

    The code is read here and not from data/code, which only `scan` refreshes: a stage that is run
    by itself must not take what other code has left in the store.
    """
    code = system_code(stage.params.system, stage.outputs.workspace)
    return experiment_of(stage.params, stage.outputs, code, searching=searching)
