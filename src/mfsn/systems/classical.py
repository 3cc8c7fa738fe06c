"""Classical: functionals of the whole utterance with a linear model, no encoder."""

from mfsn.training.system import System

SYSTEM = System(
    name="classical",
    title="classical",
    description="functionals with a linear model",
    reads={"functionals": "all"},
    parameters=("optimisation.class_weights", "optimisation.shuffle_labels", "classical"),
    fits="mfsn.systems.linear.classical:ClassicalFits",
    scorer="mfsn.systems.linear.scorer:ClassicalScorer",
    pieces="utterances",
)
