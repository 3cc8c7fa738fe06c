"""Probe: a linear model on the mean of each SEC level; development data choose the level."""

from mfsn.training.system import System

SYSTEM = System(
    name="probe",
    title="probe",
    description="a linear model on the mean of one SEC level",
    reads={"sec": "all"},
    parameters=(
        "optimisation.class_weights",
        "optimisation.shuffle_labels",
        "classical.c_grid",
        "classical.c",
        "classical.max_iter",
    ),
    fits="mfsn.systems.linear.probe:ProbeFits",
    scorer="mfsn.systems.linear.scorer:ProbeScorer",
    pieces="utterances",
)
