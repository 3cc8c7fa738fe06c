"""Which networks join SEC and TEC frame by frame, so that both need equally many frames."""

from __future__ import annotations

from collections.abc import Mapping

from mfsn.base.quantities import counted
from mfsn.errors import ConfigError
from mfsn.models.config import ModelConfig, NetworkParts


def joins_frames(parts: NetworkParts, config: ModelConfig) -> bool:
    """Whether each frame of SEC is combined with the frame of TEC that has the same number."""
    return parts.fused or (len(parts.encoders) > 1 and config.streams == "joint")


def refuse_unlike_frames(
    parts: NetworkParts, config: ModelConfig, frames: Mapping[str, int]
) -> None:
    """Stop if SEC and TEC are to be joined frame by frame, and their frames differ.

    Args:
        parts: of the network.
        config: section `model` of params.yaml.
        frames: extractor to frames per segment; those that are not joined do not matter.

    Raises:
        ConfigError: if SEC and TEC have different numbers of frames, and the network joins them.
    """
    if not joins_frames(parts, config) or frames["sec"] == frames["tec"]:
        return
    what, instead = "be fused frame by frame", "system: sec_tec with model.streams: dual"
    if not parts.fused:
        what, instead = "share one co-attention stream", "model.streams: dual"
    raise ConfigError(
        f"SEC has {counted(frames['sec'], 'frame')} per segment and TEC {frames['tec']}, so they "
        f"cannot {what}; choose two encoders with the same hop and the same frames (params.yaml: "
        f"sec.model, tec.model, sec.frames, tec.frames), or {instead}"
    )
