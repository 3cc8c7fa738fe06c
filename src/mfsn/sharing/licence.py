"""Whose features may be handed on: decided by the licence that the manifest states."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from mfsn.corpora.licences import is_free_to_share
from mfsn.errors import LicenceError

OPTION = "--i-hold-the-licence"


def restrictions(corpus: str, manifest: pd.DataFrame) -> list[str]:
    """Which of a corpus's licences are not free to share, one clause each.

    Args:
        corpus: its name.
        manifest: its utterances (`mfsn.manifest.UTTERANCES`).
    """
    counts = manifest["licence"].value_counts().sort_index()
    return [
        f"{corpus} ({count} utterances: {str(licence).strip() or 'no licence stated'})"
        for licence, count in counts.items()
        if not is_free_to_share(str(licence))
    ]


def refuse_unlicensed(restricted: Iterable[str], address: str) -> None:
    """Stop before features of restricted recordings leave this machine.

    Args:
        restricted: from `restrictions`.
        address: where they would go.

    Raises:
        LicenceError: if there are any.
    """
    clauses = "; ".join(restricted)
    if clauses:
        raise LicenceError(
            f"nothing was copied to {address}, since these recordings are not free to share: "
            f"{clauses}; add {OPTION} if you hold their licence and it covers everybody who can "
            "read there"
        )
