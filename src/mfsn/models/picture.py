"""Spectrograms as pictures: another size, in floating point or in 8 bits as published.

Shapes: B batch, F frequency bins, S frames, H and W height and width of the picture.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import interpolate

WHITE = 255


def resized(picture_B1FS: Tensor, image_px: tuple[int, int]) -> Tensor:
    """A picture in another size, [B, 1, H, W]: bilinear, and smoothed if it becomes smaller.

    Args:
        picture_B1FS: brightness from 0 to 1.
        image_px: H and W.
    """
    return interpolate(
        picture_B1FS, size=image_px, mode="bilinear", align_corners=False, antialias=True
    )


def resized_bytes(picture_B1FS: Tensor, image_px: tuple[int, int]) -> Tensor:
    """The same in 8 bits: numpy cuts brightness off to whole numbers, and PIL resizes these.

    PIL makes the picture wider, rounds, makes it higher, and rounds again (CA-MSER, data_utils.py;
    facts 1.4, confidence H). From 200 x 300 to 256 x 384 pixels the result is that of PIL. At other
    sizes, a brightness halfway between two shades may become the other one. Arguments and result
    are those of `resized`.
    """
    bytes_B1FS = (picture_B1FS * WHITE).floor()
    bytes_B1FW = _rounded(resized(bytes_B1FS, (bytes_B1FS.shape[2], image_px[1])))
    return _rounded(resized(bytes_B1FW, image_px)) / WHITE


def _rounded(brightness: Tensor) -> Tensor:
    return (brightness + 0.5).floor()
