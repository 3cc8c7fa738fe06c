"""The page on Python shows what its examples give."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

FENCE = re.compile(r"^```.*$", re.MULTILINE)


def test_the_examples_of_the_page_give_what_they_show(
    in_demo: Path, checkout: Path, tmp_path: Path
) -> None:
    page = (checkout / "docs" / "python.md").read_text(encoding="utf-8")
    examples = tmp_path / "python.md"  # a fence would be taken for the end of an output
    examples.write_text(FENCE.sub("", page), encoding="utf-8")
    found = doctest.testfile(str(examples), module_relative=False, encoding="utf-8")
    assert found.attempted > 40
    assert found.failed == 0
