"""What the code of a stage means, as one hash a module: the finest dependency that stays readable.

A dependency on source files would rerun training for a docstring. Here each stage depends on a
small JSON that maps every module in the stage's import closure to a hash of its syntax tree
without docstrings; comments and layout are not in the tree to begin with. Imports inside functions
count. What a stage picks by name at run time, and the libraries whose versions decide its result,
are named in `stages/roots.yaml`.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Collection, Iterator
from importlib.metadata import version
from pathlib import Path

import yaml

PACKAGE = "mfsn"

# Not followed: the package's entrance only re-exports names, and what mfsn.params hands to a stage
# is declared in dvc.yaml. A stage's own modules import the configurations that they use.
ENTRANCES = frozenset({"mfsn", "mfsn.params"})

DATA_SUFFIXES = (".yaml", ".html", ".css")


def stage_code(workspace: Path, key: str) -> dict[str, str]:
    """What the code of a stage means at this moment.

    Args:
        workspace: the folder of src/ and stages/.
        key: an entry of stages/roots.yaml, such as `extract-mfcc`.

    Returns:
        As `fingerprint`, the scripts' shared helpers and the versions of libraries added.
    """
    stages = workspace / "stages"
    entry = yaml.safe_load((stages / "roots.yaml").read_text(encoding="utf-8"))[key]
    script = _script(stages, key)
    hashes = fingerprint(workspace / "src", script, entry["modules"])
    for helper in shared_helpers(script):
        hashes |= fingerprint(workspace / "src", helper, [])
    return hashes | {f"library {name}": version(name) for name in entry["libraries"]}


def stage_keys(workspace: Path) -> list[str]:
    """The entries of stages/roots.yaml: one a file in data/code/."""
    text = (workspace / "stages" / "roots.yaml").read_text(encoding="utf-8")
    return list(yaml.safe_load(text))


def shared_helpers(script: Path) -> list[Path]:
    """The helpers beside a stage's script that it imports: `_start.py`, `_training.py`."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return [path for path in sorted(script.parent.glob("_*.py")) if path.stem in imported]


def _script(stages: Path, key: str) -> Path:
    return stages / f"{key.partition('-')[0]}.py"


def fingerprint(source: Path, script: Path, roots: list[str]) -> dict[str, str]:
    """Hash every module that a stage can run.

    Args:
        source: the folder that holds the package (`src`).
        script: the stage's script.
        roots: modules that the script reaches by name only.

    Returns:
        Name of the script or module to the first 16 digits of the sha256 of its meaning, and path
        of the data that is packaged with a module to those of its bytes; sorted.
    """
    hashes: dict[str, str] = {}
    hashes[script.name], imports = _read(script, PACKAGE)
    waiting = [*roots, *imports]
    while waiting:
        name = waiting.pop()
        path = module_path(source, name)
        if name in hashes or name in ENTRANCES or path is None:
            continue
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        hashes[name], imports = _read(path, package)
        waiting += [*imports, *_parents(name)]
    for path in [*_data_files(source, hashes)]:
        content = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        hashes[path.relative_to(source).as_posix()] = content
    return dict(sorted(hashes.items()))


def meaning(tree: ast.Module) -> str:
    """A hash of a syntax tree that ignores docstrings, equal in all supported Pythons."""
    return hashlib.sha256(_canonical(tree).encode()).hexdigest()[:16]


def module_path(source: Path, name: str) -> Path | None:
    """The file of a module below `source`, or None when it is not a module there."""
    base = source.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _read(path: Path, package: str) -> tuple[str, tuple[str, ...]]:
    return _understand(path.read_text(encoding="utf-8"), package, str(path))


@functools.cache  # stages share most of their modules
def _understand(text: str, package: str, filename: str) -> tuple[str, tuple[str, ...]]:
    tree = ast.parse(text, filename)
    return meaning(tree), tuple(_imports(tree, package))


def _data_files(source: Path, modules: Collection[str]) -> Iterator[Path]:
    # Packaged data belongs to the module of its name (corpora/data/ravdess.yaml to
    # corpora/ravdess.py, report/page.html to report/page.py), else to its package.
    for package in modules:
        folder = source.joinpath(*package.split("."))
        found = (*folder.glob("*"), *folder.glob("*/*"))
        for path in (path for path in found if path.suffix in DATA_SUFFIXES):
            owner = f"{package}.{path.stem}"
            if owner in modules or module_path(source, owner) is None:
                yield path


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _is_ours(alias.name))
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            if _is_ours(base):
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _is_ours(name: str) -> bool:
    return name == PACKAGE or name.startswith(PACKAGE + ".")


def _canonical(value: object) -> str:
    # ast.dump differs between Python versions in how it shows empty fields; this does not.
    if isinstance(value, ast.AST):
        fields = ((name, getattr(value, name, None)) for name in value._fields)
        shown = (f"{n}={_canonical(_body(value, n, v))}" for n, v in fields if v not in (None, []))
        return f"{type(value).__name__}({','.join(shown)})"
    if isinstance(value, list):
        return f"[{','.join(map(_canonical, value))}]"
    return repr(value)


def _body(node: ast.AST, name: str, value: object) -> object:
    if not isinstance(value, list):
        return value
    if name == "body" and isinstance(
        node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    ):
        return [statement for statement in value if not _is_bare_string(statement)]
    if isinstance(node, ast.JoinedStr):  # some Pythons end a format specification with ""
        return [part for part in value if not _is_empty_string(part)]
    return value


def _is_empty_string(part: ast.AST) -> bool:
    return isinstance(part, ast.Constant) and part.value == ""


def _is_bare_string(statement: ast.AST) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
