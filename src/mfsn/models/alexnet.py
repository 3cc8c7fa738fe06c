"""The convolutions of AlexNet, at any width, and their ImageNet weights.

Shapes: B batch, H and W height and width of an image, N channels.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from http.client import HTTPException

import torch
from torch import Tensor, nn

from mfsn.errors import ConfigError, ModelLoadError

CHANNELS = (64, 192, 384, 256, 256)
POOLED = 6
"""Height and width that the last feature map is averaged to."""


class AlexNetFeatures(nn.Module):
    """AlexNet without its classifier: [B, 3, H, W] to [B, N, 6, 6].

    At width 1 it has the layers and parameter names of `torchvision.models.alexnet().features` and
    can load its weights. Images must be at least 63 pixels high and wide.
    """

    def __init__(self, width: float = 1.0) -> None:
        """Make the layers with random weights.

        Args:
            width: channels relative to the published ones; at least one is kept.
        """
        super().__init__()
        n1, n2, n3, n4, n5 = (max(1, round(width * channels)) for channels in CHANNELS)
        self.channels = n5
        self.features = nn.Sequential(
            nn.Conv2d(3, n1, kernel_size=11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(n1, n2, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(n2, n3, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(n3, n4, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(n4, n5, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )

    @property
    def outputs(self) -> int:
        """Numbers per image: N * 6 * 6 (9,216 at width 1)."""
        return self.channels * POOLED * POOLED

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """Features averaged to [B, N, 6, 6]."""
        return average_pool(self.features(image_B3HW), POOLED)


def average_pool(x_BNHW: Tensor, size: int) -> Tensor:
    """Adaptive average pooling to size x size as two matrix products.

    The result is that of `nn.AdaptiveAvgPool2d`, whose gradient differs from run to run on a GPU.
    """
    rows, columns = (_averaging(length, size, x_BNHW) for length in x_BNHW.shape[2:])
    return rows @ x_BNHW @ columns.T


def _averaging(length: int, size: int, like: Tensor) -> Tensor:
    # [size, length]: row i averages the positions floor(i L / size) to ceil((i + 1) L / size).
    i = torch.arange(size, device=like.device)[:, None]
    position = torch.arange(length, device=like.device)
    inside = (position >= i * length // size) & (position < -(-(i + 1) * length // size))
    return inside.to(like.dtype) / inside.sum(dim=1, keepdim=True)


def load_imagenet(alexnet: AlexNetFeatures) -> None:
    """Load torchvision's ImageNet weights from torch's hub folder, or download them.

    Raises:
        ConfigError: if `alexnet` does not have width 1.
        ModelLoadError: if there is no file and it cannot be downloaded, or the file is damaged.
    """
    if alexnet.channels != CHANNELS[-1]:
        raise ConfigError("model.alexnet_weights: imagenet needs model.alexnet_width: 1.0; set it")
    try:
        weights = {n: w for n, w in _imagenet_checkpoint().items() if n.startswith("features.")}
        alexnet.load_state_dict(weights)
    except (OSError, HTTPException) as error:
        raise _not_loaded(str(error)) from error
    except (EOFError, RuntimeError, AttributeError, pickle.UnpicklingError) as error:
        raise _not_loaded("the file is damaged or of another network; delete it") from error


def _not_loaded(reason: str) -> ModelLoadError:
    return ModelLoadError(
        f"AlexNet's ImageNet weights cannot be loaded ({reason}); connect to the network, put "
        "alexnet-owt-7be5be79.pth into hub/checkpoints of torch's cache folder, or set "
        "model.alexnet_weights: random"
    )


def _imagenet_checkpoint() -> Mapping[str, Tensor]:
    from torchvision.models import AlexNet_Weights

    checkpoint: Mapping[str, Tensor] = AlexNet_Weights.IMAGENET1K_V1.get_state_dict(
        progress=False, check_hash=True, weights_only=True
    )
    return checkpoint
