"""Names in a joined corpus: of its corpora, of their speakers, and of folds over two of them."""

from __future__ import annotations

import pandas as pd

from mfsn.workspace import part_of


def corpora_of(manifest: pd.DataFrame) -> list[str]:
    """The corpora of a joined corpus, sorted; empty for any other corpus."""
    parts = {part_of(path) for path in manifest["path"]}
    return sorted(part for part in parts if part is not None)


def own_name(name: str) -> str:
    """The name that a speaker of a joined corpus has in the corpus that the speaker is from."""
    return name.partition("/")[2] or name


def pair_name(train: str, test: str) -> str:
    """The name of the fold that trains on one corpus and tests on another."""
    return f"{train}-to-{test}"
