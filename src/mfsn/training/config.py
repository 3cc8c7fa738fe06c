"""Parameters of search and training.

params.yaml: optimisation, search, selection, train, classical, corruption.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from mfsn.config import Config
from mfsn.models.config import Operation

Rule = Literal["held_out", "oracle_test", "last_epoch"]
"""Selection rules; see `SelectionConfig.rule`."""


class OptimisationConfig(Config):
    """The training loop, which search and train share."""

    epochs: int = Field(100, ge=1)
    """The largest number of epochs of a fit."""
    patience: int = Field(8, ge=1)
    """Stop after this many epochs without a better development score (rule held_out only)."""
    batch_size: int = Field(64, ge=2)
    """Segments per training step."""
    batches: int | None = Field(None, ge=1)
    """The largest number of batches per epoch. Each epoch uses other batches. With a limit,
    training does not take longer on a larger corpus. null: every epoch uses all training data."""
    lr: float = Field(1e-5, gt=0)
    """Learning rate of AdamW for all weights (CA-MSER: 1e-5)."""
    weight_decay: float = Field(0.01, ge=0)
    """Weight decay of AdamW (CA-MSER: 0.01)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of matrix products in training steps. bfloat16 is faster on processors that support
    it, and changes results. Weights, losses, scores and predictions are always float32."""
    clip_norm: float | None = Field(None, gt=0)
    """Clip the norm of gradients at this value; CA-MSER does not clip."""
    class_weights: bool = False
    """Weigh the training loss by inverse class frequency; CA-MSER does not. Soft labels count for
    each class by their shares."""
    shuffle_labels: bool = False
    """Shuffle the training labels, including soft labels and values. This is a sanity check: scores
    must fall to chance, or to those of predicting the mean."""


class SearchConfig(Config):
    """The architecture search over the operations of the Fusion Cell."""

    mode: Literal["joint", "bilevel", "fixed", "random"] = "joint"
    """How operations are chosen.

    - joint: each step updates weights and alpha on the same batch (assumed; the paper is silent).
    - bilevel: first order; alpha is trained on a separate share of the training data.
    - fixed: the operations named below, without a search.
    - random: operations and one level are drawn for each fold and seed.

    The last two are for comparison at the same budget."""
    operations: tuple[Operation, ...] = ()
    """fixed: one operation for all Fusion Cells, or one operation per cell."""
    levels: tuple[str, ...] = ()
    """The SEC levels from which the Choice Cell draws; empty: all levels."""
    alpha_lr: float = Field(5.0, gt=0)
    """Learning rate of SGD on alpha. The paper prints 5; an exponent may be missing."""
    alpha_init_std: float = Field(1e-3, ge=0)
    """Standard deviation of the random values that alpha starts from (DARTS and BM-NAS: 0.001)."""
    alpha_share: float = Field(0.5, gt=0, lt=1)
    """bilevel: the share of the training speakers that trains alpha (of utterances, if speakers are
    unknown or the protocol does not separate them)."""

    @model_validator(mode="after")
    def _operations_are_for_fixed(self) -> SearchConfig:
        if bool(self.operations) != (self.mode == "fixed"):
            raise ValueError(
                "mode: fixed needs operations, and other modes need operations: []; name at least "
                "one operation, or choose another mode and operations: []"
            )
        if self.mode == "random" and self.levels:
            raise ValueError("mode: random draws its level at random; set levels: []")
        return self


class TrainConfig(Config):
    """How `train` uses the genotypes."""

    network: Literal["export", "soft", "derived"] = "export"
    """Which network is trained.

    - export: the network of the search is the trained network (the single process of the paper).
    - soft: the mixture is trained from scratch with alpha fixed; levels are drawn as in the search.
    - derived: only the chosen operations are trained, on the chosen level (assumed: the level
      belongs to the genotype)."""
    derive_zero: bool = True
    """derived: whether the chosen operation may be Zero, which drops TEC."""


class SelectionConfig(Config):
    """Which epoch and level count; this is always declared, never implied.

    All rules train on the same data without the development data, so that their results differ
    only by the selection.
    """

    rule: Rule = "held_out"
    """The rule for the exported models.

    - held_out: the best WA + UA on development utterances, or the best mean CCC if dimensions are
      predicted (assumed; the paper with their MSE names no rule).
    - oracle_test: the best on the test fold, as in the published code.
    - last_epoch: nothing is chosen."""
    compare: tuple[Rule, ...] = ()
    """Other rules to evaluate in the same run. They never change the result of `rule`."""
    level: str = "high"
    """last_epoch: the SEC level for evaluation."""
    refit: bool = False
    """held_out: train again on training and development data for the chosen number of epochs, and
    evaluate at the chosen level."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """`rule` first, then the rules to compare."""
        return (self.rule, *(rule for rule in self.compare if rule != self.rule))

    @model_validator(mode="after")
    def _refit_stands_alone(self) -> SelectionConfig:
        if self.refit and (self.rule != "held_out" or self.compare):
            raise ValueError(
                "refit works only with rule: held_out and compare: [], since the other rules leave "
                "the development data out of training; set refit: false"
            )
        return self


class ClassicalConfig(Config):
    """The linear models: on functionals (system: classical) and on SEC levels (system: probe).

    A probe is multinomial logistic regression; only the values of C and the iterations apply to it.
    If dimensions are predicted, both systems use ridge regression, and `classifier` does not
    matter.
    """

    classifier: Literal["svm", "ridge"] = "svm"
    """svm: one linear support vector machine per class. ridge: ridge regression with the target 1
    for the class and 0 for other classes, with alpha = 1 / (2 C), solved exactly."""
    scaling: Literal["functionals", "blocks"] = "functionals"
    """What gets equal weight. functionals: each functional, scaled by its variance in training.
    blocks (ridge only): each functional is scaled in the same way, and in addition each set of
    functionals, of the whole utterance or of its parts, gets equal weight."""
    c_grid: tuple[float, ...] = Field((1e-4, 1e-3, 1e-2, 0.1, 1.0), min_length=1)
    """The values of C from which held_out or oracle_test choose. If several are equally good, the
    first is chosen."""
    c: float = Field(0.01, gt=0)
    """The value of C for the rule last_epoch, which chooses nothing."""
    max_iter: int = Field(20_000, ge=1)
    """The most iterations of liblinear (probe: of L-BFGS); a fit that needs more is reported."""

    @model_validator(mode="after")
    def _blocks_are_for_ridge(self) -> ClassicalConfig:
        if self.scaling == "blocks" and self.classifier != "ridge":
            raise ValueError(
                "scaling: blocks works only with classifier: ridge; set scaling: functionals for "
                "svm"
            )
        return self

    @field_validator("c_grid")
    @classmethod
    def _positive(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if min(values) <= 0:
            raise ValueError("every C must be above 0")
        return values


class CorruptionConfig(Config):
    """How much of TEC is replaced by values that say nothing about the utterance.

    This tests how robust the fusion is. A rate is the share of utterances whose TEC is replaced, in
    all segments and frames, and every time the utterance is read. Which utterances these are
    depends only on `seeds` and the fold: they are the same for all systems, and a higher rate
    includes all utterances of a lower rate. Frames or segments could instead be drawn again for
    every batch, but this would be an augmentation, and no utterance would lose its whole TEC.
    """

    kind: Literal["none", "noise", "other_utterance", "zeros"] = "none"
    """What replaces TEC.

    - none: nothing.
    - noise: Gaussian noise; each feature has the mean and the deviation of the fold's training TEC.
    - other_utterance: the TEC of another utterance of the same split of the fold; if it is shorter,
      it is repeated from its start.
    - zeros: zeros."""
    train: float = Field(0.0, ge=0, le=1)
    """The rate in training and development data. These have the same rate since both are available
    when a system is built, but the rate of test data is unknown then."""
    test: float = Field(0.0, ge=0, le=1)
    """The rate in test data."""

    @model_validator(mode="after")
    def _rates_are_of_a_kind(self) -> CorruptionConfig:
        if self.kind == "none" and (self.train or self.test):
            raise ValueError("kind: none replaces nothing; choose a kind, or set both rates to 0")
        return self

    def seen(self, test: bool) -> dict[str, str | float]:
        """The settings that a fit depends on; empty if no TEC that it reads is replaced.

        Args:
            test: whether the fit reads test data.
        """
        rate = self.test if test else 0.0
        if not (self.train or rate):
            return {}
        return {"kind": self.kind, "train": self.train, "test": rate}
