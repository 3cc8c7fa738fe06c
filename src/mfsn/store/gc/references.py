"""What needs rows of the store: working trees, running and queued jobs, git history.

Whatever cannot be read keeps more than it may need, and says so: the directories that it can have
named, whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfsn.base import files
from mfsn.errors import CacheError, MfsnError
from mfsn.store import layout as layouts
from mfsn.store.gc.candidates import fitting, known
from mfsn.store.gc.dvc import (
    Output,
    cache_folder,
    content,
    digests_of,
    extractor_named_by,
    is_readable,
    outputs_in,
    run_cache,
)
from mfsn.store.gc.git_history import Commit, commits
from mfsn.store.gc.running import jobs, running_stage, sections_asked
from mfsn.store.layout import Layout
from mfsn.store.owners import Owner, forgotten, owners, rows_named

Keys = frozenset[str] | None
"""Row keys; None is every row of the directory."""

WORKING_TREE = "working tree"
JOB = "running job"
NOTE = "note"


@dataclass(frozen=True)
class Reference:
    """Something that needs rows of one store directory."""

    checkout: str
    source: str
    """Where the need comes from, for people: `working tree`, `refs/heads/main`, `running job`."""
    digest: str
    """The digest, relative to its workspace."""
    store: str
    """The directory below the store root."""
    keys: Keys
    in_use: bool = False
    """Named by a workspace where somebody works or a job runs now."""

    @property
    def is_of_workspace(self) -> bool:
        """Named by files that lie in a folder, not by what git or DVC can go back to."""
        return self.source in (WORKING_TREE, JOB, NOTE)


@dataclass(frozen=True)
class Scope:
    """How far references are followed."""

    whole_history: bool = False
    """Every ancestor of a branch, tag or experiment counts, not only these commits."""
    run_cache: bool = False
    """What DVC's run-cache can bring back counts too."""
    forgotten: tuple[str, ...] = ()
    """Checkouts that own nothing any more, whatever their notes say."""


class References:
    """Finds everything that needs rows of a store.

    Args:
        store_root: root of the feature cache.
        current: the main checkout of the present workspace, registered or not; None for none.
        scope: how far to look.
        before: experiments that no process runs, and that were last written to before this moment
            (seconds since the epoch), are dead.

    Attributes:
        remarks: sentences about what could not be read, filled while iterating.
    """

    def __init__(self, store_root: Path, current: Path | None, scope: Scope, before: float) -> None:
        self.remarks: list[str] = []
        self._before = before
        self._root = store_root
        self._current = str(current.resolve()) if current else None
        self._scope = scope
        self._owners = [o for o in owners(store_root) if o.checkout not in scope.forgotten]
        self._read: dict[str, tuple[str, frozenset[str]]] = {}
        self._forgotten: set[Path] = set()

    @property
    def gone(self) -> list[str]:
        """Checkouts that are gone from the disk, sorted."""
        left = {owner.checkout for owner in self._owners if owner.presence != "gone"}
        return sorted({owner.checkout for owner in self._owners} - left)

    @property
    def checkouts(self) -> list[Path]:
        """The checkouts that are there, sorted."""
        there = {owner.checkout for owner in self._owners if owner.presence == "there"}
        here = {self._current} if self._current else set()
        return sorted(Path(name) for name in there | here)

    @property
    def stale(self) -> list[Path]:
        """Copies of forgotten digests that are old, and that nothing followed so far names, sorted.

        DVC's cache may hold their content again, as it does once the rows were computed again.
        """
        copies = files.stats(forgotten(self._root).glob("*"))
        old = {path for path, status in copies if status.st_mtime < self._before}
        return sorted(old - self._forgotten)

    def __iter__(self) -> Iterator[Reference]:
        """All references; one digest may be named by many."""
        for name in sorted({o.checkout for o in self._owners if o.presence != "there"}):
            yield from self._absent(name)
        for checkout in self.checkouts:
            yield from self._present(checkout)

    def content(self, checkout: Path, output: Output) -> tuple[str, frozenset[str]]:
        """The directory and rows that a digest of an earlier run names.

        Raises:
            MfsnError: if DVC's cache lacks it, or it cannot be read.
        """
        if output.md5 not in self._read:
            path = content(cache_folder(checkout), output.md5)
            if not path.is_file():
                path = forgotten(self._root) / output.md5
                self._forgotten.add(path)
            store, keys = rows_named(path, output.extractor, self._root)
            self._read[output.md5] = store, frozenset(keys)
        return self._read[output.md5]

    def _present(self, checkout: Path) -> Iterator[Reference]:
        if not is_readable(checkout):
            self.remarks.append(
                f"{checkout} cannot be read by this user; all rows that its notes name are spared"
            )
            yield from self._noted([o for o in self._owners if o.checkout == str(checkout)])
            return
        yield from self._of_workspace(checkout, checkout, WORKING_TREE)
        for job in jobs(checkout):
            self.remarks.append(job.remark(self._before))
            if job.is_spared(self._before):
                yield from self._of_workspace(job.workspace, checkout, JOB)
        yield from self._of_git(checkout)

    def _absent(self, checkout: str) -> Iterator[Reference]:
        noted = [owner for owner in self._owners if owner.checkout == checkout]
        if checkout in self.gone:
            self.remarks.append(f"{checkout} is gone from the disk; it owns nothing any more")
            return
        self.remarks.append(
            f"{checkout} cannot be reached from here; all rows of its {len(noted)} notes are "
            f"spared; if it is gone for good: `mfsn cache gc --forget {checkout}`"
        )
        yield from self._noted(noted)

    def _noted(self, noted: list[Owner]) -> Iterator[Reference]:
        for owner in noted:
            yield Reference(owner.checkout, NOTE, owner.digest, owner.store, None)

    def _of_workspace(self, workspace: Path, checkout: Path, source: str) -> Iterator[Reference]:
        at_work = workspace != checkout or running_stage(checkout) is not None
        in_use = at_work or str(checkout) == self._current
        if at_work:  # DVC removed the digest of a stage that runs; it is written at its end
            yield from self._of_stage(workspace, checkout)
        for path in digests_of(workspace):
            name = path.relative_to(workspace).as_posix()
            try:
                store, keys = rows_named(path, extractor_named_by(name), self._root)
            except (MfsnError, OSError) as error:
                self.remarks.append(f"{error}; until then all rows of this extractor are spared")
                for layout in known(self._root, extractor_named_by(name)):
                    yield _whole(checkout, source, name, layout, in_use)
            else:
                yield Reference(str(checkout), source, name, store, frozenset(keys), in_use)

    def _of_git(self, checkout: Path) -> Iterator[Reference]:
        try:
            found = list(commits(checkout, self._scope.whole_history))
            named = [outputs_in(commit.lock) for commit in found]
        except CacheError as error:
            self.remarks.append(f"{error}; all rows that its notes name are spared")
            yield from self._noted([o for o in self._owners if o.checkout == str(checkout)])
            return
        for commit, outputs in zip(found, named, strict=True):
            for output in outputs:
                yield from self._of_output(checkout, commit.names[0], output)
            yield from self._of_queue(checkout, commit)
        if self._scope.run_cache:
            for entry in run_cache(cache_folder(checkout)):
                for output in entry.outputs:
                    yield from self._of_output(checkout, "run-cache", output)

    def _of_output(self, checkout: Path, source: str, output: Output) -> Iterator[Reference]:
        try:
            store, keys = self.content(checkout, output)
        except (MfsnError, OSError):
            possible = fitting(self._root, output.extractor, output.params)
            possible = possible or known(self._root, output.extractor)
            if possible:
                named = ", ".join(layout.spec.directory for layout in possible)
                self._remark_once(
                    f"{checkout}: {output.path} of {source} is not in DVC's cache; everything that "
                    f"it can have named is spared ({named}); `dvc fetch -aT` brings it back"
                )
            for layout in possible:
                yield _whole(checkout, source, output.path, layout)
        else:
            yield Reference(str(checkout), source, output.path, store, keys)

    def _of_stage(self, workspace: Path, checkout: Path) -> Iterator[Reference]:
        asked = sections_asked(workspace)
        if asked is None:
            self.remarks.append(
                f"{workspace}/params.yaml cannot be read, and a stage may run there: all rows are "
                "spared until it is mended"
            )
        yield from self._asked_for(checkout, "running stage", asked)

    def _of_queue(self, checkout: Path, commit: Commit) -> Iterator[Reference]:
        if commit.queued is not None:
            yield from self._asked_for(checkout, "queued experiment", commit.queued)

    def _asked_for(
        self, checkout: Path, source: str, params: Mapping[str, Any] | None
    ) -> Iterator[Reference]:
        """Rows that will be found by these parameters, or by any, whichever are needed."""
        extractors = {path.parent.name for path in layouts.directories(self._root)}
        for extractor in sorted(extractors):
            for layout in fitting(self._root, extractor, params):
                yield _whole(checkout, source, "", layout, in_use=True)

    def _remark_once(self, sentence: str) -> None:
        if sentence not in self.remarks:
            self.remarks.append(sentence)


def _whole(
    checkout: Path, source: str, digest: str, layout: Layout, in_use: bool = False
) -> Reference:
    return Reference(str(checkout), source, digest, layout.spec.directory, None, in_use)
