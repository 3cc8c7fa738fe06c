"""What code means, as one hash per module: the finest dependency that stays readable.

A dependency on source files would rerun training for a docstring. Here each stage, and each fit,
depends on a mapping of every module in its import closure to a hash of the module's syntax tree
without docstrings; comments and layout are not in the tree to begin with. Imports inside functions
count. What is chosen by name at run time is no import: whoever asks names it as a root.
"""

from __future__ import annotations

import ast
import copy
import functools
import hashlib
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

PACKAGE = "mfsn"
# Python 3.11 fails with a SystemError where two threads parse at a time (python/cpython#106905).
_PARSING = threading.Lock()

# Not followed. The package's entrance only exports names again, mfsn.plugins only lists them, and
# what mfsn.params hands to a stage is declared in dvc.yaml: a stage's own modules import the
# configurations that they use.
ENTRANCES = frozenset({"mfsn", "mfsn.params", "mfsn.plugins"})
DATA_SUFFIXES = (".yaml", ".html", ".css")

LIBRARIES = {
    "matplotlib": ("matplotlib",),
    "sklearn": ("scikit-learn", "scipy", "numpy"),
    "soundfile": ("soundfile",),
    "torch": ("torch",),
    "torchaudio": ("torchaudio",),
    "transformers": ("transformers",),
}
"""Modules whose versions decide results, and that are always installed, to the distributions whose
versions count: those of scipy and numpy decide what scikit-learn fits."""


def stage_code(
    workspace: Path,
    script: str,
    roots: Iterable[str] = (),
    others: Mapping[str, Path] | None = None,
) -> dict[str, str]:
    """What the code of a stage means at this moment.

    Args:
        workspace: the folder of src/ and stages/.
        script: name of the stage's script, such as `extract`.
        roots: modules that the stage chooses by name.
        others: as in `fingerprint`.

    Returns:
        As `fingerprint`.
    """
    path = workspace / "stages" / f"{script}.py"
    return fingerprint(workspace / "src", [path, *shared_helpers(path)], roots, others)


def shared_helpers(script: Path) -> list[Path]:
    """The helpers beside a stage's script that it imports, or that they import."""
    beside = {path.stem: path for path in script.parent.glob("_*.py")}
    found, waiting = set[Path](), [script]
    while waiting:
        _, imported = _read(waiting.pop(), PACKAGE)
        new = {beside[name] for name in imported if name in beside} - found
        found |= new
        waiting += new
    return sorted(found)


def fingerprint(
    source: Path,
    scripts: Iterable[Path] = (),
    roots: Iterable[str] = (),
    others: Mapping[str, Path] | None = None,
) -> dict[str, str]:
    """Hash every module that scripts and modules can run.

    Args:
        source: the folder that holds the package (`src`).
        scripts: files outside of the package.
        roots: modules of the package, or of the others.
        others: top packages of plug-ins that are followed too, to the folders that hold them.

    Returns:
        Name of each script and module to the first 16 digits of the sha256 of its meaning; path of
        the data that is packaged with a module to those of its bytes; `library NAME` to the version
        of each library that one of them imports, as far as it is in `LIBRARIES`. Sorted.
    """
    folders = {PACKAGE: source, **(others or {})}
    hashes: dict[str, str] = {}
    libraries: set[str] = set()
    waiting = list(roots)
    for script in scripts:
        hashes[script.name], imports = _read(script, PACKAGE)
        waiting += imports
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        if top not in folders:
            libraries.add(top)
            continue
        path = module_path(folders[top], name)
        if name in hashes or name in ENTRANCES or path is None:
            continue
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        hashes[name], imports = _read(path, package)
        waiting += [*imports, *_parents(name)]
    for path in [*_data_files(source, hashes)]:
        content = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        hashes[path.relative_to(source).as_posix()] = content
    used = (each for name in libraries & LIBRARIES.keys() for each in LIBRARIES[name])
    hashes |= {f"library {name}": version(name) for name in used}
    return dict(sorted(hashes.items()))


def meaning(tree: ast.Module) -> str:
    """A hash of a syntax tree that is equal in all supported Pythons.

    Docstrings do not count, nor does the text of the errors that it raises: what people read can be
    corrected without computing anything again.
    """
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
    with _PARSING:
        tree = ast.parse(text, filename)
    return meaning(tree), tuple(_imports(tree, package))


def _data_files(source: Path, modules: Collection[str]) -> Iterator[Path]:
    # Packaged data belongs to the module of its name (readers/data/ravdess.yaml to
    # readers/ravdess.py, experiment/page.html to experiment/page.py), else to its package, and to
    # no package around that one.
    for package in modules:
        folder = source.joinpath(*package.split("."))
        found = (*folder.glob("*"), *folder.glob("*/*"))
        own = (p for p in found if p.parent == folder or not (p.parent / "__init__.py").exists())
        for path in (path for path in own if path.suffix in DATA_SUFFIXES):
            owner = f"{package}.{path.stem}"
            if owner in modules or module_path(source, owner) is None:
                yield path


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    for node in _run(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker reads."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _canonical(value: object) -> str:
    # ast.dump differs between Python versions in how it shows empty fields; this does not.
    if isinstance(value, ast.Raise):
        value = _wordless(value)
    if isinstance(value, ast.AST):
        fields = ((name, getattr(value, name, None)) for name in value._fields)
        shown = (f"{n}={_canonical(_body(value, n, v))}" for n, v in fields if v not in (None, []))
        return f"{type(value).__name__}({','.join(shown)})"
    if isinstance(value, list):
        return f"[{','.join(map(_canonical, value))}]"
    return repr(value)


def _wordless(node: ast.Raise) -> ast.Raise:
    """The same statement without the text in it."""
    changed: ast.Raise = _Wordless().visit(copy.deepcopy(node))
    return changed


class _Wordless(ast.NodeTransformer):
    def visit_JoinedStr(self, text: ast.JoinedStr) -> ast.Constant:
        """An f-string becomes an empty text."""
        return ast.copy_location(ast.Constant(""), text)

    def visit_Constant(self, constant: ast.Constant) -> ast.Constant:
        """A text becomes an empty text."""
        is_text = isinstance(constant.value, str)
        return ast.copy_location(ast.Constant(""), constant) if is_text else constant


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
