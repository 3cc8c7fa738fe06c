"""Parameters of search and training (params.yaml: optimisation, search, train, selection)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mfsn.config import Config


class OptimisationConfig(Config):
    """The training loop, shared by search and train."""

    epochs: int = Field(100, ge=1)
    patience: int = Field(8, ge=1)
    """Stop after this many epochs without a better development score (held_out only)."""
    batch_size: int = Field(64, ge=2)
    lr: float = Field(1e-5, gt=0)
    """AdamW, all weights (CA-MSER: 1e-5)."""
    weight_decay: float = Field(0.01, ge=0)
    clip_norm: float | None = Field(None, gt=0)
    """Clip the gradient norm; CA-MSER does not."""
    class_weights: bool = False
    """Weigh the loss by inverse class frequency in training; CA-MSER does not."""
    shuffle_labels: bool = False
    """Permute the training labels: a sanity check, results must fall to chance."""


class SearchConfig(Config):
    """The architecture search over the Fusion Cell's operations."""

    mode: Literal["joint", "bilevel"] = "joint"
    """joint: each step updates weights and alpha on the same batch (assumed, facts 2.4).
    bilevel: first-order, alpha on a split of the training data of its own."""
    alpha_lr: float = Field(5.0, gt=0)
    """SGD on alpha; the paper prints 5, an exponent may have been lost (facts 2.4)."""
    alpha_init_std: float = Field(1e-3, ge=0)
    alpha_share: float = Field(0.5, gt=0, lt=1)
    """bilevel: share of the training speakers (utterances, where speakers are unknown or not
    kept apart) that trains alpha."""


class TrainConfig(Config):
    """What `train` makes of the genotypes."""

    network: Literal["export", "soft", "derived"] = "export"
    """export: the search's network is the trained network (the paper's single process). soft:
    train the mixture from scratch with alpha fixed. derived: train the chosen operation only."""


class SelectionConfig(Config):
    """Which epoch and level count; declared, never implied."""

    rule: Literal["held_out", "oracle_test", "last_epoch"] = "held_out"
    """held_out: best WA + UA on development speakers. oracle_test: best on the test fold, as the
    published code does. last_epoch: no choice."""
    compare: tuple[Literal["held_out", "oracle_test", "last_epoch"], ...] = ()
    """Rules evaluated beside it in the same run, from the same training set."""
    level: str = "high"
    """last_epoch: the SEC level at evaluation."""
    refit: bool = False
    """held_out: train again on training + development data for the chosen number of epochs."""
