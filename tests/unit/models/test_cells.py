"""Choice Cell and Fusion Cells."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from torch import nn

from mfsn.errors import ConfigError
from mfsn.models.cells import ChoiceCell, Fusion, FusionCell, choose
from mfsn.models.config import ModelConfig
from mfsn.models.operations import OPERATIONS

B, T, D = 2, 6, 4
ALL = torch.ones(B, T, dtype=torch.bool)
LEVELS = ("low", "mid", "high")


def features(seed: int, width: int = D) -> torch.Tensor:
    return torch.randn(B, T, width, generator=torch.Generator().manual_seed(seed))


def one_hot_alpha(name: str) -> list[float]:
    return [1e4 if operation == name else 0.0 for operation in OPERATIONS]


class TestChoice:
    def test_draws_each_level_about_as_often(self) -> None:
        generator = torch.Generator().manual_seed(0)
        drawn = Counter(choose(LEVELS, generator) for _ in range(3000))
        assert set(drawn) == set(LEVELS)
        assert all(900 < count < 1100 for count in drawn.values())

    def test_goes_on_from_a_restored_generator(self) -> None:
        generator = torch.Generator().manual_seed(5)
        state = generator.get_state()
        first = [choose(LEVELS, generator) for _ in range(20)]
        generator.set_state(state)
        assert [choose(LEVELS, generator) for _ in range(20)] == first

    def test_leaves_the_global_generator_alone(self) -> None:
        before = torch.get_rng_state()
        choose(LEVELS, torch.Generator().manual_seed(0))
        assert torch.equal(torch.get_rng_state(), before)

    def test_one_level_is_no_choice(self) -> None:
        assert choose(["high"], torch.Generator()) == "high"

    def test_hands_over_the_level_without_its_gradient(self) -> None:
        sec = {level: features(i).requires_grad_() for i, level in enumerate(LEVELS)}
        chosen = ChoiceCell()(sec, "mid")
        assert torch.equal(chosen, sec["mid"])
        assert not chosen.requires_grad


class TestFusionCell:
    def test_alpha_starts_as_small_noise(self) -> None:
        torch.manual_seed(0)
        alphas = torch.stack([FusionCell(1, alpha_init_std=0.5).alpha_O for _ in range(200)])
        assert alphas.shape == (200, 8)
        assert abs(alphas.mean()) < 0.05
        assert abs(alphas.std() - 0.5) < 0.05

    def test_alpha_of_no_spread_mixes_evenly(self) -> None:
        cell = FusionCell(D, alpha_init_std=0.0)
        assert cell.weights() == [1 / 8] * 8
        assert cell.entropy() == pytest.approx(math.log(8))

    def test_output_is_the_weighted_sum_of_all_operations(self) -> None:
        cell = FusionCell(D, alpha_init_std=1.0)
        tec, sec = features(1), features(2)
        expected = sum(
            weight * cell.operations[name](tec, sec, ALL)
            for name, weight in zip(OPERATIONS, cell.weights(), strict=True)
        )
        torch.testing.assert_close(cell(tec, sec, ALL), expected)

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_all_weight_on_one_operation_gives_that_operation(self, name: str) -> None:
        cell = FusionCell(D)
        cell.freeze(one_hot_alpha(name))
        tec, sec = features(1), features(2)
        assert cell.weights()[OPERATIONS.index(name)] == 1.0
        assert cell.entropy() == pytest.approx(0)
        torch.testing.assert_close(cell(tec, sec, ALL), cell.operations[name](tec, sec, ALL))

    def test_zero_alone_drops_tec(self) -> None:
        cell = FusionCell(D)
        cell.derive("zero")
        assert not cell(features(1), features(2), ALL).any()

    def test_a_residual_keeps_tec(self) -> None:
        cell = FusionCell(D, residual=True)
        cell.derive("zero")
        tec = features(1)
        expected = nn.functional.layer_norm(tec, (D,))
        torch.testing.assert_close(cell(tec, features(2), ALL), expected)

    def test_options_reach_the_operations(self) -> None:
        plain, glu = FusionCell(D), FusionCell(D, ism="glu")
        normed = FusionCell(D, operation_norm=True)
        assert "operations.ism.gate.bias" in plain.state_dict()
        assert "operations.ism.gate.bias" not in glu.state_dict()
        norms = [key for key in normed.state_dict() if key.endswith("norm.weight")]
        assert len(norms) == 7

    def test_a_frozen_alpha_is_saved_but_not_trained(self) -> None:
        cell = FusionCell(D)
        alpha = [float(i) for i in range(8)]
        cell.freeze(alpha)
        assert cell.state_dict()["alpha_O"].tolist() == alpha
        assert "alpha_O" not in dict(cell.named_parameters())
        again = FusionCell(D)
        again.load_state_dict(cell.state_dict())
        assert again.weights() == cell.weights()

    def test_freezing_needs_one_value_an_operation(self) -> None:
        with pytest.raises(ConfigError, match="alpha has 3 values for 8 operations"):
            FusionCell(D).freeze([0.0, 1.0, 2.0])

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_a_derived_cell_is_its_operation_and_nothing_else(self, name: str) -> None:
        cell = FusionCell(D)
        tec, sec = features(1), features(2)
        expected = cell.operations[name](tec, sec, ALL)
        kept = {id(parameter) for parameter in cell.operations[name].parameters()}
        cell.derive(name)
        assert torch.equal(cell(tec, sec, ALL), expected)
        assert {id(parameter) for parameter in cell.parameters()} == kept
        assert cell.weights() == [1.0 if name == operation else 0.0 for operation in OPERATIONS]
        assert cell.entropy() == 0

    def test_an_unknown_operation_cannot_be_derived(self) -> None:
        with pytest.raises(ConfigError, match="mean is not an operation"):
            FusionCell(D).derive("mean")


class TestFusion:
    def test_chained_cells_hand_the_fused_tec_forward(self) -> None:
        fusion = Fusion(ModelConfig(cells=3), D, D, 1.0)
        tec, sec = features(1), features(2)
        expected = tec
        for cell in fusion.cells:
            expected = cell(expected, sec, ALL)
        torch.testing.assert_close(fusion(tec, {"low": sec}, "low", ALL), expected)

    def test_each_cell_has_an_alpha_of_its_own(self) -> None:
        state = Fusion(ModelConfig(cells=2), D, D, 1.0).state_dict()
        assert not torch.equal(state["cells.0.alpha_O"], state["cells.1.alpha_O"])

    def test_equal_widths_need_no_alignment(self) -> None:
        names = dict(Fusion(ModelConfig(), D, D, 1.0).named_parameters())
        assert not [name for name in names if "alignment" in name]

    def test_another_width_of_sec_is_brought_to_that_of_tec(self) -> None:
        fusion = Fusion(ModelConfig(), D, 7, 1.0)
        names = [name for name, _ in fusion.named_parameters() if "alignment" in name]
        assert names == ["sec_alignment.weight", "sec_alignment.bias"]
        assert fusion(features(1), {"low": features(2, 7)}, "low", ALL).shape == (B, T, D)

    def test_align_norms_both_sides(self) -> None:
        fusion = Fusion(ModelConfig(align=True), D, 7, 1.0)
        fusion.cells[0].derive("sum")  # type: ignore[operator]
        tec, sec = features(1), features(2, 7)
        expected = fusion.tec_alignment(tec) + fusion.sec_alignment(sec)
        torch.testing.assert_close(fusion(tec, {"low": sec}, "low", ALL), expected)
        torch.testing.assert_close(
            fusion.sec_alignment(sec).mean(dim=-1), torch.zeros(B, T), atol=1e-5, rtol=0
        )

    def test_alignment_is_trained_through_the_detached_level(self) -> None:
        fusion = Fusion(ModelConfig(align=True), D, 7, 1.0)
        sec = {"low": features(2, 7).requires_grad_()}
        fusion(features(1), sec, "low", ALL).square().sum().backward()
        assert sec["low"].grad is None
        for parameter in fusion.sec_alignment.parameters():
            assert parameter.grad is not None
            assert parameter.grad.any()

    def test_padding_of_the_output_is_zero(self) -> None:
        valid = torch.tensor([[True] * 4 + [False] * 2, [True] * 6])
        fused = Fusion(ModelConfig(), D, D, 1.0)(features(1), {"low": features(2)}, "low", valid)
        assert not fused[0, 4:].any()
        assert fused[1].any(dim=-1).all()
