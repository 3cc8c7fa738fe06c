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
    """Sizes and readings of the network; what the paper leaves open is marked assumed."""

    projection: int = Field(128, gt=0)
    """Width of one stream's half of the spectrogram and MFCC projections, and of p -> h
    (CA-MSER: 128; the projections are twice as wide in the dual-stream network)."""
    hidden: int = Field(128, gt=0)
    """Width of the two hidden layers of the head (CA-MSER: 128)."""
    dropout: float = Field(0.1, ge=0, lt=1)
    alexnet_width: float = Field(1.0, gt=0)
    """Channels of the AlexNet relative to the published ones."""
    alexnet_weights: Literal["random", "imagenet"] = "random"
    """imagenet needs torchvision's checkpoint on disk or a network, and alexnet_width 1."""
    image_px: tuple[Annotated[int, Field(ge=63)], Annotated[int, Field(ge=63)]] = (256, 384)
    """Height and width that the 200 x 300 spectrogram is resized to (CA-MSER: 256 x 384); below 63
    nothing is left of it behind AlexNet's last pooling."""
    mfcc_hidden: int = Field(256, gt=0)
    """Hidden units per direction of the BiLSTM (CA-MSER: 256)."""
    mfcc_layers: int = Field(2, ge=1)
    mfcc_dropout: float = Field(0.5, ge=0, lt=1)
    cells: int = Field(1, ge=1)
    """Fusion Cells in a chain; each hands the fused TEC forward (paper's experiments: 1)."""
    ism: Literal["gated", "glu"] = "gated"
    """Formula of the information supplement module; assumed (facts 2.2, variants A and B)."""
    operation_norm: bool = False
    """LayerNorm on each operation's output but Zero's; assumed off."""
    cell_residual: bool = False
    """Add TEC to the cell's output, then LayerNorm, as BM-NAS does; assumed off (facts 2.3)."""
    align: bool = False
    """A projection and a LayerNorm before the cell, for frozen encoders; assumed off."""
    streams: Literal["dual", "joint"] = "dual"
    """dual: SEC and TEC have frame weights of their own (the paper). joint: one weight a frame for
    both (its ablation; how the two are joined is assumed)."""
    guide: Guide = "spectrogram_and_mfcc"
    """What co-attention's frame weights are made from; mfcc leaves the spectrogram out of them."""
    mask: Mask = "valid"
    """valid: attention and co-attention see only frames of real audio, and spectrogram and MFCC are
    zero elsewhere. none: padding counts. With segment.reading: as_published it counts either way,
    at full level, as in the published code (facts 1.3)."""
    spectrogram_reference: Literal["absolute", "utterance"] = "absolute"
    """utterance: dB relative to the utterance's maximum, as in the published code. The spectrogram
    of segment.reading: as_published is relative to it either way (facts 1.2)."""
