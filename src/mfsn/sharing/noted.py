"""The address of shared features, noted in the checkout so that git carries it to clones."""

from __future__ import annotations

from mfsn.base.files import write_text
from mfsn.errors import RemoteError
from mfsn.sharing.remote import Remote
from mfsn.workspace import REMOTE_NOTE, main_checkout, remote_address


def open_remote(address: str | None) -> Remote:
    """The address that was given, else the one that is noted.

    Raises:
        RemoteError: if neither is there, or as `Remote`.
    """
    chosen = address or remote_address()
    if not chosen:
        raise RemoteError(
            "no address is known: give one, as in `mfsn cache push s3://bucket/folder`; the first "
            f"push notes it in {REMOTE_NOTE}"
        )
    return Remote(chosen)


def note_remote(address: str) -> bool:
    """Note an address in the checkout, unless one is known already.

    Returns:
        Whether it was noted.
    """
    if remote_address():
        return False
    write_text(main_checkout() / REMOTE_NOTE, f"{address}\n")
    return True
