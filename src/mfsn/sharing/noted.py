"""The address of shared features, noted in a file of the checkout that git brings to clones."""

from __future__ import annotations

from pathlib import Path

from mfsn.base.files import write_text
from mfsn.errors import RemoteError
from mfsn.sharing.remote import Remote
from mfsn.workspace import REMOTE_NOTE, main_checkout, remote_address


def open_remote(address: str | None) -> Remote:
    """The remote at the given address, else at the noted one.

    Raises:
        RemoteError: if no address is given or noted, and in the same cases as `Remote`.
    """
    chosen = address or remote_address()
    if not chosen:
        raise RemoteError(
            "no address is known; give one, as in `mfsn cache push s3://bucket/folder`, and the "
            f"first push notes it in {REMOTE_NOTE}"
        )
    return Remote(chosen)


def note_remote(address: str) -> bool:
    """Note an address in the checkout, unless an address is already known.

    Returns:
        Whether the address was noted.
    """
    if remote_address():
        return False
    place = address if ":" in address else Path(address).expanduser().resolve()
    write_text(main_checkout() / REMOTE_NOTE, f"{place}\n")
    return True
