"""What a batch holds, and which positions of its rows count."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mfsn.models.inputs import (
    Features,
    InputShapes,
    keep_valid,
    positions_within,
    valid_positions,
)

WORDS, COUNT = ("text", "words"), ("text", "words_valid")


def counted(audible: list[int], samples: int, positions: int) -> list[int]:
    found: list[int] = positions_within(np.array(audible), samples, positions).tolist()
    return found


def test_positions_count_that_begin_in_real_audio() -> None:
    # 5, 2.5, 2.05 and exactly 2 positions
    assert counted([400, 200, 164, 160], 400, 5) == [5, 3, 3, 2]


def test_the_first_position_always_counts() -> None:
    assert counted([0, 1], 48_000, 149) == [1, 1]


def test_no_more_positions_count_than_there_are() -> None:
    assert counted([48_000, 96_000], 48_000, 7) == [7, 7]


def test_one_sample_more_is_one_position_more() -> None:
    # 480 samples are 3 frames of 160; one sample of the fourth makes it count.
    assert counted([480, 481], 48_000, 300) == [3, 4]


@pytest.mark.parametrize("frames", [149, 300, 7])
def test_shares_of_real_audio_in_32_bits_gave_the_same_counts(frames: int) -> None:
    """As networks counted before lengths were whole numbers: results of then must not change."""
    samples = np.arange(1, 48_001)
    share_N = torch.from_numpy((samples / 48_000).astype(np.float32))
    before_N = torch.arange(frames) < (share_N.double() * frames - 1e-5).clamp(min=1)[:, None]
    assert before_N.sum(dim=1).tolist() == counted(samples.tolist(), 48_000, frames)


def test_a_mask_marks_the_first_positions_or_all() -> None:
    rows = torch.zeros(3, 4, 2)
    features = Features({WORDS: rows, COUNT: torch.zeros(3)}, {WORDS: torch.tensor([0, 3, 4])})
    assert features.mask(WORDS).tolist() == [
        [False, False, False, False],
        [True, True, True, False],
        [True, True, True, True],
    ]
    assert features.mask(WORDS, "none").all()
    assert features.mask(WORDS, "none").shape == (3, 4)
    assert torch.equal(features.mask(WORDS), valid_positions(torch.tensor([0, 3, 4]), 4))


def test_arrays_of_an_extractor_are_found_by_its_name() -> None:
    rows = torch.zeros(1, 2)
    features = Features({("a", "x"): rows, ("b", "x"): rows + 1, ("a", "y"): rows + 2}, {})
    assert list(features.of("a")) == ["x", "y"]
    assert torch.equal(features["b", "x"], rows + 1)


def test_shapes_survive_json_in_their_order() -> None:
    shapes = InputShapes(
        {("b", "z"): (3, 2), ("b", "a"): (3, 2), ("a", "n"): ()}, reading="as_published"
    )
    again = InputShapes.parse(json.loads(json.dumps(shapes.record(), sort_keys=True)))
    assert again == shapes
    assert again.of("b") == ("z", "a")
    assert again.of("c") == ()
    assert again["b", "a"] == (3, 2)


def test_keep_valid_clears_padding_whatever_it_holds() -> None:
    x = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [float("nan"), float("inf")]]])
    kept = keep_valid(x, torch.tensor([[True, True, False]]))
    assert kept.tolist() == [[[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]]


def test_keep_valid_passes_gradient_to_valid_frames_only() -> None:
    x = torch.ones(1, 3, 2, requires_grad=True)
    torch.autograd.backward(keep_valid(x, torch.tensor([[True, False, True]])).sum())
    assert x.grad is not None
    assert x.grad[0, :, 0].tolist() == [1.0, 0.0, 1.0]
