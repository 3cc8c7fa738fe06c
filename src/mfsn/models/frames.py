"""Which systems join SEC and TEC frame by frame, so that both need equally many frames."""

from __future__ import annotations

from mfsn.base.quantities import counted
from mfsn.errors import ConfigError
from mfsn.models.config import ModelConfig, System


def joins_frames(system: System, config: ModelConfig) -> bool:
    """Whether a frame of SEC meets the frame of TEC that has its number."""
    return system == "mfsn" or (system == "sec_tec" and config.streams == "joint")


def refuse_unlike_frames(
    system: System, config: ModelConfig, sec_frames: int, tec_frames: int
) -> None:
    """Stop where SEC and TEC would be joined frame by frame and cannot be.

    Args:
        system: of params.yaml.
        config: its section `model`.
        sec_frames: of a segment, in SEC's last level.
        tec_frames: of a segment, in TEC.

    Raises:
        ConfigError: if they are not equally many, and the system joins them.
    """
    if sec_frames == tec_frames or not joins_frames(system, config):
        return
    what, instead = "be fused frame by frame", "system: sec_tec with model.streams: dual"
    if system != "mfsn":
        what, instead = "share one co-attention stream", "model.streams: dual"
    raise ConfigError(
        f"SEC has {counted(sec_frames, 'frame')} a segment and TEC {tec_frames}, so they cannot "
        f"{what}; choose two encoders with the same hop and the same frames (params.yaml: "
        f"sec.model, tec.model, sec.frames, tec.frames), or {instead}"
    )
