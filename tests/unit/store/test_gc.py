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
from mfsn.store.digest import Digest
from mfsn.store.gc.gc import carry_out, make_plan
from mfsn.store.gc.git_history import QUEUE
from mfsn.store.gc.plan import Plan, Wish
from mfsn.store.gc.references import Scope
from mfsn.store.lock import exclusive
from mfsn.store.owners import forgotten, owners, register_owner
from mfsn.store.reader import FeatureReader
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.store.upkeep.listing import list_store
from mfsn.store.upkeep.verify import verify

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
        params = {"mfcc": dict(wanted.recipe["parameters"])}
        stage = {"cmd": "extract", "params": {"params.yaml": params}, "outs": [out]}
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

    def remember_run(self) -> Path:
        """What DVC's run-cache keeps of the extract stage as it stands in dvc.lock."""
        path = self.root / ".dvc" / "cache" / "runs" / "ab" / "abcd" / "ef01"
        path.parent.mkdir(parents=True)
        path.write_text(yaml.safe_dump(self.lock["stages"]["extract@mfcc"], sort_keys=False))
        return path


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
    """Carry out a plan; nothing must be left."""
    plan = make_plan(store, here.root if here else None, Wish(**wishes))
    assert carry_out(plan) == []
    return plan


def there(store: Path, wanted: StoreSpec) -> set[str]:
    return set(Store(store, wanted).committed())


def keys(wanted: StoreSpec, rows: range) -> set[str]:
    return {key(wanted, row) for row in rows}


def test_a_plan_changes_nothing_and_says_what_would_go(here: Checkout, store: Path) -> None:
    fill(store, spec(20), range(8))
    plan = make_plan(store, here.root, Wish())
    (directory,) = plan.directories
    assert (directory.needed, len(directory.unneeded), directory.vanishes) == (0, 8, True)
    assert plan.freed == plan.bytes == directory.contents.bytes > 0
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_rows_that_nothing_needs_go_and_their_directory_with_them(
    here: Checkout, store: Path
) -> None:
    fill(store, spec(20), range(8))
    fill(store, spec(), range(8))
    here.name_rows(spec(), range(8))
    collect(store, here)
    assert there(store, spec()) == keys(spec(), range(8))
    assert not (store / spec(20).directory).exists()


def test_young_rows_are_spared(here: Checkout, store: Path) -> None:
    fill(store, spec(20), range(8), age_s=3600)
    collect(store, here, grace_s=2 * 3600)
    assert there(store, spec(20)) == keys(spec(20), range(8))
    collect(store, here, grace_s=1800)
    assert there(store, spec(20)) == set()


@pytest.mark.parametrize("ref", ["branch", "tag", "annotated tag", "experiment", "stash"])
def test_what_git_can_go_back_to_is_spared(here: Checkout, store: Path, ref: str) -> None:
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


def test_a_commit_without_a_ref_needs_nothing_unless_asked(here: Checkout, store: Path) -> None:
    fill(store, spec(20), range(8))
    here.name_rows(spec(20), range(8))
    here.commit()
    here.name_rows(spec(), range(8))
    here.commit()
    collect(store, here, scope=Scope(whole_history=True))
    assert there(store, spec(20)) == keys(spec(20), range(8))
    collect(store, here)
    assert there(store, spec(20)) == set()


@pytest.fixture
def job(here: Checkout, store: Path) -> Path:
    """The folder of an experiment that names rows, left long ago."""
    fill(store, spec(20), range(8))
    workspace = here.root / ".dvc" / "tmp" / "exps" / "standalone" / "tmp1"
    digest = here.name_rows(spec(20), range(8), registered=False)
    (workspace / FEATURES).mkdir(parents=True)
    (workspace / "dvc.yaml").write_text("stages: {}\n")
    shutil.move(digest, workspace / FEATURES / digest.name)
    (here.root / "dvc.lock").unlink()
    for file in (workspace / "dvc.yaml", workspace / FEATURES / digest.name):
        os.utime(file, (LONG_AGO, LONG_AGO))
    return workspace


def test_a_job_is_spared_while_a_process_works_in_its_folder(
    here: Checkout, store: Path, job: Path
) -> None:
    command = ["sleep", "60"]
    with subprocess.Popen(command, cwd=job / "data") as process:
        plan = collect(store, here)
        process.kill()
    assert plan.remarks == (f"{job}: an experiment runs there (process {process.pid}): spared",)
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_a_job_is_spared_while_dvc_holds_its_files(here: Checkout, store: Path, job: Path) -> None:
    write_json(job / ".dvc/tmp/rwlock", {"write": {"x": {"pid": os.getpid(), "cmd": "python"}}})
    os.utime(job / ".dvc/tmp/rwlock", (LONG_AGO, LONG_AGO))
    collect(store, here)
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_a_job_that_was_written_to_within_the_grace_is_spared_and_named(
    here: Checkout, store: Path, job: Path
) -> None:
    """It may run on another machine, whose processes nobody sees here."""
    (job / "dvc.yaml").touch()
    (remark,) = collect(store, here).remarks
    assert "that no process of this machine runs: spared until it is older than --grace" in remark
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_a_job_that_was_killed_long_ago_owns_nothing(
    here: Checkout, store: Path, job: Path
) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    write_json(job / ".dvc/tmp/rwlock", {"write": {"x": {"pid": dead.pid, "cmd": "python"}}})
    os.utime(job / ".dvc/tmp/rwlock", (LONG_AGO, LONG_AGO))
    (remark,) = collect(store, here).remarks
    assert remark.startswith(f"{job} was left by an experiment that no process")
    assert "it owns nothing any more; remove it" in remark
    assert there(store, spec(20)) == set()


def test_a_budget_that_takes_a_jobs_rows_names_the_repair(
    here: Checkout, store: Path, job: Path
) -> None:
    (job / "dvc.yaml").touch()
    (loss,) = collect(store, here, budget=1, force=True).losses
    assert "of its running job would lose 8 rows; `mfsn cache verify --repair`" in loss.sentence(
        done=False
    )
    assert (job / FEATURES / "mfcc.json").is_file()


def test_a_queued_experiment_keeps_the_rows_that_its_parameters_ask_for(
    here: Checkout, store: Path
) -> None:
    for coefficients in (20, 30):
        fill(store, spec(coefficients), range(8))
    for coefficients in (20, 25):  # the later one alone is behind the ref itself
        (here.root / "params.yaml").write_text(f"mfcc: {{coefficients: {coefficients}}}\n")
        stashed = here.git("stash", "create")
        here.git("update-ref", "--create-reflog", QUEUE, stashed)
        here.git("checkout", "-q", "params.yaml")
    collect(store, here)
    assert there(store, spec(20)) == keys(spec(20), range(8))
    assert there(store, spec(30)) == set()


def test_another_checkout_owns_its_rows_until_it_is_gone(
    here: Checkout, store: Path, tmp_path: Path
) -> None:
    fill(store, spec(20), range(8))
    other = new_checkout(tmp_path / "other", store)
    other.name_rows(spec(20), range(8))
    collect(store, here)
    assert there(store, spec(20)) == keys(spec(20), range(8))
    shutil.rmtree(other.root)
    plan = collect(store, here)
    assert f"{other.root} is gone from the disk" in plan.remarks[0]
    assert there(store, spec(20)) == set()
    assert list(owners(store)) == []


@pytest.mark.parametrize("lost", [{"host": "elsewhere"}, {"mount": "/no/such/mount"}, {"host": ""}])
def test_a_checkout_that_is_out_of_reach_owns_its_rows_until_it_is_forgotten(
    here: Checkout, store: Path, lost: dict[str, str]
) -> None:
    fill(store, spec(20), range(8))
    register_owner(store, Path("/no/such/mount/other"), Path("d.json"), spec(20).directory)
    (note,) = (store / "owners").iterdir()
    write_json(note, read_json(note) | lost)
    plan = collect(store, here)
    assert "mfsn cache gc --forget /no/such/mount/other" in plan.remarks[0]
    assert there(store, spec(20)) == keys(spec(20), range(8))
    collect(store, here, scope=Scope(forgotten=("/no/such/mount/other",)))
    assert there(store, spec(20)) == set()


def test_a_digest_that_is_not_in_dvcs_cache_keeps_what_its_parameters_fit(
    here: Checkout, store: Path
) -> None:
    for coefficients in (20, 30):
        fill(store, spec(coefficients), range(8))
    here.name_rows(spec(20), range(8), registered=False)
    make_ref(here, "branch")
    shutil.rmtree(here.root / ".dvc" / "cache")
    plan = collect(store, here)
    assert "is not in DVC's cache" in plan.remarks[0]
    assert there(store, spec(20)) == keys(spec(20), range(8))
    assert there(store, spec(30)) == set()


def test_a_history_that_cannot_be_read_keeps_what_the_notes_name(
    here: Checkout, store: Path
) -> None:
    fill(store, spec(20), range(8))
    here.name_rows(spec(20), range(8)).unlink()
    (here.root / ".git" / "HEAD").write_text("nothing")
    plan = collect(store, here)
    assert "its history cannot be read" in plan.remarks[0]
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_a_checkout_that_may_not_be_read_keeps_what_its_notes_name(
    here: Checkout, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, spec(20), range(8))
    other = new_checkout(tmp_path / "other", store)
    digest = other.name_rows(spec(20), range(8))
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
    plan = make_plan(store, inner.root, Wish())
    assert (plan.freed, plan.directories[0].needed) == (0, 8)


def test_a_cache_that_dvc_keeps_elsewhere_is_found(
    here: Checkout, store: Path, tmp_path: Path
) -> None:
    for coefficients in (20, 30):
        fill(store, spec(coefficients), range(8))
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


def test_a_damaged_digest_keeps_all_rows_of_its_extractor(here: Checkout, store: Path) -> None:
    fill(store, spec(20), range(8))
    here.name_rows(spec(20), range(8)).write_text("{")
    (here.root / "dvc.lock").unlink()
    plan = collect(store, here)
    assert "all rows of this extractor are spared" in plan.remarks[0]
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_a_shard_of_which_little_is_needed_is_written_anew(here: Checkout, store: Path) -> None:
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


def test_a_shard_that_is_needed_for_the_better_part_waits_for_compact(
    here: Checkout, store: Path
) -> None:
    fill(store, spec(), range(8))
    here.name_rows(spec(), range(6))
    plan = collect(store, here)
    assert plan.freed == 0 < plan.directories[0].left
    assert there(store, spec()) == keys(spec(), range(8))
    collect(store, here, compact=True)
    assert there(store, spec()) == keys(spec(), range(6))


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


def test_a_directory_that_is_written_to_is_left_and_named(here: Checkout, store: Path) -> None:
    fill(store, spec(20), range(8))
    plan = make_plan(store, here.root, Wish())
    with exclusive(store / spec(20).directory):
        (left,) = carry_out(plan)
    assert left.startswith(f"{spec(20).directory} is left: ")
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_rows_that_came_after_the_plan_stay(here: Checkout, store: Path) -> None:
    fill(store, spec(20), range(8))
    plan = make_plan(store, here.root, Wish())
    fill(store, spec(20), range(8, 12), age_s=0)
    assert carry_out(plan) == []
    assert there(store, spec(20)) == keys(spec(20), range(8, 12))


def test_what_a_killed_writer_left_goes_once_it_is_old(here: Checkout, store: Path) -> None:
    kept = fill(store, spec(), range(8))
    here.name_rows(spec(), range(8))
    staged = kept.path / ".staging" / "of an actor" / "mfcc" / "c.9.0"
    left = [kept.path / "mfcc" / "c.7.0", kept.path / "mfcc" / ".c.8.0.1.partial", staged]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half a shard")
    collect(store, here)
    assert all(path.is_file() for path in left)
    for path in left:
        os.utime(path, (LONG_AGO, LONG_AGO))
    assert collect(store, here).freed == 36
    assert not any(path.is_file() for path in left)
    assert not (kept.path / ".staging").exists()


def test_rows_that_do_not_count_are_left_to_verify(here: Checkout, store: Path) -> None:
    damaged = fill(store, spec(20), range(8))
    (marker,) = (damaged.path / "commits").iterdir()
    marker.write_text("{}")
    os.utime(marker, (LONG_AGO, LONG_AGO))
    collect(store, here)
    assert marker.is_file()
    assert (damaged.path / "mfcc" / "c.0.0").is_file()


def test_the_run_cache_forgets_digests_whose_rows_went(here: Checkout, store: Path) -> None:
    fill(store, spec(20), range(8))
    here.name_rows(spec(20), range(8))
    remembered = here.remember_run()
    here.name_rows(spec(), range(8))
    collect(store, here, scope=Scope(run_cache=True))
    assert there(store, spec(20)) == keys(spec(20), range(8))
    assert remembered.is_file()
    collect(store, here)
    assert there(store, spec(20)) == set()
    assert not remembered.parent.exists()  # DVC stumbles over a folder without an entry


def test_the_run_cache_keeps_digests_whose_rows_stay(here: Checkout, store: Path) -> None:
    for coefficients in (20, 40):
        fill(store, spec(coefficients), range(8))
    here.name_rows(spec(), range(8))
    remembered = here.remember_run()
    collect(store, here)
    assert remembered.is_file()


def test_files_that_others_remove_while_gc_looks_are_passed_over(
    here: Checkout, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training writes its checkpoints anew, and tidies them, all the time."""
    here.name_rows(spec(), range(4))
    leaving = [fill(store, spec(), range(4)).path / "mfcc" / ".c.9.0.1.partial"]
    leaving += [store / "runs/train/0123" / name for name in ("work/epoch-1", ".state.1.partial")]
    for path in leaving:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    stat = Path.stat

    def remove_then_stat(path: Path, **options: bool) -> os.stat_result:
        if path in leaving:
            path.unlink(missing_ok=True)
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", remove_then_stat)
    plan = make_plan(store, here.root, Wish(grace_s=0.0))
    assert [directory.contents.leftover_bytes for directory in plan.directories] == [0]
    assert carry_out(plan) == []
    assert len(Store(store, spec()).committed()) == 4


def test_a_dvc_lock_of_another_layout_keeps_what_the_notes_name(
    here: Checkout, store: Path
) -> None:
    fill(store, spec(), range(4))
    here.name_rows(spec(), range(4)).unlink()
    (here.root / "dvc.lock").write_text("stages: [1, 2]")
    here.commit()
    plan = make_plan(store, here.root, Wish(grace_s=0.0))
    assert plan.freed == 0
    assert any("not one that DVC wrote" in remark for remark in plan.remarks)


def test_old_working_folders_go_and_busy_ones_stay(here: Checkout, store: Path) -> None:
    for name in ("old", "busy", "young"):
        folder = store / "runs" / "train" / name
        folder.mkdir(parents=True)
        for file in (folder / "model.json", folder / ".lock"):
            file.write_text("{}")
            if name != "young":
                os.utime(file, (LONG_AGO, LONG_AGO))
    plan = make_plan(store, here.root, Wish())
    with exclusive(store / "runs" / "train" / "busy"):
        (left,) = carry_out(plan)
    assert left.startswith("busy is left: ")
    assert sorted(path.name for path in (store / "runs" / "train").iterdir()) == ["busy", "young"]


def used(checkout: Checkout, wanted: StoreSpec, days_ago: float) -> None:
    """Put the last use of the working tree's digest back."""
    for note in (checkout.store / "owners").iterdir():
        if read_json(note)["store"] == wanted.directory:
            os.utime(note, (time.time() - days_ago * 86400,) * 2)


@pytest.fixture
def three(here: Checkout, store: Path) -> Checkout:
    """Three digests of 8 rows: used 30 and 20 days ago in commits, and the working tree's."""
    for coefficients, days in ((20, 30), (30, 20), (40, 10)):
        fill(store, spec(coefficients), range(8))
        here.name_rows(spec(coefficients), range(8))
        used(here, spec(coefficients), days)
        here.commit()
        here.git("branch", f"with-{coefficients}")
    return here


def test_a_budget_evicts_what_was_used_least_recently(three: Checkout, store: Path) -> None:
    one = make_plan(store, three.root, Wish()).bytes // 3
    plan = collect(store, three, budget=2 * one)
    assert [evicted.directory for evicted in plan.evicted] == [spec(20).directory]
    assert plan.fits
    assert (there(store, spec(20)), len(there(store, spec(30)))) == (set(), 8)


def test_a_budget_spares_what_is_in_use_unless_forced(three: Checkout, store: Path) -> None:
    used(three, spec(), 300)
    plan = collect(store, three, budget=1)
    assert not plan.fits
    assert there(store, spec()) == keys(spec(), range(8))
    assert collect(store, three, budget=1, force=True).fits
    assert there(store, spec()) == set()


def test_of_rows_in_use_too_those_used_least_recently_go_first(here: Checkout, store: Path) -> None:
    """Named by the digests of two corpora, of which the one with the later name is older."""
    one, other = sorted((spec(20), spec(30)), key=lambda each: each.directory)
    for wanted, days in ((one, 10), (other, 20)):
        fill(store, wanted, range(8))
        digest = here.name_rows(wanted, range(8))
        used(here, wanted, days)
        place = here.root / f"data/prepared/{days}/features/mfcc.json"
        place.parent.mkdir(parents=True)
        digest.replace(place)
        register_owner(store, here.root, place.relative_to(here.root), wanted.directory)
        used(here, wanted, days)
    size = make_plan(store, here.root, Wish()).bytes
    plan = make_plan(store, here.root, Wish(budget=size - 1, force=True))
    assert [evicted.directory for evicted in plan.evicted] == [other.directory]


def test_dvc_forgets_the_digest_in_use_whose_rows_a_budget_evicts(
    three: Checkout, store: Path
) -> None:
    """Nothing may bring it back without its rows: not the working tree, nor DVC's caches."""
    remembered, digest = three.remember_run(), three.root / FEATURES / "mfcc.json"
    cached = three.cached(hashlib.md5(digest.read_bytes()).hexdigest())
    plan = collect(store, three, budget=1, force=True, scope=Scope(run_cache=True))
    assert [(loss.checkout, loss.rows) for loss in plan.losses] == [(three.root, 8)]
    assert not any(path.exists() for path in (digest, cached, remembered))


def test_what_dvc_forgot_spares_no_more_than_it_named(three: Checkout, store: Path) -> None:
    """A branch still names the digest, which is in no cache of DVC any more."""
    collect(store, three, budget=1, force=True)
    fill(store, spec(50), range(8))
    assert collect(store, three).remarks == ()
    assert there(store, spec(50)) == set()


def test_the_copy_of_what_dvc_forgot_goes_once_nothing_needs_it(
    three: Checkout, store: Path
) -> None:
    collect(store, three, budget=1, force=True)
    (copy,) = forgotten(store).iterdir()
    collect(store, three)
    assert copy.is_file()  # a commit names it, and DVC's cache lacks it
    three.name_rows(spec(), range(8))  # as `dvc repro` does
    collect(store, three, grace_s=3600)
    assert copy.is_file()
    os.utime(copy, (LONG_AGO, LONG_AGO))
    make_plan(store, three.root, Wish())
    assert copy.is_file()
    collect(store, three)
    assert not copy.exists()


def test_a_plan_and_other_evictions_leave_digests_in_use_alone(
    three: Checkout, store: Path
) -> None:
    digest = three.root / FEATURES / "mfcc.json"
    make_plan(store, three.root, Wish(budget=1, force=True))
    assert digest.is_file()
    assert collect(store, three, budget=1).losses == ()
    assert digest.is_file()


def test_a_digest_of_another_checkout_goes_with_the_rows_that_a_budget_evicts(
    here: Checkout, store: Path, tmp_path: Path
) -> None:
    fill(store, spec(20), range(8))
    other = new_checkout(tmp_path / "other", store)
    digest = other.name_rows(spec(20), range(8))
    (loss,) = collect(store, here, budget=1).losses
    assert f"{other.root}: " in loss.sentence(done=True)
    assert "`dvc repro` there computes them again" in loss.sentence(done=True)
    assert not digest.exists()


def test_a_digest_that_dvc_works_with_stays_and_the_repair_is_named(
    three: Checkout, store: Path
) -> None:
    digest = three.root / FEATURES / "mfcc.json"
    holder = [{"pid": os.getpid(), "cmd": "dvc repro"}]
    write_json(three.root / ".dvc/tmp/rwlock", {"write": {}, "read": {str(digest): holder}})
    plan = make_plan(store, three.root, Wish(budget=1, force=True))
    assert "`mfsn cache verify --repair` there" in plan.losses[0].sentence(done=False)
    (left,) = carry_out(plan)
    assert f"DVC runs a stage there (process {os.getpid()})" in left
    assert "`mfsn cache verify --repair`" in left
    assert digest.is_file()
    assert there(store, spec()) == set()


def test_another_checkout_where_dvc_runs_a_stage_is_in_use(
    here: Checkout, store: Path, tmp_path: Path
) -> None:
    fill(store, spec(20), range(8))
    other = new_checkout(tmp_path / "other", store)
    other.name_rows(spec(20), range(8))
    holder = {"pid": os.getpid(), "cmd": "dvc repro"}
    write_json(other.root / ".dvc/tmp/rwlock", {"write": {"x": holder}, "read": {}})
    assert not collect(store, here, budget=1).fits
    assert there(store, spec(20)) == keys(spec(20), range(8))


def test_rows_that_a_running_stage_found_and_has_not_named_yet_are_spared(
    here: Checkout, store: Path
) -> None:
    """DVC removes a digest before its stage runs; the stage writes it at its end."""
    fill(store, spec(), range(8))
    fill(store, spec(20), range(8))
    (here.root / "params.yaml").write_text("seeds: [0]\nmfcc: {coefficients: 20}\n")
    holder = {"pid": os.getpid(), "cmd": "dvc repro"}
    write_json(here.root / ".dvc/tmp/rwlock", {"write": {"x": holder}, "read": {}})
    collect(store, here)
    assert there(store, spec(20)) == keys(spec(20), range(8))
    assert there(store, spec()) == set()
    (here.root / "params.yaml").write_text("mfcc: [")  # edited meanwhile
    (remark,) = collect(store, here).remarks
    assert "params.yaml cannot be read, and a stage may run there" in remark
    assert there(store, spec(20)) == keys(spec(20), range(8))
    (here.root / ".dvc/tmp/rwlock").unlink()
    collect(store, here)
    assert there(store, spec(20)) == set()


def test_a_dry_run_says_what_would_happen_and_a_wet_one_what_does(
    three: Checkout, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    three.remember_run()
    folder = store / "runs" / "train" / "old"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    os.utime(folder / "model.json", (LONG_AGO, LONG_AGO))
    wanted = ("cache", "gc", "--budget", "1B", "--force")
    assert run(*wanted) == 0
    dry = capsys.readouterr().out
    assert "DVC's run-cache would forget 1 digests" in dry
    assert f"{three.root}: {FEATURES}/mfcc.json of its working tree would lose 8 rows" in dry
    assert "runs (working folders of search and train): 2 B of the total; 1 that are" in dry
    (row,) = [line.split() for line in dry.splitlines() if line.startswith(spec().directory + " ")]
    assert row[4:6] == ["8", "8"]  # needed and evicted
    assert run(*wanted, "--delete") == 0
    wet = capsys.readouterr().out
    assert "DVC's run-cache forgets 1 digests" in wet
    assert f"{FEATURES}/mfcc.json of its working tree loses 8 rows" in wet


def test_a_budget_that_is_no_size_is_blamed_on_who_set_it(
    here: Checkout, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MFSN_STORE_BUDGET", "foo")
    assert run("cache", "gc") == 2
    assert "MFSN_STORE_BUDGET foo: it takes a size" in capsys.readouterr().err
    assert run("cache", "gc", "--budget", "bar") == 2
    assert "--budget bar: it takes a size" in capsys.readouterr().err


def test_reading_counts_as_use(three: Checkout, store: Path) -> None:
    three.name_rows(spec(20), range(8))
    used(three, spec(20), 30)
    FeatureReader.open(three.root / FEATURES / "mfcc.json", store)
    three.name_rows(spec(40), range(8))
    one = make_plan(store, three.root, Wish()).bytes // 3
    plan = collect(store, three, budget=2 * one)
    assert [evicted.directory for evicted in plan.evicted] == [spec(30).directory]


def test_a_reader_of_evicted_rows_names_the_command_that_computes_them(
    three: Checkout, store: Path
) -> None:
    collect(store, three, budget=1, force=True)
    three.name_rows(spec(), range(8))  # as `dvc checkout` brings it back
    with pytest.raises(MissingRowError, match="dvc repro --force --single-item extract@mfcc"):
        FeatureReader.open(three.root / FEATURES / "mfcc.json", store)


def test_a_reader_follows_rows_to_the_shard_that_was_written_anew(
    here: Checkout, store: Path
) -> None:
    fill(store, spec(), range(8))
    reader = FeatureReader.open(here.name_rows(spec(), range(3)), store)
    reader.read(["u0#0"])
    collect(store, here)
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
        spec(20).directory, "8", "8.4", "kB", "0", "0", "0", "8", "8.4", "kB", "nothing",
    ]  # fmt: skip
    assert "nothing was deleted" in shown
    assert there(store, spec(20)) == keys(spec(20), range(8))
    assert run("cache", "gc", "--delete") == 0
    assert "freed" in capsys.readouterr().out
    assert there(store, spec(20)) == set()


def test_the_command_takes_its_budget_from_the_environment(
    three: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MFSN_STORE_BUDGET", "1B")
    assert run("cache", "gc") == 1
    assert "more than the budget of 1 B" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--grace", "soon"], "--grace soon: it takes a duration such as 12h, 7d or 0"),
        (["--budget", "much"], "--budget much: it takes a size such as 500MB"),
        (["--forget", "/nowhere"], "--forget /nowhere: no such checkout is noted"),
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
