"""Parameters of search and training.

params.yaml: optimisation, search, selection, train, classical, corruption.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from mfsn.config import Config
from mfsn.models.config import Operation

Rule = Literal["held_out", "oracle_test", "last_epoch"]
"""Selection rules. held_out: best WA + UA on development utterances, of dimensions the best mean
CCC (assumed; the paper that states their MSE names no rule). oracle_test: best on the test fold, as
the published code does. last_epoch: no choice."""


class OptimisationConfig(Config):
    """The training loop, shared by search and train."""

    epochs: int = Field(100, ge=1)
    patience: int = Field(8, ge=1)
    """Stop after this many epochs without a better development score (rule held_out only)."""
    batch_size: int = Field(64, ge=2)
    batches: int | None = Field(None, ge=1)
    """Batches an epoch at most, others in every epoch, so that a fit lasts no longer on a larger
    corpus; null: all training data."""
    lr: float = Field(1e-5, gt=0)
    """AdamW, all weights (CA-MSER: 1e-5)."""
    weight_decay: float = Field(0.01, ge=0)
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of products in training steps: bfloat16 is faster where the processor multiplies in it, and
    changes results. Weights, losses, scores and predictions are float32 in either."""
    clip_norm: float | None = Field(None, gt=0)
    """Clip the gradient norm; CA-MSER does not."""
    class_weights: bool = False
    """Weigh the loss by inverse class frequency in training; CA-MSER does not. Soft labels count
    for each class by their shares."""
    shuffle_labels: bool = False
    """Permute the training labels, soft ones and values too: a sanity check, results must fall to
    chance, or to those of predicting the mean."""


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
    """The linear models: on functionals (system: classical) and on SEC levels (system: probe).

    A probe is multinomial logistic regression and reads the values of C and the iterations alone.
    Where dimensions are predicted either is ridge regression, whatever `classifier` says.
    """

    classifier: Literal["svm", "ridge"] = "svm"
    """svm: one linear support vector machine a class. ridge: ridge regression to 1 for the own
    class and 0 for the others, with alpha = 1 / (2 C), solved exactly."""
    scaling: Literal["functionals", "blocks"] = "functionals"
    """What counts alike. functionals: each of them, by its variance in training. blocks (ridge):
    moreover each set of functionals, of the whole utterance or of its parts, however many values
    it has."""
    c_grid: tuple[float, ...] = Field((1e-4, 1e-3, 1e-2, 0.1, 1.0), min_length=1)
    """Values of C to choose from by held_out or oracle_test; of equally good ones the first."""
    c: float = Field(0.01, gt=0)
    """C where the rule is last_epoch, which chooses nothing."""
    max_iter: int = Field(20_000, ge=1)
    """Iterations of liblinear (probe: of L-BFGS); a fit that needs more is reported."""

    @model_validator(mode="after")
    def _blocks_are_for_ridge(self) -> ClassicalConfig:
        if self.scaling == "blocks" and self.classifier != "ridge":
            raise ValueError(
                "scaling: blocks goes with classifier: ridge; set scaling: functionals for svm"
            )
        return self

    @field_validator("c_grid")
    @classmethod
    def _positive(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if min(values) <= 0:
            raise ValueError("every C must be above 0")
        return values


class CorruptionConfig(Config):
    """How much of TEC is replaced by what says nothing about the utterance: a test of the fusion.

    A rate is the share of utterances whose TEC is replaced in all segments and frames, in training,
    development and test part alike each time they are read. Which utterances, follows from `seeds`
    and the fold alone: the same for all systems, and those of a rate are among those of every
    higher one. The alternative, frames or segments drawn anew for every batch, would be an
    augmentation, and leave no utterance without its TEC.
    """

    kind: Literal["none", "noise", "other_utterance", "zeros"] = "none"
    """noise: Gaussian, each feature with mean and deviation of the fold's training TEC.
    other_utterance: TEC of another utterance of the same part of the fold, repeated from its start
    where that is shorter. zeros: nothing."""
    train: float = Field(0.0, ge=0, le=1)
    """Rate in training and in development data: those are at hand when a system is built, and a
    selection that saw the test's rate would know what nobody knows."""
    test: float = Field(0.0, ge=0, le=1)
    """Rate in test data."""

    @model_validator(mode="after")
    def _rates_are_of_a_kind(self) -> CorruptionConfig:
        if self.kind == "none" and (self.train or self.test):
            raise ValueError("kind: none replaces nothing; choose a kind, or set both rates to 0")
        return self

    def seen(self, test: bool) -> dict[str, str | float]:
        """What of it a fit can depend on; empty where no TEC that it reads is replaced.

        Args:
            test: whether the fit reads test data.
        """
        rate = self.test if test else 0.0
        if not (self.train or rate):
            return {}
        return {"kind": self.kind, "train": self.train, "test": rate}
