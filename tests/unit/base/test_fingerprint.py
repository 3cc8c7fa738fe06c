"""A stage's code dependency: meaning, not bytes; the import closure, not a folder."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from mfsn.base import fingerprint as module
from mfsn.base.fingerprint import fingerprint, meaning, module_path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    package = tmp_path / "src" / "mfsn"
    write(package / "__init__.py", "from mfsn.unrelated import nothing")
    write(package / "a.py", "from mfsn.sub import b\nimport mfsn.c")
    write(package / "c.py", "def f():\n    from .sub.d import g\n    return g")
    write(package / "sub" / "__init__.py", '"""Sub."""')
    write(package / "sub" / "b.py", "B = 1")
    write(package / "sub" / "d.py", "def g(): return 1")
    write(package / "by_name.py", "N = 1")
    write(package / "unrelated.py", "nothing = 0")
    write(package / "params.py", "from mfsn.unrelated import nothing")
    write(tmp_path / "stages" / "s.py", "import numpy\nimport mfsn.a\nimport mfsn.params")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text) + "\n")


def of(project: Path, roots: tuple[str, ...] = ()) -> dict[str, str]:
    return fingerprint(project / "src", [project / "stages" / "s.py"], list(roots))


def test_the_closure_follows_imports_inside_functions_and_relative_ones(project: Path) -> None:
    assert list(of(project)) == ["mfsn.a", "mfsn.c", "mfsn.sub", "mfsn.sub.b", "mfsn.sub.d", "s.py"]


def test_what_is_picked_by_name_is_added(project: Path) -> None:
    assert set(of(project, ("mfsn.by_name",))) - set(of(project)) == {"mfsn.by_name"}


def test_the_entrance_and_params_are_not_followed(project: Path) -> None:
    assert not {"mfsn", "mfsn.params", "mfsn.unrelated"} & set(of(project))


def test_docstrings_comments_and_layout_do_not_count(project: Path) -> None:
    before = of(project)
    write(
        project / "src" / "mfsn" / "sub" / "d.py",
        '''
        """New module docstring."""

        def g():  # why
            """Says what g does."""
            return (1)
        ''',
    )
    assert of(project) == before


@pytest.mark.parametrize(
    ("module", "text"),
    [("sub/d.py", "def g(): return 2"), ("sub/b.py", "B = '1'"), ("c.py", "x = 1")],
)
def test_a_change_of_meaning_counts(project: Path, module: str, text: str) -> None:
    before = of(project)
    write(project / "src" / "mfsn" / module, text)
    assert of(project) != before


def test_a_module_outside_the_closure_does_not_count(project: Path) -> None:
    before = of(project)
    write(project / "src" / "mfsn" / "unrelated.py", "nothing = 1")
    assert of(project) == before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x): return x", "def f(x, *, y=None): return x"),
        ("x = 1", "x = 1.0"),
        ("x = True", "x = 1"),
        ("f'{a}'", "f'{a!r}'"),
        ("def f():\n    'doc'\n    return 1", "def f():\n    'doc'\n    return 2"),
    ],
)
def test_meanings_differ(one: str, other: str) -> None:
    assert meaning(ast.parse(one)) != meaning(ast.parse(other))


def test_a_string_in_an_expression_is_not_a_docstring() -> None:
    assert meaning(ast.parse("x = 'a'")) != meaning(ast.parse("x = 'b'"))


def test_the_hash_is_the_same_in_every_supported_python() -> None:
    # Read off Python 3.11, 3.12 and 3.13; their ast.dump differ from one another.
    source = "async def f(x: int = 1, *a, **k) -> str:\n    return f'{x!r:>{2}} b' 'c' + f\"d{1}\""
    assert meaning(ast.parse(source)) == "a81a2cbae06567fd"


def test_module_path(project: Path) -> None:
    source = project / "src"
    assert module_path(source, "mfsn.sub") == source / "mfsn" / "sub" / "__init__.py"
    assert module_path(source, "mfsn.sub.B") is None


def test_the_words_of_an_error_do_not_count_but_its_condition_does() -> None:
    def hashed(condition: str, words: str) -> str:
        return meaning(ast.parse(f"def f(x):\n    if x {condition} 1:\n        raise E({words})"))

    assert hashed(">", 'f"{x} is too large"') == hashed(">", '"Choose a smaller one."')
    assert hashed(">", '"too large"') != hashed(">=", '"too large"')
    assert meaning(ast.parse('raise E("a")')) != meaning(ast.parse('raise F("a")'))


def test_a_second_package_is_followed_by_its_dotted_names(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "plugin"
    write(other / "__init__.py", "")
    write(other / "a" / "__init__.py", "")
    write(other / "a" / "fits.py", "from plugin.helper import H\nimport mfsn.c")
    write(other / "helper.py", "H = 1")
    folders = {"plugin": tmp_path / "other"}
    found = fingerprint(project / "src", roots=["plugin.a.fits"], others=folders)
    assert {"plugin.a.fits", "plugin.helper", "mfsn.c", "mfsn.sub.d"} <= set(found)
    write(other / "helper.py", "H = 2")
    changed = fingerprint(project / "src", roots=["plugin.a.fits"], others=folders)
    assert changed["plugin.helper"] != found["plugin.helper"]


def test_one_thread_parses_at_a_time(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parse, alone = ast.parse, []

    def note(text: str, filename: str = "<unknown>") -> ast.Module:
        alone.append(module._PARSING.locked())
        return parse(text, filename)

    monkeypatch.setattr(ast, "parse", note)
    write(project / "stages" / "alone.py", "import mfsn.a\nALONE = 1")
    fingerprint(project / "src", [project / "stages" / "alone.py"])
    assert alone and all(alone)
