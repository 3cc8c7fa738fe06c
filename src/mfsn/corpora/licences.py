"""Which licences let anybody pass on what was made from a recording."""

from __future__ import annotations

import re

from mfsn.corpora.facts import load_facts

_FREE = re.compile(r"(cc0|cc[ -]by(-sa)?|public domain)([ -]\d(\.\d)?)?", re.IGNORECASE)


def is_free_to_share(licence: str) -> bool:
    """Whether anybody may pass on what was made from a recording: made here, CC0, BY or BY-SA.

    Everything else is not: a licence that forbids commercial use or derivatives, a text that this
    function does not know, or none.
    """
    return licence == load_facts("demo").licence or bool(_FREE.fullmatch(licence.strip()))
