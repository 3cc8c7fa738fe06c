"""The networks of all systems: what reaches the logits, and what is trained."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mfsn.errors import ConfigError, TrainingError
from mfsn.models.coattention import DualStreamCoAttention, JointStreamCoAttention
from mfsn.models.config import ModelConfig, NetworkParts
from mfsn.models.inputs import LEVEL_DB, MFCC, UTTERANCE_MAX_DB, Features, InputShapes, Source
from mfsn.models.network import SerNetwork, build_network
from mfsn.models.operations import OPERATIONS
from mfsn.models.parts import OneEncoderPart, TwoEncoderPart

B, C, T, S, M = 3, 4, 8, 20, 10
LEVELS = ("low", "mid", "high")
HIGH, TEC = ("sec", "high"), ("tec", "last")
SHARES = (0.5, 0.9, 1.0)


def shapes_of(sec: tuple[int, int] = (T, 6), tec: tuple[int, int] = (T, 6)) -> InputShapes:
    hidden: dict[Source, tuple[int, ...]] = {("sec", level): sec for level in LEVELS}
    acoustic: dict[Source, tuple[int, ...]] = {LEVEL_DB: (S, 12), UTTERANCE_MAX_DB: ()}
    return InputShapes({**hidden, TEC: tec, **acoustic, MFCC: (M, 5)})


SHAPES = shapes_of()
PARTS = {
    "mfsn": NetworkParts(encoders=("sec", "tec"), fused=True),
    "sec_tec": NetworkParts(encoders=("sec", "tec")),
    "coattention": NetworkParts(encoders=("sec",)),
    "acoustic": NetworkParts(),
}
SYSTEMS = tuple(PARTS)
ALPHA = [0.1 * i for i in range(8)]


def config(**values: Any) -> ModelConfig:
    small = {
        "projection": 8,
        "hidden": 16,
        "dropout": 0.0,
        "alexnet_width": 0.05,
        "image_px": [63, 64],
        "mfcc_hidden": 4,
        "mfcc_dropout": 0.0,
    }
    return ModelConfig.parse({**small, **values}, where="test")


def batch(shapes: InputShapes = SHAPES, seed: int = 0) -> Features:
    """Three segments: half, nearly all and all real audio."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(B, *shape, generator=generator)

    arrays = {source: noise(*shape) for source, shape in shapes.shapes.items()}
    arrays[LEVEL_DB] = -60 + 10 * arrays[LEVEL_DB]
    arrays[UTTERANCE_MAX_DB] = -20 + arrays[UTTERANCE_MAX_DB]
    return Features(arrays, {n: lengths(shape[0]) for n, shape in shapes.shapes.items() if shape})


def lengths(positions: int) -> Tensor:
    """How many positions of each row begin within its real audio."""
    return torch.tensor([math.ceil(round(share * positions, 3)) for share in SHARES])


def with_arrays(features: Features, arrays: dict[Source, Tensor]) -> Features:
    return dataclasses.replace(features, arrays={**features.arrays, **arrays})


def only(features: Features, *sources: Source) -> Features:
    """A batch with nothing of the encoders but these arrays."""
    kept = {LEVEL_DB, UTTERANCE_MAX_DB, MFCC, *sources}
    arrays, counted = (
        {source: values for source, values in tensors.items() if source in kept}
        for tensors in (features.arrays, features.lengths)
    )
    return Features(arrays, counted)


def network(
    system: str = "mfsn", shapes: InputShapes = SHAPES, *, seed: int = 0, **values: Any
) -> SerNetwork:
    """A seeded, fitted network."""
    torch.manual_seed(seed)
    built = build_network(PARTS[system], config(**values), shapes, C, alpha_init_std=1.0)
    built.fit_scaling([batch(shapes, seed=9)])
    return built


def pad_with(features: Features, value: float) -> Features:
    """The same batch with another value in every frame of padding."""

    def fill(x: Tensor) -> Tensor:
        filled = x.clone()
        for row, share in enumerate(SHARES):
            filled[row, math.ceil(round(share * x.shape[1], 3)) :] = value
        return filled

    padded = {source: fill(features[source]) for source in features.lengths}
    return with_arrays(features, padded)


class TestForward:
    @pytest.mark.parametrize("system", SYSTEMS)
    def test_every_system_gives_logits(self, system: str) -> None:
        logits = network(system)(batch())
        assert logits.shape == (B, C)
        assert logits.isfinite().all()

    @pytest.mark.parametrize(
        "values",
        [
            {"cells": 3},
            {"ism": "glu"},
            {"operation_norm": True},
            {"cell_residual": True},
            {"align": True},
            {"mask": "none"},
            {"spectrogram_reference": "utterance"},
            {"mfcc_layers": 1},
            {"streams": "joint"},
            {"guide": "mfcc"},
        ],
        ids=lambda values: next(iter(values)),
    )
    def test_every_option_changes_the_logits(self, values: dict[str, Any]) -> None:
        logits = network(**values)(batch(), "low")
        assert logits.isfinite().all()
        assert not torch.allclose(logits, network()(batch(), "low"))

    def test_the_level_matters_to_mfsn_alone(self) -> None:
        features = batch()
        mfsn = network()
        assert not torch.allclose(mfsn(features, "low"), mfsn(features, "mid"))
        for system in ("sec_tec", "coattention", "acoustic"):
            other = network(system)
            assert torch.equal(other(features, "low"), other(features, "mid"))

    def test_no_level_is_the_last_level(self) -> None:
        mfsn = network()
        assert torch.equal(mfsn(batch()), mfsn(batch(), "high"))

    @pytest.mark.parametrize("system", SYSTEMS)
    def test_all_levels_at_once_equal_one_by_one(self, system: str) -> None:
        built = network(system)
        logits = built.logits_per_level(batch())
        assert tuple(logits) == built.choice_levels
        for level, values in logits.items():
            assert torch.equal(values, built(batch(), level))

    def test_all_levels_read_spectrogram_and_mfcc_once(self) -> None:
        built = network()
        calls: list[nn.Module] = []
        built.acoustic.register_forward_hook(lambda module, *_: calls.append(module))
        built.logits_per_level(batch())
        assert len(calls) == 1

    def test_acoustic_reads_no_encoder(self) -> None:
        features = batch()
        bare = only(features)
        built = network("acoustic")
        assert torch.equal(built(bare), built(features))

    def test_sec_tec_reads_the_last_level_only(self) -> None:
        features = batch()
        last = only(features, HIGH, TEC)
        built = network("sec_tec")
        assert torch.equal(built(last), built(features))

    def test_coattention_reads_the_last_level_of_one_encoder(self) -> None:
        features = batch()
        bare = only(features, HIGH)
        built = network("coattention")
        assert torch.equal(built(bare), built(features))
        louder = with_arrays(bare, {HIGH: 2 * features[HIGH]})
        assert not torch.allclose(built(louder), built(bare))

    @pytest.mark.parametrize("system", SYSTEMS)
    @pytest.mark.parametrize("level", [*LEVELS, None])
    def test_what_a_network_says_that_it_reads_is_what_it_needs(
        self, system: str, level: str | None
    ) -> None:
        built = network(system)
        if level is not None and level not in built.choice_levels:
            return
        reads, features = built.reads(level), batch()
        bare = Features(
            {source: features[source] for source in reads},
            {source: features.lengths[source] for source in reads if source in features.lengths},
        )
        if level is None:
            assert list(built.logits_per_level(bare)) == list(built.choice_levels)
        else:
            assert torch.equal(built(bare, level), built(features, level))
        for source in reads if level else ():
            arrays = {n: rows for n, rows in bare.arrays.items() if n != source}
            with pytest.raises(KeyError):
                built(dataclasses.replace(bare, arrays=arrays), level)

    def test_coattention_has_the_published_widths(self) -> None:
        built = network("coattention", projection=128, hidden=128)
        assert isinstance(built.encoders, OneEncoderPart)
        assert built.acoustic.mfcc.project.out_features == 128
        assert built.encoders.coattention.frame_weights.in_features == 256
        assert built.encoders.coattention.project.out_features == 128
        first = next(m for m in built.head.modules() if isinstance(m, nn.Linear))
        assert first.in_features == 384

    @pytest.mark.parametrize("streams", ["dual", "joint"])
    def test_a_guide_of_mfcc_leaves_the_spectrogram_out_of_the_weights(self, streams: str) -> None:
        built = network(streams=streams, guide="mfcc")
        assert isinstance(built.encoders, TwoEncoderPart)
        part, features = built.encoders, batch()
        h_s, h_m = built.acoustic(features)
        assert torch.equal(part(features, "low", h_s, h_m), part(features, "low", 0 * h_s, h_m))
        assert not torch.allclose(
            part(features, "low", h_s, h_m), part(features, "low", h_s, 0 * h_m)
        )

    def test_a_joint_stream_weighs_the_frames_of_both_encoders_alike(self) -> None:
        built = network("sec_tec", streams="joint")
        assert isinstance(built.encoders, TwoEncoderPart)
        assert isinstance(built.encoders.coattention, JointStreamCoAttention)
        both = built.encoders.coattention.both
        assert both.frame_weights.out_features == T
        assert both.project.in_features == SHAPES[HIGH][1] + SHAPES[TEC][1]

    def test_streams_of_other_lengths_cannot_be_joined(self) -> None:
        shapes = shapes_of(tec=(T + 1, 6))
        with pytest.raises(ConfigError, match=r"share one co-attention stream.*streams: dual"):
            network("sec_tec", shapes, streams="joint")

    def test_sec_tec_is_mfsn_whose_cell_hands_tec_through(self) -> None:
        # T' = T: co-attention, head and acoustic part are the same modules with the same weights.
        mfsn, sec_tec = network("mfsn"), network("sec_tec", seed=1)
        shared = {k: v for k, v in mfsn.state_dict().items() if "fusion" not in k}
        sec_tec.load_state_dict(shared)
        assert isinstance(mfsn.encoders, TwoEncoderPart)
        assert mfsn.encoders.fusion is not None
        mfsn.encoders.fusion.cells = nn.ModuleList()
        torch.testing.assert_close(mfsn(batch(), "low"), sec_tec(batch()))

    def test_rows_do_not_see_each_other(self) -> None:
        built, features = network(), batch()
        alone = Features(
            {source: rows[1:2] for source, rows in features.arrays.items()},
            {source: counted[1:2] for source, counted in features.lengths.items()},
        )
        torch.testing.assert_close(built(alone, "mid"), built(features, "mid")[1:2])

    def test_an_unfitted_network_gives_no_score(self) -> None:
        built = build_network(PARTS["mfsn"], config(), SHAPES, C)
        assert built(batch()).isnan().all()

    def test_dropout_lies_where_the_published_code_has_it(self) -> None:
        built = network(dropout=0.5)
        widths: list[int] = []
        for module in built.modules():
            if isinstance(module, nn.Dropout) and module.p == 0.5:
                module.register_forward_hook(lambda _, x, __: widths.append(x[0].shape[-1]))
        built(batch())
        pooled = built.acoustic.spectrogram.alexnet.outputs
        assert widths == [pooled, M * 8, 16, SHAPES[HIGH][1], 16, SHAPES[TEC][1], 48, 16]

    def test_features_are_left_as_they_were(self) -> None:
        features, untouched = batch(), batch()
        network()(features, "low").sum().backward()
        for source, rows in features.arrays.items():
            assert torch.equal(rows, untouched[source])


class TestPadding:
    @pytest.mark.parametrize("system", SYSTEMS)
    @pytest.mark.parametrize("value", [0.0, 25.0, math.nan])
    def test_masked_padding_never_reaches_the_logits(self, system: str, value: float) -> None:
        built, features = network(system, cells=2), batch()
        expected = built(features, "low")
        assert torch.equal(built(pad_with(features, value), "low"), expected)

    @pytest.mark.parametrize("value", [25.0, math.nan])
    def test_masked_padding_never_reaches_a_gradient(self, value: float) -> None:
        gradients = []
        for features in (batch(), pad_with(batch(), value)):
            built = network(align=True)
            built(features, "low").square().sum().backward()
            gradients.append([parameter.grad for parameter in built.parameters()])
        for clean, padded in zip(*gradients, strict=True):
            assert clean is not None
            assert padded is not None
            assert torch.equal(clean, padded)

    @pytest.mark.parametrize("system", SYSTEMS)
    def test_published_padding_does(self, system: str) -> None:
        built, features = network(system, mask="none"), batch()
        padded = built(pad_with(features, 25.0), "low")
        logits = built(features, "low")
        assert not torch.allclose(padded[0], logits[0])
        torch.testing.assert_close(padded[2], logits[2])  # this row has none

    def test_padding_does_not_move_the_scaling(self) -> None:
        features = batch()
        padded = pad_with(features, math.nan)
        states = []
        for f in (features, padded):
            built = network()
            built.fit_scaling([f])
            states.append(built.state_dict())
        for name, value in states[0].items():
            assert torch.equal(value, states[1][name]), name


class TestGradient:
    def gradients(self, level: str, **values: Any) -> dict[str, Tensor | None]:
        """What reaches TEC and each level when `level` is drawn."""
        features = batch()
        inputs = {**features.of("sec"), "tec": features[TEC]}
        for tensor in inputs.values():
            tensor.requires_grad_()
        network(**values)(features, level).square().sum().backward()
        return {name: tensor.grad for name, tensor in inputs.items()}

    @pytest.mark.parametrize("level", ["low", "mid"])
    def test_the_drawn_level_gets_none_and_the_last_gets_some(self, level: str) -> None:
        gradients = self.gradients(level)
        assert gradients["low"] is None
        assert gradients["mid"] is None
        assert gradients["high"] is not None
        assert gradients["high"].any()
        assert gradients["tec"] is not None
        assert gradients["tec"].any()

    def test_the_last_level_as_drawn_level_is_detached_from_the_cell_only(self) -> None:
        # Drawn or not, S_N has the gradient of co-attention: it differs by what T' differs, but
        # with the cell fixed to Zero, T' is the same and so must be the gradient.
        gradients = []
        for level in ("low", "high"):
            features, built = batch(), network()
            built.derive(["zero"])
            features[HIGH].requires_grad_()
            built(features, level).square().sum().backward()
            gradients.append(features[HIGH].grad)
        assert gradients[0] is not None
        assert gradients[1] is not None
        torch.testing.assert_close(gradients[0], gradients[1])

    @pytest.mark.parametrize("system", SYSTEMS)
    @pytest.mark.parametrize(
        "values", [{}, {"cells": 2, "align": True, "operation_norm": True, "cell_residual": True}]
    )
    def test_every_parameter_is_trained(self, system: str, values: dict[str, Any]) -> None:
        built = network(system, **values)
        built(batch(), "low").square().sum().backward()
        dead = [
            name
            for name, parameter in built.named_parameters()
            if parameter.grad is None or not parameter.grad.any()
        ]
        assert dead == []

    def test_sec_of_another_width_trains_its_projection(self) -> None:
        shapes = shapes_of(sec=(T, 9))
        built = network(shapes=shapes)
        built(batch(shapes), "low").square().sum().backward()
        assert isinstance(built.encoders, TwoEncoderPart)
        assert built.encoders.fusion is not None
        parameters = list(built.encoders.fusion.sec_alignment.parameters())
        assert len(parameters) == 2
        assert all(p.grad is not None and p.grad.any() for p in parameters)


class TestArchitecture:
    @pytest.mark.parametrize("cells", [1, 3])
    def test_alphas_and_weights_share_out_the_parameters(self, cells: int) -> None:
        built = network(cells=cells)
        alphas = [id(p) for p in built.architecture_parameters()]
        weights = [id(p) for p in built.weight_parameters()]
        assert len(alphas) == cells
        assert not set(alphas) & set(weights)
        assert sorted(alphas + weights) == sorted(id(p) for p in built.parameters())

    @pytest.mark.parametrize("system", ["sec_tec", "acoustic"])
    def test_systems_without_search_have_no_alpha(self, system: str) -> None:
        built = network(system)
        assert built.architecture_parameters() == []
        assert built.operation_weights() == []
        assert built.operation_entropies() == []
        assert built.choice_levels == ("acoustic" if system == "acoustic" else "high",)
        built.derive([])
        built.freeze_architecture([])

    def test_weights_and_entropies_are_those_of_the_cells(self) -> None:
        built = network(cells=2)
        alphas = [alpha.detach() for alpha in built.architecture_parameters()]
        for alpha, weights, entropy in zip(
            alphas, built.operation_weights(), built.operation_entropies(), strict=True
        ):
            expected = alpha.exp() / alpha.exp().sum()
            assert weights == pytest.approx(expected.tolist())
            assert entropy == pytest.approx(-(expected * expected.log()).sum().item())

    def test_a_frozen_architecture_leaves_only_weights(self) -> None:
        built = network(cells=2)
        built.freeze_architecture([ALPHA, ALPHA[::-1]])
        assert built.architecture_parameters() == []
        assert len(built.weight_parameters()) == len(list(built.parameters()))
        first, second = built.operation_weights()
        assert first == pytest.approx(torch.tensor(ALPHA).softmax(0).tolist())
        assert second == pytest.approx(first[::-1])

    def test_a_frozen_network_equals_the_searched_one(self) -> None:
        built = network()
        logits = built(batch(), "low")
        built.freeze_architecture([alpha.tolist() for alpha in built.architecture_parameters()])
        assert torch.equal(built(batch(), "low"), logits)

    def test_a_derived_network_loads_its_own_weights(self) -> None:
        built, loaded = network(cells=2), network(cells=2, seed=1)
        for each in (built, loaded):
            each.derive(["concat_fc", "ism_r"])
        loaded.load_state_dict(built.state_dict())
        assert torch.equal(loaded(batch(), "mid"), built(batch(), "mid"))
        assert built.operation_weights() == [
            [float(name == kept) for name in OPERATIONS] for kept in ("concat_fc", "ism_r")
        ]

    def test_a_derived_network_trains_what_it_kept(self) -> None:
        built = network()
        built.derive(["concat_fc_r"])
        built(batch(), "low").square().sum().backward()
        assert all(p.grad is not None and p.grad.any() for p in built.parameters())
        names = [name for name, _ in built.named_parameters() if "operations" in name]
        assert names == [
            "encoders.fusion.cells.0.operations.concat_fc_r.operation.linear.weight",
            "encoders.fusion.cells.0.operations.concat_fc_r.operation.linear.bias",
        ]

    def test_a_genotype_of_another_number_of_cells_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="has 2 cells and the network 1"):
            network().freeze_architecture([ALPHA, ALPHA])
        with pytest.raises(ConfigError, match="has 1 cells and the network 2"):
            network(cells=2).derive(["sum"])


class TestBuilding:
    def test_a_seed_gives_the_same_network(self) -> None:
        first, second, other = network(), network(), network(seed=1)
        for name, value in first.state_dict().items():
            assert torch.equal(value, second.state_dict()[name])
        assert not torch.equal(first(batch()), other(batch()))

    def test_systems_of_a_seed_share_their_acoustic_part(self) -> None:
        wide = [system for system in SYSTEMS if system != "coattention"]
        states = [network(system).acoustic.state_dict() for system in wide]
        for name, value in states[0].items():
            assert all(torch.equal(value, state[name]) for state in states[1:])

    def test_the_scaling_travels_in_the_state(self) -> None:
        built, loaded = network(), build_network(PARTS["mfsn"], config(), SHAPES, C)
        loaded.load_state_dict(built.state_dict())
        assert torch.equal(loaded(batch()), built(batch()))

    def test_fit_scaling_refuses_levels_that_are_no_numbers(self) -> None:
        features = batch()
        features[LEVEL_DB][0, 0, 0] = math.nan
        with pytest.raises(TrainingError, match="not finite"):
            network().fit_scaling([batch(), features])

    def test_a_level_is_needed(self) -> None:
        with pytest.raises(ConfigError, match="no SEC level"):
            build_network(PARTS["mfsn"], config(), InputShapes({TEC: (T, 6)}), C)

    def test_frames_that_differ_cannot_be_fused(self) -> None:
        shapes = shapes_of(sec=(T + 1, 6))
        with pytest.raises(ConfigError, match="SEC has 9 frames per segment and TEC 8"):
            network(shapes=shapes)
        assert network("sec_tec", shapes)(batch(shapes)).isfinite().all()

    def test_imagenet_weights_are_asked_for_once_and_can_be_left_to_a_checkpoint(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loaded: list[nn.Module] = []
        monkeypatch.setattr("mfsn.models.network.load_imagenet", loaded.append)
        asked = config(alexnet_weights="imagenet")
        build_network(PARTS["acoustic"], asked, SHAPES, C, pretrained=False)
        assert loaded == []
        built = build_network(PARTS["acoustic"], asked, SHAPES, C)
        assert loaded == [built.acoustic.spectrogram.alexnet]
        build_network(PARTS["acoustic"], config(), SHAPES, C)
        assert len(loaded) == 1

    @pytest.mark.parametrize("side", [0, 1])
    def test_images_too_small_for_alexnet_are_refused(self, side: int) -> None:
        size = [63, 63]
        size[side] = 62
        with pytest.raises(ConfigError, match=rf"image_px\.{side}.*takes 63 or more"):
            config(image_px=size)


class TestPublishedSizes:
    """Parameter counts of CA-MSER (the facts' section 1.5), which has half the projections."""

    @pytest.fixture
    def paper(self) -> SerNetwork:
        acoustic: dict[Source, tuple[int, ...]] = {LEVEL_DB: (300, 200), MFCC: (300, 40)}
        shapes = InputShapes({HIGH: (149, 768), TEC: (149, 768), **acoustic})
        with torch.device("meta"):
            return build_network(PARTS["mfsn"], ModelConfig(projection=128), shapes, 4)

    @staticmethod
    def millions(module: nn.Module) -> float:
        return sum(parameter.numel() for parameter in module.parameters()) / 1e6

    def test_alexnet(self, paper: SerNetwork) -> None:
        assert self.millions(paper.acoustic.spectrogram.alexnet) == pytest.approx(2.47, abs=0.005)
        assert paper.acoustic.spectrogram.alexnet.outputs == 9216

    def test_bilstm(self, paper: SerNetwork) -> None:
        assert self.millions(paper.acoustic.mfcc.layers) == pytest.approx(2.19, abs=0.005)

    def test_doubled_projections(self, paper: SerNetwork) -> None:
        assert self.millions(paper.acoustic.spectrogram.project) / 2 == pytest.approx(
            1.18, abs=5e-3
        )
        assert self.millions(paper.acoustic.mfcc.project) / 2 == pytest.approx(19.66, abs=0.005)

    def test_co_attention(self, paper: SerNetwork) -> None:
        assert isinstance(paper.encoders, TwoEncoderPart)
        assert isinstance(paper.encoders.coattention, DualStreamCoAttention)
        stream = paper.encoders.coattention.sec
        assert stream.frame_weights.weight.shape == (149, 256)
        assert stream.project.weight.shape == (128, 768)

    def test_head_reads_768_numbers(self, paper: SerNetwork) -> None:
        shapes = [tuple(p.shape) for p in paper.head.parameters() if p.ndim == 2]
        assert shapes == [(128, 768), (128, 128), (4, 128)]

    def test_fusion_with_the_gated_supplement_is_about_6_million(self, paper: SerNetwork) -> None:
        assert isinstance(paper.encoders, TwoEncoderPart)
        assert paper.encoders.fusion is not None
        assert self.millions(paper.encoders.fusion) == pytest.approx(6, abs=0.5)
