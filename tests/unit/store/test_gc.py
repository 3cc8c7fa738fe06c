"""Garbage collection of a store, in checkouts made by hand: git, a dvc.lock, DVC's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mfsn.base.files import read_json, write_json
from mfsn.cli import main
from mfsn.errors import MissingRowError, StoreBusyError
from mfsn.manifest import SEGMENTS, write_table
from mfsn.store import marker
from mfsn.store.digest import Digest
from mfsn.store.gc.gc import carry_out, make_plan
from mfsn.store.gc.plan import DirectoryPlan, Plan, Wish
from mfsn.store.layout import Layout
from mfsn.store.lock import exclusive
from mfsn.store.owners import owners, register_owner
from mfsn.store.reader import FeatureReader
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.store.upkeep.listing import list_store
from mfsn.store.upkeep.verify import verify
from mfsn.store.writer import add_shard
from mfsn.workspace import NOTHING

LONG_AGO = time.time() - 100 * 86400
FEATURES = "data/prepared/toy/features"


def spec(coefficients: int = 40, width: int = 4) -> StoreSpec:
    """The identity of a small extractor `mfcc`."""
    parameters = {"coefficients": coefficients}
    recipe = {"extractor": "mfcc", "version": 1, "parameters": parameters, "segment": {}}
    return StoreSpec("mfcc", recipe, (ArraySpec("mfcc", (width,), "float32", ("frame",)),))


def key(of: StoreSpec, row: int) -> str:
    return of.row_key(f"audio-{row}", 0)


def fill(root: Path, wanted: StoreSpec, rows: range, age_s: float = 100 * 86400) -> Store:
    """Commit rows as one shard; row r holds the value r."""
    store = Store(root, wanted)
    values = np.repeat(np.arange(rows.start, rows.stop, dtype=np.float32)[:, None], 4, axis=1)
    about = {"config": dict(wanted.recipe["parameters"]), "weights": "none"}
    with store.writer(about) as writer:
        writer.append([key(wanted, row) for row in rows], {"mfcc": values})
    for path in store.path.rglob("*"):
        if path.stat().st_mtime > time.time() - 3600:
            os.utime(path, (time.time() - age_s,) * 2)
    return store


@dataclass
class Checkout:
    """A checkout whose stages nobody runs: its outputs are written by hand."""

    root: Path
    store: Path
    lock: dict[str, Any] = field(default_factory=lambda: {"schema": "2.0", "stages": {}})

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.root, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.strip()

    def name_rows(self, wanted: StoreSpec, rows: range, registered: bool = True) -> Path:
        """Let the working tree's digest, dvc.lock and DVC's cache name rows."""
        path = self.root / FEATURES / "mfcc.json"
        Digest.of(wanted, {}, {f"u{row}#0": key(wanted, row) for row in rows}).write(path)
        out = {"path": f"{FEATURES}/mfcc.json", "md5": self.cache(path)}
        stage = {"cmd": "extract", "outs": [out]}
        self.lock["stages"]["extract@mfcc"] = stage
        (self.root / "dvc.lock").write_text(yaml.safe_dump(self.lock))
        if registered:
            digest = path.relative_to(self.root)
            register_owner(self.store, self.root, digest, wanted.directory)
        return path

    def cache(self, path: Path) -> str:
        md5 = hashlib.md5(path.read_bytes()).hexdigest()
        kept = self.cached(md5)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, kept)
        return md5

    def cached(self, md5: str) -> Path:
        return self.root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-qm", "state")
        return self.git("rev-parse", "HEAD")


def new_checkout(folder: Path, store: Path) -> Checkout:
    folder.mkdir(parents=True)
    (folder / ".dvc").mkdir()
    for name, text in {
        "dvc.yaml": "# extract runs stages/extract.py ${item.extractor}\nstages: {}\n",
        "params.yaml": "mfcc: {coefficients: 40}\n",
        ".gitignore": "/data/\n/.dvc/cache/\n/.dvc/tmp/\n",
        ".dvc/config": "",
    }.items():
        (folder / name).write_text(text)
    made = Checkout(folder, store)
    made.git("init", "-q", "-b", "main")
    made.commit()
    return made


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def here(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """The checkout that a command runs in."""
    made = new_checkout(tmp_path / "here", store)
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("MFSN_STORE", str(store))
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("MFSN_STORE_BUDGET", raising=False)
    return made


def collect(store: Path, here: Checkout | None, **wishes: Any) -> Plan:
    """Carry out a plan; nothing must stay that was to go."""
    plan = make_plan(store, here.root if here else None, Wish(**wishes))
    assert carry_out(plan) == []
    return plan


def there(store: Path, wanted: StoreSpec) -> set[str]:
    return set(Store(store, wanted).committed())


def keys(wanted: StoreSpec, rows: range) -> set[str]:
    return {key(wanted, row) for row in rows}


def rows_in(plan: DirectoryPlan, numbers: frozenset[int]) -> int:
    return sum(shard.rows for shard in plan.shards if shard.number in numbers)


def age(path: Path, days: float) -> None:
    os.utime(path, (time.time() - days * 86400,) * 2)


def test_a_plan_changes_nothing_and_says_what_would_go(here: Checkout, store: Path) -> None:
    fill(store, spec(20), range(8))
    plan = make_plan(store, here.root, Wish())
    (directory,) = plan.directories
    assert (rows_in(directory, directory.unused), directory.evicted) == (8, frozenset())
    assert plan.freed == plan.bytes == directory.bytes > 0
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_rows_that_nothing_names_go_and_their_directory_with_them(
    here: Checkout, store: Path
) -> None:
    fill(store, spec(20), range(8))
    fill(store, spec(), range(8))
    here.name_rows(spec(), range(8))
    collect(store, here)
    assert there(store, spec()) == keys(spec(), range(8))
    assert not (store / spec(20).directory).exists()


def test_rows_stay_until_nobody_used_them_for_long(here: Checkout, store: Path) -> None:
    fill(store, spec(20), range(8), age_s=3600)
    collect(store, here, unused_s=2 * 3600, grace_s=0)
    collect(store, here, unused_s=0, grace_s=2 * 3600)
    assert there(store, spec(20)) == keys(spec(20), range(8))
    collect(store, here, unused_s=1800, grace_s=1800)
    assert there(store, spec(20)) == set()


def test_reading_is_use_of_the_shards_that_are_read_and_of_no_others(
    here: Checkout, store: Path
) -> None:
    """An experiment in a temporary folder reads rows that no ref names yet."""
    for rows in (range(8), range(8, 16)):
        made = fill(store, spec(20), rows)
    digest = here.name_rows(spec(20), range(8))
    (here.root / "dvc.lock").unlink()
    FeatureReader.open(digest, store)
    digest.unlink()
    collect(store, here)
    assert there(store, spec(20)) == keys(spec(20), range(8))
    (used,) = (made.path / ".used").iterdir()
    age(used, 100)
    collect(store, here)
    assert there(store, spec(20)) == set()


def test_a_reader_that_reads_for_days_is_in_use_all_the_time(
    here: Checkout, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fill(store, spec(20), range(8))
    reader = FeatureReader.open(here.name_rows(spec(20), range(8)), store)
    (used,) = (made.path / ".used").iterdir()
    age(used, 100)
    reader.read(["u0#0"])
    assert used.stat().st_mtime < time.time() - 3600  # not at every read
    later = time.monotonic() + 2 * 3600
    monkeypatch.setattr(time, "monotonic", lambda: later)
    reader.read(["u0#0"])
    assert used.stat().st_mtime > time.time() - 3600


def test_a_store_that_cannot_be_written_is_read_without_a_note(
    here: Checkout, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fill(store, spec(20), range(8))
    digest = here.name_rows(spec(20), range(8))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    reader = FeatureReader.open(digest, store)
    assert reader.read(["u3#0"])["mfcc"][0, 0] == 3
    assert not (made.path / ".used").exists()


@pytest.mark.parametrize("ref", ["branch", "tag", "annotated tag", "experiment", "stash"])
def test_what_git_can_go_back_to_stays(here: Checkout, store: Path, ref: str) -> None:
    fill(store, spec(20), range(8))
    here.name_rows(spec(20), range(8), registered=False)
    make_ref(here, ref)
    here.name_rows(spec(), range(8))  # the working tree moved on
    collect(store, here)
    assert there(store, spec(20)) == keys(spec(20), range(8))


def make_ref(checkout: Checkout, kind: str) -> None:
    """Leave dvc.lock of the working tree behind a ref, and main as it was before."""
    if kind == "stash":
        checkout.git("add", "-A")
        checkout.git("stash", "push", "-q")
        return
    before = checkout.git("rev-parse", "HEAD")
    commit = checkout.commit()
    names = {
        "branch": ["branch", "other"],
        "tag": ["tag", "v1"],
        "annotated tag": ["tag", "-a", "-m", "version", "v1"],
        "experiment": ["update-ref", "refs/exps/ab/cdef/tried", commit],
    }
    checkout.git(*names[kind])
    checkout.git("reset", "-q", "--hard", before)


def test_a_ref_whose_name_is_not_utf8_is_read_and_printed(
    here: Checkout, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store, spec(20), range(8))
    here.name_rows(spec(20), range(8))
    name, sha = b"refs/heads/caf\xe9\xc2\xa0x\xe2\x80\xa8y", here.commit().encode()
    subprocess.run([b"git", b"update-ref", name, sha], cwd=here.root, check=True)
    here.git("checkout", "-q", "--detach", "HEAD~1")
    here.git("branch", "-D", "main")
    here.name_rows(spec(), range(0))
    assert run("cache", "gc") == 0
    assert r"refs/heads/caf\xe9" in capsys.readouterr().out
    collect(store, here)
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_a_commit_without_a_ref_names_nothing(here: Checkout, store: Path) -> None:
    fill(store, spec(20), range(8))
    here.name_rows(spec(20), range(8))
    here.commit()
    here.name_rows(spec(), range(8))
    here.commit()
    collect(store, here)
    assert there(store, spec(20)) == set()


def test_a_stage_that_runs_keeps_the_rows_that_dvc_lock_names(here: Checkout, store: Path) -> None:
    """DVC removes a digest before its stage runs; the stage writes it at its end."""
    fill(store, spec(20), range(8))
    here.name_rows(spec(20), range(8)).unlink()
    collect(store, here)
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_another_checkout_owns_its_rows_until_it_is_gone(
    here: Checkout, store: Path, tmp_path: Path
) -> None:
    fill(store, spec(20), range(8))
    other = new_checkout(tmp_path / "other", store)
    other.name_rows(spec(20), range(8))
    collect(store, here)
    assert there(store, spec(20)) == keys(spec(20), range(8))
    shutil.rmtree(other.root)
    assert collect(store, here).gone == (str(other.root),)
    assert there(store, spec(20)) == set()
    assert list(owners(store)) == []


@pytest.mark.parametrize("lost", [{"host": "elsewhere"}, {"mount": "/no/such/mount"}, {"host": ""}])
def test_a_checkout_that_is_out_of_reach_owns_its_rows_until_it_is_forgotten(
    here: Checkout, store: Path, lost: dict[str, str]
) -> None:
    fill(store, spec(20), range(8))
    register_owner(store, Path("/no/such/mount/other"), Path("d.json"), spec(20).directory)
    (note,) = (store / "owners").glob("*.json")
    write_json(note, read_json(note) | lost)
    plan = collect(store, here)
    assert "mfsn cache gc --forget /no/such/mount/other" in plan.remarks[0]
    assert there(store, spec(20)) == keys(spec(20), range(8))
    collect(store, here, forgotten=("/no/such/mount/other",))
    assert there(store, spec(20)) == set()
    assert list(owners(store)) == []


def test_a_digest_that_dvcs_cache_lacks_is_told_and_its_rows_go_by_age(
    here: Checkout, store: Path
) -> None:
    for coefficients, days in ((20, 100), (30, 2)):
        fill(store, spec(coefficients), range(8), age_s=days * 86400)
    digest = here.name_rows(spec(20), range(8), registered=False)
    make_ref(here, "branch")
    digest.unlink()
    shutil.rmtree(here.root / ".dvc" / "cache")
    (remark,) = collect(store, here).remarks
    assert f"DVC's cache lacks {FEATURES}/mfcc.json of refs/heads/other" in remark
    assert "`dvc fetch -aT`" in remark
    assert there(store, spec(20)) == set()
    assert there(store, spec(30)) == keys(spec(30), range(8))


def test_a_digest_that_one_dvc_cache_lacks_is_read_from_the_cache_of_another_checkout(
    here: Checkout, store: Path, tmp_path: Path
) -> None:
    fill(store, spec(20), range(8))
    other = new_checkout(tmp_path / "z-later", store)
    for checkout in (here, other):
        digest = checkout.name_rows(spec(20), range(8))
        make_ref(checkout, "branch")
        digest.unlink()
    shutil.rmtree(here.root / ".dvc" / "cache")
    (remark,) = collect(store, here).remarks
    assert f"{here.root}: DVC's cache lacks {FEATURES}/mfcc.json" in remark
    assert there(store, spec(20)) == keys(spec(20), range(8))


@pytest.mark.parametrize("ref", [True, False])
def test_a_dvc_cache_that_may_not_be_read_keeps_what_the_checkout_registered(
    here: Checkout, store: Path, ref: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for coefficients in (20, 30):
        fill(store, spec(coefficients), range(8))
    digest = here.name_rows(spec(20), range(8))
    hidden = here.cached(hashlib.md5(digest.read_bytes()).hexdigest())
    digest.unlink()
    if ref:
        make_ref(here, "branch")
    hide(hidden, monkeypatch)
    (remark,) = collect(store, here).remarks
    assert "in DVC's cache, which cannot be read" in remark
    assert "all rows that it registered are kept" in remark
    assert there(store, spec(20)) == keys(spec(20), range(8))
    assert there(store, spec(30)) == set()


def test_a_digest_that_may_not_be_read_keeps_what_the_checkout_registered(
    here: Checkout, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC may link it to a cache that belongs to somebody else."""
    fill(store, spec(20), range(8))
    hide(here.name_rows(spec(20), range(8)), monkeypatch)
    (here.root / "dvc.lock").unlink()
    (remark,) = collect(store, here).remarks
    assert "has files that cannot be read" in remark
    assert there(store, spec(20)) == keys(spec(20), range(8))


def hide(hidden: Path, patch: pytest.MonkeyPatch) -> None:
    """Let nobody look at a file; tests may run as root, who may look at all of them."""
    stat = Path.stat

    def refuse(path: Path, **options: bool) -> os.stat_result:
        if path == hidden:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    patch.setattr(Path, "stat", refuse)


def test_a_history_that_cannot_be_read_keeps_what_the_checkout_registered(
    here: Checkout, store: Path
) -> None:
    fill(store, spec(20), range(8))
    here.name_rows(spec(20), range(8)).unlink()
    (here.root / "dvc.lock").unlink()
    (here.root / ".git" / "HEAD").write_text("nothing")
    plan = collect(store, here)
    assert "its history cannot be read" in plan.remarks[0]
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_a_checkout_that_may_not_be_read_keeps_what_it_registered(
    here: Checkout, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, spec(20), range(8))
    other = new_checkout(tmp_path / "other", store)
    digest = other.name_rows(spec(20), range(8))
    (other.root / "dvc.lock").unlink()
    shutil.rmtree(digest.parent)  # unseen, as it is to a user without the right to look
    hidden = digest.parents[1]
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != hidden)
    plan = collect(store, here)
    assert f"{other.root} cannot be read by this user" in plan.remarks[0]
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_a_checkout_below_a_larger_repository_is_found_in_its_history(
    here: Checkout, store: Path, tmp_path: Path
) -> None:
    fill(store, spec(20), range(8))
    inner = Checkout(here.root / "projects" / "emotions", store)
    shutil.copytree(here.root / ".dvc", inner.root / ".dvc")
    inner.name_rows(spec(20), range(8), registered=False).unlink()
    here.commit()
    (inner.root / "dvc.lock").unlink()
    plan = make_plan(store, inner.root, Wish())
    assert (plan.freed, len(plan.directories[0].shards[0].named)) == (0, 8)


def test_a_cache_that_dvc_keeps_elsewhere_is_found(
    here: Checkout, store: Path, tmp_path: Path
) -> None:
    fill(store, spec(20), range(8))
    here.name_rows(spec(20), range(8), registered=False)
    make_ref(here, "branch")
    shutil.move(here.root / ".dvc" / "cache", tmp_path / "shared")
    (here.root / ".dvc" / "config").write_text("[cache]\n    dir = ../../shared\n")
    assert collect(store, here).remarks == ()
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_the_segment_table_keeps_its_waves(here: Checkout, store: Path) -> None:
    arrays = (ArraySpec("wave", (2,), "int16", ("sample",)),)
    waves = StoreSpec("waveform", {"version": 1, "segment": {"duration_s": 3.0}}, arrays)
    rows = [(f"u{r}#0", f"u{r}", 0, 0, 2, 0, f"audio-{r}", key(waves, r)) for r in range(4)]
    with Store(store, waves).writer() as writer:
        writer.append([key(waves, row) for row in range(8)], {"wave": np.zeros((8, 2), np.int16)})
    table = here.root / "data" / "prepared" / "toy" / "segments.parquet"
    write_table(table, pd.DataFrame(rows, columns=SEGMENTS.names), SEGMENTS)
    collect(store, here, grace_s=0, compact=True)
    assert there(store, waves) == keys(waves, range(4))


@pytest.mark.parametrize("content", ["{ broken", NOTHING])
def test_a_digest_that_names_nothing_keeps_nothing_but_what_dvc_lock_names(
    here: Checkout, store: Path, content: str
) -> None:
    """It is damaged, or empty because the system does not read its rows."""
    for coefficients in (20, 30):
        fill(store, spec(coefficients), range(8))
    here.name_rows(spec(20), range(8)).write_text(content)
    plan = collect(store, here)
    assert ["go by age" in remark for remark in plan.remarks] == [True] * (content != NOTHING)
    assert there(store, spec(20)) == keys(spec(20), range(8))
    assert there(store, spec(30)) == set()


def unread(here: Checkout, store: Path) -> Path:
    """Rows of 20 coefficients, then of 30, of which a system reads nothing any more; its digest."""
    for coefficients, days in ((20, 2), (30, 1)):
        fill(store, spec(coefficients), range(8))
        digest = here.name_rows(spec(coefficients), range(8))
        for note in (store / "owners").iterdir():
            if read_json(note)["store"] == spec(coefficients).directory:
                age(note, days)
    digest.write_text(NOTHING)
    (here.root / "dvc.lock").unlink()
    return digest


def test_rows_of_an_earlier_system_stay(here: Checkout, store: Path) -> None:
    unread(here, store)
    plan = collect(store, here)
    assert plan.remarks == ()
    assert there(store, spec(30)) == keys(spec(30), range(8))
    assert there(store, spec(20)) == set()


def test_of_an_earlier_system_those_stay_that_were_read_last(here: Checkout, store: Path) -> None:
    """Their note is older, as the coefficients were changed and changed back."""
    digest = unread(here, store)
    FeatureReader.open(here.name_rows(spec(20), range(8), registered=False), store)
    digest.write_text(NOTHING)
    (here.root / "dvc.lock").unlink()
    for path in store.glob("mfcc/*/.used/*"):
        age(path, 100)
    collect(store, here)
    assert there(store, spec(20)) == keys(spec(20), range(8))
    assert there(store, spec(30)) == set()


def test_a_budget_deletes_rows_of_an_earlier_system_and_says_so(
    here: Checkout, store: Path
) -> None:
    unread(here, store)
    plan = collect(store, here, budget=1)
    assert plan.is_within_budget
    (loss,) = plan.losses()
    assert f"8 rows named by an earlier system of {here.root}; `dvc repro` there" in loss
    assert there(store, spec(30)) == set()


def test_a_digest_that_is_gone_has_no_earlier_system(here: Checkout, store: Path) -> None:
    unread(here, store).unlink()
    collect(store, here)
    assert there(store, spec(30)) == set()


def test_a_dvc_lock_of_another_layout_is_told(here: Checkout, store: Path) -> None:
    fill(store, spec(), range(4))
    here.name_rows(spec(), range(4))
    (here.root / "dvc.lock").write_text("stages: [1, 2]")
    here.commit()
    told = collect(store, here).remarks
    assert len(told) == 2  # the working tree's and main's
    assert all("this dvc.lock is not one that DVC wrote" in remark for remark in told)
    assert there(store, spec()) == keys(spec(), range(4))


def test_a_shard_of_which_little_is_named_is_written_anew(here: Checkout, store: Path) -> None:
    kept = fill(store, spec(), range(8))
    here.name_rows(spec(), range(2, 5))
    before = sum(path.stat().st_size for path in kept.path.glob("mfcc/c.*"))
    plan = collect(store, here)
    assert there(store, spec()) == keys(spec(), range(2, 5))
    rows = Store(store, spec()).read([key(spec(), row) for row in (4, 2, 3)])["mfcc"]
    np.testing.assert_array_equal(rows[:, 0], [4, 2, 3])
    after = sum(path.stat().st_size for path in kept.path.glob("mfcc/c.*"))
    assert before - after == plan.freed
    assert verify(store).is_sound


def test_a_shard_of_which_most_is_named_waits_for_compact(here: Checkout, store: Path) -> None:
    fill(store, spec(), range(8))
    here.name_rows(spec(), range(6))
    assert collect(store, here).freed == 0
    assert there(store, spec()) == keys(spec(), range(8))
    assert collect(store, here, compact=True).freed > 0
    assert there(store, spec()) == keys(spec(), range(6))


def test_compact_puts_small_shards_together_once(here: Checkout, store: Path) -> None:
    for first in (0, 3, 6):
        kept = fill(store, spec(), range(first, first + 3))
    here.name_rows(spec(), range(9))
    collect(store, here)
    assert len(list(kept.path.glob("commits/*"))) == 3
    collect(store, here, compact=True)
    (marker,) = kept.path.glob("commits/*")
    rows = Store(store, spec()).read([key(spec(), row) for row in range(9)])["mfcc"]
    np.testing.assert_array_equal(rows[:, 0], range(9))
    age(marker, 100)
    collect(store, here, compact=True)
    assert list(kept.path.glob("commits/*")) == [marker]
    assert verify(store).is_sound


def test_a_kill_between_the_new_shard_and_the_old_one_loses_nothing(
    here: Checkout, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, spec(), range(8))
    here.name_rows(spec(), range(3))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("mfsn.store.marker.drop", killed)
        collect(store, here)
    assert there(store, spec()) == keys(spec(), range(8))
    collect(store, here)
    assert there(store, spec()) == keys(spec(), range(3))
    assert sum(entry.rows for entry in list_store(store)) == 3
    rows = Store(store, spec()).read([key(spec(), row) for row in range(3)])["mfcc"]
    np.testing.assert_array_equal(rows[:, 0], range(3))


def test_a_damaged_row_is_not_written_anew(here: Checkout, store: Path) -> None:
    kept = fill(store, spec(), range(8))
    here.name_rows(spec(), range(3))
    shard = kept.path / "mfcc" / "c.0.0"
    content = bytearray(shard.read_bytes())
    content[3] ^= 1
    shard.write_bytes(content)
    (left,) = carry_out(make_plan(store, here.root, Wish()))
    assert left.startswith(f"{spec().directory} stays: ")
    assert "verify --repair" in left
    assert there(store, spec()) == keys(spec(), range(8))


def test_a_directory_that_is_written_to_stays_and_is_named(here: Checkout, store: Path) -> None:
    fill(store, spec(20), range(8))
    plan = make_plan(store, here.root, Wish())
    with exclusive(store / spec(20).directory):
        (left,) = carry_out(plan)
    assert left.startswith(f"{spec(20).directory} stays: ")
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_rows_that_came_or_were_read_after_the_plan_stay(here: Checkout, store: Path) -> None:
    for rows in (range(8), range(8, 16)):
        fill(store, spec(20), rows)
    digest = here.name_rows(spec(20), range(8))
    (here.root / "dvc.lock").unlink()
    moved = digest.rename(here.root / "mfcc.json")
    plan = make_plan(store, here.root, Wish())
    fill(store, spec(20), range(16, 20), age_s=0)
    FeatureReader.open(moved, store)
    assert carry_out(plan) == []
    assert there(store, spec(20)) == keys(spec(20), range(8)) | keys(spec(20), range(16, 20))


def test_rows_that_an_extraction_found_after_the_plan_stay(here: Checkout, store: Path) -> None:
    """No digest names them yet, and only the shards that it found are in use."""
    for rows in (range(8), range(8, 16)):
        fill(store, spec(20), rows)
    plan = make_plan(store, here.root, Wish())
    assert Store(store, spec(20)).claim([key(spec(20), row) for row in (3, 99)]) == [
        key(spec(20), 99)
    ]
    assert carry_out(plan) == []
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_an_extraction_sees_what_was_deleted_before_it_noted_use(
    here: Checkout, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, spec(20), range(8))
    wanted, note_use = list(keys(spec(20), range(8))), Store.note_use

    def collect_first(asked: Store, found: list[str]) -> None:
        collect(store, here)
        note_use(asked, found)

    monkeypatch.setattr(Store, "note_use", collect_first)
    assert Store(store, spec(20)).claim(wanted) == wanted


def test_use_is_looked_at_again_before_each_shard_is_deleted(
    here: Checkout, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rows in (range(8), range(8, 16)):
        fill(store, spec(20), rows)
    drop = marker.drop

    def note_use_of_the_second(layout: Layout, shard: int) -> None:
        Store(store, spec(20)).claim([key(spec(20), 8)])
        drop(layout, shard)

    monkeypatch.setattr(marker, "drop", note_use_of_the_second)
    collect(store, here)
    assert there(store, spec(20)) == keys(spec(20), range(8, 16))


def test_a_shard_that_is_used_while_it_is_written_anew_stays(
    here: Checkout, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, spec(), range(8))
    here.name_rows(spec(), range(3))

    def note_use_first(layout: Layout, some: list[str], rows: Any) -> None:
        Store(store, spec()).claim([key(spec(), 7)])
        add_shard(layout, some, rows)

    monkeypatch.setattr("mfsn.store.gc.compaction.add_shard", note_use_first)
    collect(store, here)
    assert there(store, spec()) == keys(spec(), range(8))


def test_what_a_killed_writer_left_goes_with_the_rows(here: Checkout, store: Path) -> None:
    gone = fill(store, spec(20), range(8))
    staged = gone.path / ".staging" / "of an actor" / "mfcc" / "c.9.0"
    for path in (gone.path / "mfcc" / "c.7.0", gone.path / "mfcc" / ".c.8.0.1.partial", staged):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half a shard")
    collect(store, here)
    assert not gone.path.exists()


def test_rows_that_do_not_count_are_left_to_verify(here: Checkout, store: Path) -> None:
    damaged = fill(store, spec(20), range(8))
    (marker,) = (damaged.path / "commits").iterdir()
    marker.write_text("{}")
    age(marker, 100)
    collect(store, here)
    assert marker.is_file()
    assert (damaged.path / "mfcc" / "c.0.0").is_file()


def test_a_directory_that_cannot_be_read_is_left_alone_and_named(
    here: Checkout, store: Path
) -> None:
    described = fill(store, spec(20), range(8)).path / "zarr.json"
    described.write_text("{")
    (remark,) = collect(store, here).remarks
    assert str(described.parent) in remark
    assert "it is left alone" in remark
    assert described.is_file()


def test_files_that_others_delete_while_gc_looks_are_left_out(
    here: Checkout, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training writes its checkpoints anew, and deletes them, all the time."""
    here.name_rows(spec(), range(4))
    fill(store, spec(), range(4))
    leaving = [store / "runs/train/0123" / name for name in ("work/epoch-1", ".state.1.partial")]
    for path in leaving:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    stat = Path.stat

    def remove_then_stat(path: Path, **options: bool) -> os.stat_result:
        if path in leaving:
            path.unlink(missing_ok=True)
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", remove_then_stat)
    collect(store, here, grace_s=0, unused_s=0)
    assert len(Store(store, spec()).committed()) == 4


def test_old_working_folders_go_and_busy_ones_stay(here: Checkout, store: Path) -> None:
    for name in ("old", "busy", "young"):
        folder = store / "runs" / "train" / name
        folder.mkdir(parents=True)
        for file in (folder / "model.json", folder / ".lock"):
            file.write_text("{}")
            if name != "young":
                age(file, 100)
    plan = make_plan(store, here.root, Wish())
    with exclusive(store / "runs" / "train" / "busy"):
        (left,) = carry_out(plan)
    assert left.startswith("busy stays: ")
    assert sorted(path.name for path in (store / "runs" / "train").iterdir()) == ["busy", "young"]


def test_a_working_folder_that_is_used_after_the_plan_stays(here: Checkout, store: Path) -> None:
    """Its unit was finished before a stage that runs now found it."""
    result = store / "runs" / "train" / "found" / "model.json"
    result.parent.mkdir(parents=True)
    result.write_text("{}")
    age(result, 100)
    plan = make_plan(store, here.root, Wish())
    assert [folder.path for folder in plan.fits] == [result.parent]
    os.utime(result)
    assert carry_out(plan) == []
    assert result.is_file()


@pytest.fixture
def four(here: Checkout, store: Path) -> Checkout:
    """Of 8 rows each: the working tree's, two of branches, and one that nothing names.

    They were used 40, 30, 20 and 10 days ago, the unnamed ones most recently.
    """
    for coefficients, days in ((40, 40), (20, 30), (30, 20), (50, 10)):
        fill(store, spec(coefficients), range(8), age_s=days * 86400)
    for coefficients in (20, 30):
        here.name_rows(spec(coefficients), range(8))
        here.commit()
        here.git("branch", f"with-{coefficients}")
    here.name_rows(spec(40), range(8))
    here.commit()
    return here


def left(store: Path) -> set[int]:
    return {n for n in (20, 30, 40, 50) if there(store, spec(n)) == keys(spec(n), range(8))}


@pytest.mark.parametrize(
    ("directories", "stay"), [(4, {20, 30, 40, 50}), (3, {20, 30, 40}), (2, {30, 40}), (1, {40})]
)
def test_a_budget_deletes_unnamed_rows_first_then_those_of_refs_by_use(
    four: Checkout, store: Path, directories: int, stay: set[int]
) -> None:
    one = make_plan(store, four.root, Wish()).bytes // 4
    plan = collect(store, four, budget=directories * one, unused_s=50 * 86400)
    assert plan.is_within_budget
    assert left(store) == stay


def test_a_budget_leaves_what_working_trees_name_unless_forced(four: Checkout, store: Path) -> None:
    assert not collect(store, four, budget=1).is_within_budget
    assert left(store) == {40}
    said = list(make_plan(store, four.root, Wish(budget=1, force=True)).losses())
    names = f"8 rows named by the working tree of {four.root}; `dvc repro` there computes them"
    assert [names in sentence for sentence in said] == [True, False]  # main names them, too
    assert collect(store, four, budget=1, force=True).is_within_budget
    assert left(store) == set()


def test_a_budget_deletes_nothing_that_was_used_within_the_grace(
    four: Checkout, store: Path
) -> None:
    plan = collect(store, four, budget=1, force=True, grace_s=25 * 86400, unused_s=0)
    assert not plan.is_within_budget
    assert left(store) == {30, 50}


def test_reading_counts_as_use_for_the_budget(four: Checkout, store: Path) -> None:
    FeatureReader.open(four.name_rows(spec(20), range(8)), store)
    four.name_rows(spec(40), range(8))
    one = make_plan(store, four.root, Wish()).bytes // 4
    collect(store, four, budget=2 * one)
    assert left(store) == {20, 40}


def test_a_reader_of_deleted_rows_names_the_command_that_computes_them(
    four: Checkout, store: Path
) -> None:
    collect(store, four, budget=1, force=True)
    with pytest.raises(MissingRowError, match="`dvc repro` computes them"):
        FeatureReader.open(four.root / FEATURES / "mfcc.json", store)


def test_a_reader_follows_rows_to_the_shard_that_was_written_anew(
    here: Checkout, store: Path
) -> None:
    fill(store, spec(), range(8))
    reader = FeatureReader.open(here.name_rows(spec(), range(3)), store)
    reader.read(["u0#0"])
    collect(store, here, grace_s=0, unused_s=0)
    assert there(store, spec()) == keys(spec(), range(3))
    np.testing.assert_array_equal(reader.read(["u2#0"])["mfcc"], [[2, 2, 2, 2]])


def test_a_directory_that_was_removed_is_locked_anew(here: Checkout, store: Path) -> None:
    folder = store / spec(20).directory
    with exclusive(folder):
        shutil.rmtree(folder)
        with exclusive(folder), pytest.raises(StoreBusyError), exclusive(folder):
            pass


def test_the_command_shows_sizes_and_deletes_only_when_told(
    here: Checkout, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store, spec(20), range(8))
    assert run("cache", "gc") == 0
    shown = capsys.readouterr().out
    row = next(line for line in shown.splitlines() if line.startswith(spec(20).directory))
    assert row.split() == [
        spec(20).directory, "8", "8.4", "kB", "0", "8", "0", "8.4", "kB", "nothing",
    ]  # fmt: skip
    assert "nothing was deleted" in shown
    assert there(store, spec(20)) == keys(spec(20), range(8))
    assert run("cache", "gc", "--delete") == 0
    assert "freed" in capsys.readouterr().out
    assert there(store, spec(20)) == set()


def test_a_dry_run_says_what_would_happen_and_a_wet_one_what_happened(
    four: Checkout, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = store / "runs" / "train" / "old"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    age(folder / "model.json", 100)
    wanted = ("cache", "gc", "--budget", "1B", "--force", "--unused", "50d")
    assert run(*wanted) == 0
    dry = capsys.readouterr().out
    assert "to meet the budget, these rows would be deleted:" in dry
    assert f"8 rows named by the working tree of {four.root}" in dry
    assert f"{spec(20).directory}: 8 rows named by refs of {four.root}; `dvc repro` there" in dry
    assert "working folders of search and train: 2 B of the total; 1 unused ones" in dry
    (row,) = [line.split() for line in dry.splitlines() if line.startswith(spec().directory + " ")]
    assert row[4:7] == ["8", "0", "8"]  # named, unused, over budget
    assert run(*wanted, "--delete") == 0
    assert "these rows were deleted:" in capsys.readouterr().out


def test_the_command_takes_its_budget_from_the_environment(
    four: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MFSN_STORE_BUDGET", "1B")
    assert run("cache", "gc") == 1
    assert "more than the budget of 1 B" in capsys.readouterr().out


def test_a_budget_that_is_no_size_is_blamed_on_who_set_it(
    here: Checkout, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MFSN_STORE_BUDGET", "foo")
    assert run("cache", "gc") == 2
    assert "MFSN_STORE_BUDGET foo: it takes a size" in capsys.readouterr().err
    assert run("cache", "gc", "--budget", "bar") == 2
    assert "--budget bar: it takes a size" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--unused", "soon"], "--unused soon: it takes a duration such as 12h, 7d or 0"),
        (["--grace", "soon"], "--grace soon: it takes a duration such as 12h, 7d or 0"),
        (["--budget", "much"], "--budget much: it takes a size such as 500MB"),
        (["--forget", "/nowhere"], "--forget /nowhere: no such checkout is registered"),
    ],
)
def test_wrong_options_are_one_sentence(
    here: Checkout, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run("cache", "gc", *arguments) == 2
    assert message in capsys.readouterr().err


def run(*arguments: str) -> object:
    """Run the command line; its exit status."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return left.value.code or 0
