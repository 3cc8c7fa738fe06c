"""Which frames count as real audio."""

from __future__ import annotations

import torch

from mfsn.models.masking import keep_valid, valid_frames


def test_marks_frames_that_begin_in_real_audio() -> None:
    marked = valid_frames(torch.tensor([1.0, 0.5, 0.41, 0.4]), 5, "valid")
    assert marked.tolist() == [
        [True, True, True, True, True],
        [True, True, True, False, False],  # 2.5 frames
        [True, True, True, False, False],  # 2.05 frames
        [True, True, False, False, False],  # exactly 2 frames
    ]


def test_the_first_frame_is_always_marked() -> None:
    marked = valid_frames(torch.tensor([1e-7, 1 / 48_000]), 149, "valid")
    assert marked.sum(dim=1).tolist() == [1, 1]


def test_none_marks_all_frames() -> None:
    assert valid_frames(torch.tensor([0.1, 0.9]), 7, "none").all()


def test_one_sample_more_is_one_frame_more() -> None:
    # 480 samples are 3 frames of 160; one sample of the fourth makes it count.
    shares = torch.tensor([480 / 48_000, 481 / 48_000], dtype=torch.float32)
    assert valid_frames(shares, 300, "valid").sum(dim=1).tolist() == [3, 4]


def test_keep_valid_clears_padding_whatever_it_holds() -> None:
    x = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [float("nan"), float("inf")]]])
    kept = keep_valid(x, torch.tensor([[True, True, False]]))
    assert kept.tolist() == [[[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]]


def test_keep_valid_passes_gradient_to_valid_frames_only() -> None:
    x = torch.ones(1, 3, 2, requires_grad=True)
    torch.autograd.backward(keep_valid(x, torch.tensor([[True, False, True]])).sum())
    assert x.grad is not None
    assert x.grad[0, :, 0].tolist() == [1.0, 0.0, 1.0]
