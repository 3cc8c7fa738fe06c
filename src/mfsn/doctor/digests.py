"""Check that the store has the rows that the workspace's digests name; DVC does not check it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mfsn.base.quantities import counted
from mfsn.doctor.checks import Finding
from mfsn.doctor.digest_rows import DigestRows, digest_rows
from mfsn.doctor.estimate import Work
from mfsn.errors import MfsnError
from mfsn.store.checkouts.lost_rows import registered
from mfsn.store.messages import WAVEFORM
from mfsn.workspace import remote_address


def check_digests(
    workspace: Path, corpus: str, store_root: Path, works: Sequence[Work]
) -> Iterator[Finding]:
    """Find digests that cannot be read, or whose rows are missing from the store.

    Where the store has held the rows, `dvc repro` computes them again. In another store missing
    rows stop a run that reads them: rows of the corpus and the parameters in params.yaml, and waves
    only if features must be computed. All other missing rows are reported, but do not stop a run.

    Args:
        workspace: the workspace with the digests.
        corpus: the corpus in params.yaml.
        store_root: root of the feature cache.
        works: what a run will compute.

    Raises:
        MfsnError: if params.yaml or the store cannot be read.
    """
    unreadable: list[Finding] = []

    def note(extractor: str, error: MfsnError) -> None:
        """Remember a digest that cannot be read."""
        unreadable.append(Finding(extractor, str(error), is_good=False))

    read = {w.spec.identity for w in works if w.spec.extractor != WAVEFORM or _computes(works)}
    for named in digest_rows(workspace, None, note):
        if lost := len(named.lost(store_root)):
            is_read = named.outputs.corpus == corpus and named.digest.spec.identity in read
            has_held = named.path in registered(workspace, store_root)
            what = f"{named.digest.extractor} of {named.outputs.corpus}"
            yield Finding(what, _told(named, lost), is_good=has_held or not is_read)
    yield from unreadable


def _computes(works: Sequence[Work]) -> bool:
    return any(work.there < work.rows for work in works if work.spec.extractor != WAVEFORM)


def _told(named: DigestRows, lost: int) -> str:
    address = remote_address()
    copies = f"`mfsn cache pull` copies them from {address}, or " if address else ""
    return (
        f"the store lacks {lost} of the {counted(len(named.digest.keys), 'row')} that "
        f"the workspace names; {copies}`dvc repro` computes them again"
    )
