"""Where things lie: the checkout, the corpora, the store, and the outputs of each stage.

What is computed is set in params.yaml. Where corpora and the store lie on this machine is not, so
that another machine reruns nothing: environment variables move them, and inside `dvc exp run
--temp` or `--queue` they are found through `DVC_ROOT`, which names the main checkout.
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
"""A file of the checkout, kept in git so that clones know the address too."""
OWN_STAGE = "stages/extract.py ${item.extractor}"
"""Stands in the dvc.yaml of mfsn, and in no other project's."""


def find_workspace(start: Path | None = None) -> Path:
    """The nearest folder with dvc.yaml at or above `start` (default: the current folder).

    Raises:
        WorkspaceError: if there is none, or it is another project's.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file():
            _require_own(folder / "dvc.yaml")
            return folder
    raise WorkspaceError(
        f"{here} does not lie in a checkout of mfsn (no dvc.yaml here or above); change into the "
        "checkout first"
    )


def _require_own(pipeline: Path) -> None:
    """Other projects have dvc.yaml and params.yaml too, which are not ours to read or rewrite."""
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
    """The checkout whose data/ is shared by all its workspaces (`DVC_ROOT`, else this one)."""
    root = os.environ.get("DVC_ROOT")
    return checkout_of(Path(root)) if root else checkout_of(find_workspace())


def checkout_of(workspace: Path) -> Path:
    """The main checkout of a workspace: temporary experiments live below its .dvc/tmp/exps."""
    parts = workspace.resolve().parts
    for index in range(len(parts) - 2):
        if parts[index : index + 3] == (".dvc", "tmp", "exps"):
            return Path(*parts[:index])
    return workspace.resolve()


def store_root(workspace: Path | None = None) -> Path:
    """The root of the feature cache: `$MFSN_STORE`, else data/store of the main checkout.

    Args:
        workspace: whose main checkout; by default see `main_checkout`.
    """
    moved = os.environ.get(STORE_VARIABLE)
    if moved:
        return Path(moved).expanduser()
    checkout = main_checkout() if workspace is None else checkout_of(workspace)
    return checkout / "data" / "store"


def remote_address() -> str | None:
    """Where features are shared: `$MFSN_REMOTE`, else what .mfsn-remote of the checkout says.

    None where neither does, or outside of a checkout.
    """
    named = os.environ.get(REMOTE_VARIABLE)
    if not named:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            named = (main_checkout() / REMOTE_NOTE).read_text(encoding="utf-8")
    return next((line.strip() for line in (named or "").splitlines() if line.strip()), None)


def corpus_root(name: str) -> Path:
    """The folder of a corpus.

    `$MFSN_CORPUS_<NAME>` (upper case, other characters than letters and digits as `_`), else
    `$MFSN_CORPORA/<name>`, else data/corpora/<name> of the main checkout.
    """
    moved = os.environ.get(corpus_variable(name))
    if moved:
        return Path(moved).expanduser()
    corpora = os.environ.get(CORPORA_VARIABLE)
    return (Path(corpora).expanduser() if corpora else main_checkout() / "data" / "corpora") / name


def recording(root: Path, path: str) -> Path:
    """The file of a recording that a manifest names.

    Args:
        root: the corpus folder.
        path: relative to it. `../<corpus>/...` lies in the folder of another corpus, wherever that
            one is: so the manifest of a joined corpus names its parts' recordings.
    """
    corpus = part_of(path)
    return root / path if corpus is None else corpus_root(corpus) / path.split("/", 2)[2]


def part_of(path: str) -> str | None:
    """The part of a joined corpus that a manifest's path lies in; None in any other corpus."""
    return path.split("/", 2)[1] if path.startswith("../") else None


def local_path(name: str, workspace: Path | None = None) -> Path:
    """A file or folder that params.yaml names; it need not exist.

    A relative name is sought in the workspace (default: the current folder), then in the main
    checkout, since a temporary experiment lacks what git ignores.
    """
    path = (workspace or Path()) / Path(name).expanduser()
    if not path.exists():
        with contextlib.suppress(WorkspaceError):
            return main_checkout() / Path(name).expanduser()
    return path


def corpus_variable(name: str) -> str:
    """The environment variable that moves one corpus, such as `MFSN_CORPUS_RAVDESS`."""
    return "MFSN_CORPUS_" + "".join(c if c.isalnum() else "_" for c in name.upper())


NOTHING = "{}\n"
"""The digest of an extractor whose rows the system does not read."""


def names_rows(digest: Path) -> bool:
    """Whether a digest, or another list of rows, names any: it is there and is not `NOTHING`."""
    return digest.is_file() and digest.stat().st_size > len(NOTHING)


def extracted_in(features: Path) -> list[str]:
    """Extractors whose digests name rows, sorted.

    Args:
        features: a folder of digests.
    """
    return sorted(path.stem for path in features.glob("*.json") if names_rows(path))


@dataclass(frozen=True)
class Outputs:
    """The paths of all stage outputs of one corpus and experiment; mirrors dvc.yaml."""

    workspace: Path
    corpus: str
    experiment: str

    @property
    def prepared(self) -> Path:
        """Folder of what depends on the corpus alone."""
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
        """The digest of an extractor: segment id to row key (written by `extract@NAME`).

        It is `NOTHING` where nothing was extracted, because the system does not read it.
        """
        return self.features / f"{extractor}.json"

    @property
    def features(self) -> Path:
        """Folder of the digests."""
        return self.prepared / "features"

    @property
    def extracted(self) -> list[str]:
        """Extractors whose digests name rows, sorted."""
        return extracted_in(self.features)

    @property
    def results(self) -> Path:
        """Folder of what depends on the experiment."""
        return self.workspace / "data" / "results" / self.corpus / self.experiment

    @property
    def search(self) -> Path:
        """Genotypes and, where the search trains the network, its weights (written by `search`)."""
        return self.results / "search"

    @property
    def models(self) -> Path:
        """Trained models and learning curves, one folder a fold and seed (written by `train`)."""
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
        """All scores: over folds, pooled, per fold, seed and rule (written by `evaluate`)."""
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
