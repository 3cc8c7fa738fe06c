"""bfloat16 in the steps of training, and what stays float32."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from mfsn.errors import ConfigError
from mfsn.training.config import OptimisationConfig
from mfsn.training.data.loading import load_data
from mfsn.training.fold_training import make_network
from mfsn.training.loop import Solver, outputs_per_level

MANY = {"batch_size": 8, "lr": 1e-3}


def trained(experiment: Any, precision: str) -> tuple[float, dict[str, Tensor], dict[str, Tensor]]:
    """Loss of an epoch, weights after it, and outputs of the high level."""
    data = load_data(experiment, "cpu")
    torch.manual_seed(0)
    network = make_network(experiment, data)
    everything = data.part(experiment.folds[0].train)
    network.fit_scaling(data.rows.batches([(everything.rows_N, network.scaled)]))
    optimisation = OptimisationConfig.parse(MANY | {"precision": precision}, where="test")
    solver = Solver(
        network, data.rows, network.choice_levels,
        optimisation=optimisation, search=experiment.search, seed=0,
    )  # fmt: skip
    loss = solver.epoch(everything).train_loss
    return loss, network.state_dict(), outputs_per_level(network, data.rows, everything.rows_N)


@pytest.mark.parametrize("system", ["mfsn", "coattention", "acoustic"])
def test_bfloat16_rounds_the_steps_and_leaves_weights_and_scores_float32(
    toy: Any, system: str
) -> None:
    experiment = toy(system=system)
    exact, rounded = (trained(experiment, name) for name in ("float32", "bfloat16"))
    assert rounded[0] != exact[0]
    assert rounded[0] == pytest.approx(exact[0], rel=0.02)
    assert {weights.dtype for weights in rounded[1].values()} == {torch.float32}
    last = list(rounded[2])[-1]
    scores = rounded[2][last].float()
    assert not torch.equal(scores, scores.bfloat16().float())
    assert torch.allclose(scores, exact[2][last].float(), atol=0.05)


def test_another_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match="precision"):
        OptimisationConfig.parse({"precision": "float16"}, where="params.yaml: optimisation")
