"""Layer statistics: a linear model on mean and deviation of SEC levels, alone or together."""

from mfsn.systems.linear.layer_statistics_config import LayerStatisticsConfig
from mfsn.training.system import System

SYSTEM = System(
    name="layer_statistics",
    title="layer statistics",
    description="a linear model on mean and deviation of one SEC level, or of all together",
    reads={"sec": "all"},
    parameters=(
        "optimisation.class_weights",
        "optimisation.shuffle_labels",
        "classical.c_grid",
        "classical.c",
        "classical.max_iter",
    ),
    fits="mfsn.systems.linear.layer_statistics:LayerStatisticsFits",
    scorer="mfsn.systems.linear.scorer:LayerStatisticsScorer",
    pieces="utterances",
    config=LayerStatisticsConfig,
)
