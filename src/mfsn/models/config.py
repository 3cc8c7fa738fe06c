"""Parameters of the networks (params.yaml: model)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from mfsn.config import Config

Encoder = Literal["sec", "tec"]


@dataclass(frozen=True)
class NetworkParts:
    """Which parts the network of a system has; spectrogram and MFCC are always there."""

    encoders: tuple[Encoder, ...] = ()
    """What co-attention reads: nothing, SEC alone, or SEC and TEC."""
    fused: bool = False
    """Whether Fusion Cells adjust TEC by a chosen level of SEC."""


Operation = Literal[
    "zero", "sum", "attention", "attention_r", "concat_fc", "concat_fc_r", "ism", "ism_r"
]
"""Operations of a Fusion Cell; `_r` is the reversed version: op_r(x, y) = op(y, x)."""

Guide = Literal["spectrogram_and_mfcc", "mfcc"]
"""What tells co-attention which frames count."""

Mask = Literal["valid", "none"]
"""Whether only frames of real audio count."""


class ModelConfig(Config):
    """Sizes and readings of the network. What the paper leaves open is marked *assumed*."""

    projection: int = Field(128, gt=0)
    """Width per stream of the projections of spectrogram and MFCC, and of the attended frames
    (CA-MSER: 128). With two streams, the projections of spectrogram and MFCC are twice as wide."""
    hidden: int = Field(128, gt=0)
    """Width of the two hidden layers before the output (CA-MSER: 128)."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of values that dropout sets to zero, before projections and in the head (CA-MSER:
    0.1)."""
    alexnet_width: float = Field(1.0, gt=0)
    """Channels of the AlexNet, relative to the published numbers."""
    alexnet_weights: Literal["random", "imagenet"] = "random"
    """First weights of the AlexNet. `imagenet` needs `alexnet_width: 1`, and a network or
    torchvision's checkpoint on disk."""
    image_px: tuple[Annotated[int, Field(ge=63)], Annotated[int, Field(ge=63)]] = (256, 384)
    """Height and width to which the spectrogram of 200 x 300 values is resized (CA-MSER: 256 x
    384). Below 63 pixels, nothing is left behind AlexNet's last pooling."""
    mfcc_hidden: int = Field(256, gt=0)
    """Hidden units per direction of the BiLSTM (CA-MSER: 256)."""
    mfcc_layers: int = Field(2, ge=1)
    """Layers of the BiLSTM (CA-MSER: 2)."""
    mfcc_dropout: float = Field(0.5, ge=0, lt=1)
    """Dropout between the layers of the BiLSTM (CA-MSER: 0.5)."""
    cells: int = Field(1, ge=1)
    """Number of Fusion Cells in a chain. Each gives its fused TEC to the next one (the paper:
    1)."""
    ism: Literal["gated", "glu"] = "gated"
    """Formula of the information supplement module (ISM); assumed. x is TEC, y is SEC.

    - `gated`: x + sigmoid([x; y] W_g + b_g) (y W_v + b_v), which keeps x.
    - `glu`: (x W_1) sigmoid(y W_2), as the gated unit of BM-NAS."""
    operation_norm: bool = False
    """Put a LayerNorm on the output of each operation but Zero; assumed off."""
    cell_residual: bool = False
    """Add TEC to the output of the cell, and put a LayerNorm behind it, as BM-NAS does; assumed
    off."""
    align: bool = False
    """Put a projection and a LayerNorm before the cell. Frozen encoders may need it; assumed
    off."""
    streams: Literal["dual", "joint"] = "dual"
    """`dual`: SEC and TEC have frame weights of their own (the paper). `joint`: they share one
    weight per frame (the paper's ablation; how the two are joined is assumed)."""
    guide: Guide = "spectrogram_and_mfcc"
    """What the frame weights of co-attention are made from. `mfcc` leaves the spectrogram out."""
    mask: Mask = "valid"
    """`valid`: attention and co-attention see only frames of real audio; elsewhere spectrogram
    and MFCC are zero. `none`: padding counts. With `segment.reading: as_published`, padding
    always counts, at full level, as in the published code."""
    spectrogram_reference: Literal["absolute", "utterance"] = "absolute"
    """`absolute`: dB as they are in the store. `utterance`: dB relative to the maximum of the
    utterance, as in the published code. With `segment.reading: as_published`, they are always
    relative to it."""
