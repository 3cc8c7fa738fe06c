"""Which features may be shared: this depends on the licences in the manifest."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from mfsn.corpora.licences import is_free_to_share
from mfsn.errors import LicenceError

OPTION = "--i-hold-the-licence"


def restrictions(corpus: str, manifest: pd.DataFrame) -> list[str]:
    """The licences of a corpus that are not free to share, one clause per licence.

    Args:
        corpus: the name of the corpus.
        manifest: its utterances (`mfsn.manifest.UTTERANCES`).
    """
    counts = manifest["licence"].value_counts().sort_index()
    return [
        f"{corpus} ({count} utterances: {str(licence).strip() or 'no licence stated'})"
        for licence, count in counts.items()
        if not is_free_to_share(str(licence))
    ]


def refuse_unlicensed(restricted: Iterable[str], address: str) -> None:
    """Raise an error before features of restricted recordings leave this machine.

    Args:
        restricted: the clauses from `restrictions`.
        address: the address to which they would be copied.

    Raises:
        LicenceError: if there are any clauses.
    """
    clauses = "; ".join(restricted)
    if clauses:
        raise LicenceError(
            f"nothing was copied to {address}, since these recordings are not free to share: "
            f"{clauses}; add {OPTION} if you have their licence and it covers everybody who can "
            "read this address"
        )
