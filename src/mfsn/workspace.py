"""Paths: the checkout, the corpora, the store, and the outputs of each stage.

params.yaml says what is computed. It does not say where corpora and the store are on this machine,
so that nothing runs again on another machine. Environment variables set these paths; relative ones
start from the main checkout. Inside `dvc exp run --temp` or `--queue`, they are found through
`DVC_ROOT`, the main checkout.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from mfsn.errors import WorkspaceError

STORE_VARIABLE = "MFSN_STORE"
CORPORA_VARIABLE = "MFSN_CORPORA"
BUDGET_VARIABLE = "MFSN_STORE_BUDGET"
REMOTE_VARIABLE = "MFSN_REMOTE"
REMOTE_NOTE = ".mfsn-remote"
"""A file of the checkout; it is kept in git, so that clones know the address too."""
OWN_STAGE = "stages/extract.py ${item.extractor}"
"""A text that is in the dvc.yaml of mfsn, but not in that of any other project."""


def find_workspace(start: Path | None = None) -> Path:
    """The nearest folder with dvc.yaml at or above `start` (default: the current folder).

    Raises:
        WorkspaceError: if there is none, or it belongs to another project.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file():
            _require_own(folder / "dvc.yaml")
            return folder
    raise WorkspaceError(
        f"{here} is not in a checkout of mfsn (there is no dvc.yaml in it or above it); change "
        "into the checkout first"
    )


def _require_own(pipeline: Path) -> None:
    """Check that dvc.yaml is ours; files of other projects must not be read or rewritten."""
    try:
        is_own = OWN_STAGE in pipeline.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise WorkspaceError(
            f"{pipeline} cannot be read ({error.strerror}); give this user the right to read it"
        ) from error
    if not is_own:
        raise WorkspaceError(
            f"{pipeline} is not the pipeline of mfsn (it has no stage that runs {OWN_STAGE!r}); "
            "change into a checkout of mfsn first"
        )


def main_checkout() -> Path:
    """The checkout whose data/ all its workspaces share (`DVC_ROOT`, else this one)."""
    root = os.environ.get("DVC_ROOT")
    return checkout_of(Path(root)) if root else checkout_of(find_workspace())


def checkout_of(workspace: Path) -> Path:
    """The main checkout of a workspace; temporary experiments are in its .dvc/tmp/exps."""
    parts = workspace.resolve().parts
    for index in range(len(parts) - 2):
        if parts[index : index + 3] == (".dvc", "tmp", "exps"):
            return Path(*parts[:index])
    return workspace.resolve()


def store_root(workspace: Path | None = None) -> Path:
    """The root of the feature cache: `$MFSN_STORE`, else data/store of the main checkout.

    Args:
        workspace: the workspace whose main checkout is used; by default see `main_checkout`.
    """
    moved = os.environ.get(STORE_VARIABLE)
    if moved:
        return in_checkout(moved, workspace)
    checkout = main_checkout() if workspace is None else checkout_of(workspace)
    return checkout / "data" / "store"


def in_checkout(name: str, workspace: Path | None = None) -> Path:
    """The path that a variable names. A relative one is in the main checkout, wherever we are.

    Outside of a checkout, it is in the current folder.
    """
    path = Path(name).expanduser()
    if not path.is_absolute():
        with contextlib.suppress(WorkspaceError):
            return (main_checkout() if workspace is None else checkout_of(workspace)) / path
    return path


def remote_address() -> str | None:
    """The address of shared features: `$MFSN_REMOTE`, else the one in .mfsn-remote.

    None if there is neither, or outside of a checkout.
    """
    named = os.environ.get(REMOTE_VARIABLE)
    if not named:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            named = (main_checkout() / REMOTE_NOTE).read_text(encoding="utf-8")
    address = next((line.strip() for line in (named or "").splitlines() if line.strip()), None)
    if address is None or ":" in address:
        return address
    return str(in_checkout(address))


def corpus_root(name: str) -> Path:
    """The folder of a corpus.

    It is `$MFSN_CORPUS_<NAME>` (the name in upper case, with `_` for everything except letters and
    digits), else `$MFSN_CORPORA/<name>`, else data/corpora/<name> of the main checkout.
    """
    moved = os.environ.get(corpus_variable(name))
    if moved:
        return in_checkout(moved)
    corpora = os.environ.get(CORPORA_VARIABLE)
    return (in_checkout(corpora) if corpora else main_checkout() / "data" / "corpora") / name


def is_named(name: str) -> bool:
    """Whether an environment variable says where a corpus is, so that somebody chose its folder."""
    return bool(os.environ.get(corpus_variable(name)) or os.environ.get(CORPORA_VARIABLE))


def recording(root: Path, path: str) -> Path:
    """The file of a recording in a manifest.

    Args:
        root: the corpus folder.
        path: the path relative to `root`. In a joined corpus it is `../<part>/...` and means a file
            in the folder of this part, wherever that folder is.
    """
    corpus = part_of(path)
    return root / path if corpus is None else corpus_root(corpus) / path.split("/", 2)[2]


def part_of(path: str) -> str | None:
    """The part of a joined corpus to which a path of its manifest belongs; else None."""
    return path.split("/", 2)[1] if path.startswith("../") else None


def local_path(name: str, workspace: Path | None = None) -> Path:
    """The path of a file or folder that params.yaml names; it need not exist.

    A relative name is looked up in the workspace (default: the current folder), then in the main
    checkout, since a temporary experiment does not have files that git ignores.
    """
    path = (workspace or Path()) / Path(name).expanduser()
    if not path.exists():
        with contextlib.suppress(WorkspaceError):
            return main_checkout() / Path(name).expanduser()
    return path


def corpus_variable(name: str) -> str:
    """The environment variable for the folder of a corpus, such as `MFSN_CORPUS_RAVDESS`."""
    return "MFSN_CORPUS_" + "".join(c if c.isalnum() else "_" for c in name.upper())


NOTHING = "{}\n"
"""The digest of an extractor whose rows the system does not read."""


def names_rows(digest: Path) -> bool:
    """Whether a digest, or another list of rows, names any: it is there and is not `NOTHING`."""
    if not digest.is_file():
        return False
    return digest.stat().st_size != len(NOTHING) or digest.read_bytes() != NOTHING.encode()


@dataclass(frozen=True)
class Outputs:
    """The paths of all stage outputs of one corpus and experiment, as in dvc.yaml."""

    workspace: Path
    corpus: str
    experiment: str

    @property
    def prepared(self) -> Path:
        """The folder for outputs that depend only on the corpus."""
        return self.workspace / "data" / "prepared" / self.corpus

    @property
    def files(self) -> Path:
        """The list of corpus files with their sha256 (written by `scan`)."""
        return self.prepared / "files.tsv"

    @property
    def manifest(self) -> Path:
        """The utterances (written by `prepare`)."""
        return self.prepared / "manifest.parquet"

    @property
    def segments(self) -> Path:
        """The segment table (written by `segment`)."""
        return self.prepared / "segments.parquet"

    def digest(self, extractor: str) -> Path:
        """The digest of an extractor: row keys by segment id (written by `extract@NAME`).

        It is `NOTHING` where nothing was extracted, because the system does not read it.
        """
        return self.features / f"{extractor}.json"

    @property
    def features(self) -> Path:
        """The folder of the digests."""
        return self.prepared / "features"

    @property
    def extracted(self) -> list[str]:
        """The names of the extractors whose digests name rows, sorted."""
        return sorted(path.stem for path in self.features.glob("*.json") if names_rows(path))

    @property
    def results(self) -> Path:
        """The folder for outputs that depend on the experiment."""
        return self.workspace / "data" / "results" / self.corpus / self.experiment

    @property
    def search(self) -> Path:
        """Genotypes, and weights if the search trains the network (written by `search`)."""
        return self.results / "search"

    @property
    def models(self) -> Path:
        """Trained models and learning curves, one folder per fold and seed (by `train`)."""
        return self.results / "models"

    @property
    def segment_predictions(self) -> Path:
        """Log-posteriors per segment (written by `train`)."""
        return self.results / "segment_predictions.parquet"

    @property
    def predictions(self) -> Path:
        """Posteriors per utterance (written by `evaluate`)."""
        return self.results / "predictions.parquet"

    @property
    def scores(self) -> Path:
        """All scores: over folds, pooled, per fold, per seed and per rule (by `evaluate`)."""
        return self.results / "scores.json"

    @property
    def metrics(self) -> Path:
        """The scores that DVC compares between experiments (written by `evaluate`)."""
        return self.results / "metrics.json"

    @property
    def plots(self) -> Path:
        """Tables that DVC plots (written by `evaluate`)."""
        return self.results / "plots"

    @property
    def report(self) -> Path:
        """The report page (written by `report`)."""
        return self.results / "report.html"
