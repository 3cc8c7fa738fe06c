"""Which licences allow everybody to share what was computed from a recording."""

from __future__ import annotations

import re

from mfsn.corpora.facts import load_facts

_FREE = re.compile(r"(cc0|cc[ -]by(-sa)?|public domain)([ -]\d(\.\d)?)?", re.IGNORECASE)


def is_free_to_share(licence: str) -> bool:
    """Whether everybody may share what was computed from a recording under this licence.

    That is so for the demo, which is made here, for the public domain and for CC0, CC BY and CC
    BY-SA. It is not so for a licence that forbids commercial use or derivatives, for a text that
    this function does not know, and for an empty one.
    """
    return licence == load_facts("demo").licence or bool(_FREE.fullmatch(licence.strip()))
