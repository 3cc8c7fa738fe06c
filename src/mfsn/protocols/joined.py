"""Names of speakers in a joined corpus."""

from __future__ import annotations


def own_name(name: str) -> str:
    """The name that a speaker of a joined corpus has in the corpus that the speaker is from."""
    return name.partition("/")[2] or name
