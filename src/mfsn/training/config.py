"""Parameters of search and training.

params.yaml: optimisation, search, selection, train, classical.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from mfsn.config import Config
from mfsn.models.config import Operation

Rule = Literal["held_out", "oracle_test", "last_epoch"]
"""Selection rules. held_out: best WA + UA on development utterances. oracle_test: best on the test
fold, as the published code does. last_epoch: no choice."""


class OptimisationConfig(Config):
    """The training loop, shared by search and train."""

    epochs: int = Field(100, ge=1)
    patience: int = Field(8, ge=1)
    """Stop after this many epochs without a better development score (rule held_out only)."""
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

    mode: Literal["joint", "bilevel", "fixed", "random"] = "joint"
    """joint: each step updates weights and alpha on the same batch (assumed, facts 2.4).
    bilevel: first-order, alpha on a split of the training data of its own. What the search must
    beat, at the same budget: fixed, the operations named below; random, operations and one level
    drawn for each fold and seed."""
    operations: tuple[Operation, ...] = ()
    """fixed: one operation for all Fusion Cells, or one a cell."""
    levels: tuple[str, ...] = ()
    """SEC levels that the Choice Cell draws from; all where none is named."""
    alpha_lr: float = Field(5.0, gt=0)
    """SGD on alpha; the paper prints 5, an exponent may have been lost (facts 2.4)."""
    alpha_init_std: float = Field(1e-3, ge=0)
    alpha_share: float = Field(0.5, gt=0, lt=1)
    """bilevel: share of the training speakers (utterances, where speakers are unknown or not
    kept apart) that trains alpha."""

    @model_validator(mode="after")
    def _operations_are_for_fixed(self) -> SearchConfig:
        if bool(self.operations) != (self.mode == "fixed"):
            raise ValueError(
                "operations and mode: fixed go together; name at least one operation, or choose "
                "another mode and operations: []"
            )
        if self.mode == "random" and self.levels:
            raise ValueError("mode: random draws its level by itself; set levels: []")
        return self


class TrainConfig(Config):
    """What `train` makes of the genotypes."""

    network: Literal["export", "soft", "derived"] = "export"
    """export: the search's network is the trained network (the paper's single process). soft:
    train the mixture from scratch with alpha fixed; levels are drawn as in the search. derived:
    train the chosen operations on the chosen level only (assumed: the level is part of the
    genotype)."""
    derive_zero: bool = True
    """derived: whether Zero, which drops TEC, may be the chosen operation."""


class SelectionConfig(Config):
    """Which epoch and level count; declared, never implied.

    All rules train on the same data and leave the development data out, so that their results
    differ by selection alone.
    """

    rule: Rule = "held_out"
    """The rule of the exported models."""
    compare: tuple[Rule, ...] = ()
    """Rules evaluated beside it in the same run. They never change the result of `rule`."""
    level: str = "high"
    """last_epoch: the SEC level at evaluation."""
    refit: bool = False
    """held_out: train again on training + development data for the chosen number of epochs, and
    evaluate at the chosen level."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """`rule`, then the others to compare it with."""
        return (self.rule, *(rule for rule in self.compare if rule != self.rule))

    @model_validator(mode="after")
    def _refit_stands_alone(self) -> SelectionConfig:
        if self.refit and (self.rule != "held_out" or self.compare):
            raise ValueError(
                "refit goes with rule: held_out and compare: [] only, since the other rules leave "
                "the development data out of training; set refit: false"
            )
        return self


class ClassicalConfig(Config):
    """The linear support vector machine on functionals (system: classical)."""

    c_grid: tuple[float, ...] = Field((1e-4, 1e-3, 1e-2, 0.1, 1.0), min_length=1)
    """Values of C to choose from by held_out or oracle_test; of equally good ones the first."""
    c: float = Field(0.01, gt=0)
    """C where the rule is last_epoch, which chooses nothing."""
    max_iter: int = Field(20_000, ge=1)
    """Iterations of liblinear; a fit that needs more is reported."""

    @field_validator("c_grid")
    @classmethod
    def _positive(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if min(values) <= 0:
            raise ValueError("every C must be above 0")
        return values
