"""What a network's outputs mean: logits of classes, or values of dimensions.

Shapes: B batch, C classes, D dimensions, U utterances.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Posteriors(nn.Module):
    """Outputs are logits, [B, C]. Cross entropy trains them (CA-MSER train_ser.py)."""

    def fit(self, labels_U: Tensor) -> None:
        """Logits have no scale, so nothing is computed from the training utterances."""

    def forward(self, logits_BC: Tensor) -> Tensor:
        """Log-posteriors, [B, C]."""
        return logits_BC.log_softmax(dim=1)

    def loss(self, logits_BC: Tensor, labels_B: Tensor, weights_C: Tensor | None = None) -> Tensor:
        """Mean cross entropy.

        Args:
            logits_BC: outputs.
            labels_B: class indices, [B], or soft labels: the share of each class, [B, C].
            weights_C: of the classes. The weight of a soft label is that of its classes, by their
                shares: if one class has all of it, the label counts like the index of that class.
        """
        if weights_C is None or not labels_B.is_floating_point():
            return functional.cross_entropy(logits_BC, labels_B, weights_C)
        weighted_BC = labels_B * weights_C
        return -(weighted_BC * logits_BC.log_softmax(dim=1)).sum() / weighted_BC.sum()


class Values(nn.Module):
    """Outputs are standardised values of dimensions, [B, D]. Their squared error trains them.

    Mean and deviation are those of the training utterances, and are saved with the weights.
    """

    mean_D: Tensor
    scale_D: Tensor

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("mean_D", torch.zeros(dimensions))
        self.register_buffer("scale_D", torch.ones(dimensions))

    def fit(self, labels_UD: Tensor) -> None:
        """Take mean and standard deviation; a dimension that never varies gets scale 1.

        Args:
            labels_UD: values of the training utterances; each utterance counts once, and its length
                does not matter.
        """
        varies_D = labels_UD.amax(dim=0) > labels_UD.amin(dim=0)
        deviation_D = labels_UD.std(dim=0, correction=0)
        self.mean_D.copy_(labels_UD.mean(dim=0))
        self.scale_D.copy_(deviation_D.where(varies_D, torch.ones_like(deviation_D)))

    def forward(self, outputs_BD: Tensor) -> Tensor:
        """Values in the unit of the labels, [B, D]."""
        return outputs_BD * self.scale_D.to(outputs_BD) + self.mean_D.to(outputs_BD)

    def loss(
        self, outputs_BD: Tensor, labels_BD: Tensor, _weights_C: Tensor | None = None
    ) -> Tensor:
        """Mean squared error of standardised values, so that all dimensions count alike.

        Args:
            outputs_BD: outputs.
            labels_BD: values in their own unit.
        """
        standard_BD = (labels_BD - self.mean_D.to(labels_BD)) / self.scale_D.to(labels_BD)
        return functional.mse_loss(outputs_BD, standard_BD.to(outputs_BD))


Readout = Posteriors | Values
"""Computes predictions from a network's outputs, and the loss that trains them."""
