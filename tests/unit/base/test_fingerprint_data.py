"""Packaged data counts as code: for the module of its name, else for its package."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfsn.base.fingerprint import fingerprint

FILES = {
    "src/mfsn/__init__.py": "",
    "src/mfsn/corpora/__init__.py": "",
    "src/mfsn/corpora/one.py": "",
    "src/mfsn/corpora/other.py": "",
    "src/mfsn/corpora/data/one.yaml": "a: 1",
    "src/mfsn/corpora/data/other.yaml": "b: 1",
    "src/mfsn/corpora/folds/shared.yaml": "c: 1",
    "src/mfsn/corpora/page.html": "<p>",
    "src/mfsn/report/__init__.py": "",
    "src/mfsn/report/page.css": "p {}",
    "stages/s.py": "import mfsn.corpora.one",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def of(project: Path) -> dict[str, str]:
    return fingerprint(project / "src", [project / "stages" / "s.py"], [])


def test_data_of_the_closure_is_in_the_fingerprint(project: Path) -> None:
    assert [name for name in of(project) if "/" in name] == [
        "mfsn/corpora/data/one.yaml",
        "mfsn/corpora/folds/shared.yaml",
        "mfsn/corpora/page.html",
    ]


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("corpora/data/one.yaml", True),
        ("corpora/folds/shared.yaml", True),
        ("corpora/data/other.yaml", False),
        ("report/page.css", False),
    ],
)
def test_a_change_of_data_counts_where_it_is_used(project: Path, file: str, counts: bool) -> None:
    before = of(project)
    (project / "src" / "mfsn" / file).write_text("changed")
    assert (of(project) != before) is counts


def test_compiled_files_beside_the_source_do_not_count(project: Path) -> None:
    before = of(project)
    compiled = project / "src" / "mfsn" / "corpora" / "__pycache__" / "one.cpython-311.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"compiled")
    assert of(project) == before
