"""`--all`: everything in a store or at a remote, from any corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mfsn.base.quantities import counted
from mfsn.sharing.bundles import RemoteStore, refuse_empty, remote_digests
from mfsn.sharing.corpus import PreparedCorpus
from mfsn.sharing.remote import Remote
from mfsn.store import layout as layouts
from mfsn.store.digest import Digest
from mfsn.store.store import Store


def whole_store(store_root: Path) -> list[Digest]:
    """All rows of a store, each named by its key.

    Raises:
        CacheError: if a directory cannot be read.
    """
    found = (layouts.load(path) for path in layouts.directories(store_root))
    return [
        Digest.of(layout.spec, layouts.about(layout), _by_key(Store(store_root, layout.spec)))
        for layout in found
        if layout is not None
    ]


def whole_remote(remote: Remote) -> list[Digest]:
    """All rows of a remote, each named by its key.

    Raises:
        RemoteError: if it cannot be read, or is empty.
    """
    refuse_empty(remote)
    return [_with_rows(remote, digest) for digest in remote_digests(remote)]


def restrictions_of_all(corpus: PreparedCorpus, digests: Sequence[Digest]) -> list[str]:
    """Why rows of a whole store are not free to share, one clause per reason.

    Args:
        corpus: any corpus of the workspace; the licences of all its corpora are used.
        digests: the digests from `whole_store`.

    Raises:
        CacheError, ManifestError: if outputs of the stages cannot be read.
    """
    corpora = corpus.neighbours()
    clauses = [clause for one in corpora for clause in one.restrictions()]
    known = {key for one in corpora for key in one.row_keys()}
    unknown = sum(len(set(digest.rows) - known) for digest in digests)
    if unknown:
        rows = counted(unknown, "row")
        clauses.append(f"{rows} of the store that no corpus of this workspace names")
    return clauses


def _by_key(store: Store) -> dict[str, str]:
    return {key: key for key in store.committed()}


def _with_rows(remote: Remote, digest: Digest) -> Digest:
    bundles = RemoteStore(remote, digest.spec).bundles()
    return replace(digest, rows={key: key for bundle in bundles for key in bundle.keys})
