"""An extractor of transcripts, as the plug-in of the pipeline's tests adds it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def wordcount(plugin: Callable[..., None], checkout: Path) -> str:
    """The name of the extractor."""
    source = checkout / "tests/pipeline/example_plugin/src/mfsn_example/text.py"
    entry = "[mfsn.extractors]\nwordcount = outside:WordcountExtractor"
    plugin("mfsn-example", entry, outside=source.read_text())
    return "wordcount"
