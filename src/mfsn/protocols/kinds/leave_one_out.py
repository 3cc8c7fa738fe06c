"""Leave out one session, or one speaker, per fold; it is the test data of that fold."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.division import Division, one_part_per_value


def leave_one_session_out(
    manifest: pd.DataFrame,
    config: ProtocolConfig,
    workspace: Path,  # noqa: ARG001
) -> Division:
    """Make one fold per session."""
    return Division(one_part_per_value(manifest, "session", config.name))


def leave_one_speaker_out(
    manifest: pd.DataFrame,
    config: ProtocolConfig,
    workspace: Path,  # noqa: ARG001
) -> Division:
    """Make one fold per speaker."""
    return Division(one_part_per_value(manifest, "speaker", config.name))
