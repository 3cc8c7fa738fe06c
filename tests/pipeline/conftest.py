"""A copy of the checkout with a toy corpus, and the means to run DVC in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

SESSIONS, SPEAKERS_A_SESSION, TAKES = 3, 2, 3
CLASSES = ("angry", "sad")
RATE_HZ = 16_000


@dataclass(frozen=True)
class Project:
    """A workspace of its own: a checkout, a corpus folder, a store."""

    root: Path
    corpus: Path
    store: Path

    @property
    def environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MFSN_", "DVC_"))}
        return inherited | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "MFSN_CORPORA": str(self.corpus.parent / "corpora"),
            "MFSN_CORPUS_TOY": str(self.corpus),
            "MFSN_STORE": str(self.store),
            "MFSN_THREADS": "1",
            "MFSN_JOBS": "1",  # workers would only import torch again; test_kill.py has two
            "DVC_NO_ANALYTICS": "true",
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "user.name",
            "GIT_CONFIG_VALUE_0": "test",
            "GIT_CONFIG_KEY_1": "user.email",
            "GIT_CONFIG_VALUE_1": "test@example.org",
        }

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the workspace; a failure shows its output."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            pytest.fail(f"{command} exited {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def dvc(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a dvc command."""
        return self.run(sys.executable, "-m", "dvc", *arguments, check=check)

    def repro(self, *arguments: str) -> set[str]:
        """`dvc repro`; the stages that ran."""
        return ran(self.dvc("repro", *arguments).stdout)

    @property
    def params(self) -> dict[str, Any]:
        loaded: dict[str, Any] = yaml.safe_load((self.root / "params.yaml").read_text())
        return loaded

    def set(self, **changes: Any) -> None:
        """Change parameters, dots written as two underscores."""
        params = self.params
        for name, value in changes.items():
            *path, leaf = name.split("__")
            section = params
            for part in path:
                section = section[part]
            section[leaf] = value
        (self.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))

    def add_utterance(self, name: str, emotion: str, take: int) -> None:
        """Append one tone of the first speaker to the corpus."""
        write_tone(self.corpus / f"{name}.wav", CLASSES.index(emotion), 0, take)
        with (self.corpus / "table.csv").open("a") as table:
            table.write(f"{name}.wav,{emotion},s0,0\n")

    def rows(self) -> dict[str, int]:
        """Committed rows a store directory, read from the commit markers alone."""
        counts: dict[str, int] = {}
        for marker in sorted(self.store.glob("*/*/commits/*.json")):
            folder = str(marker.parent.parent.relative_to(self.store))
            counts[folder] = counts.get(folder, 0) + len(json.loads(marker.read_text())["keys"])
        return counts

    def outputs(self) -> dict[str, bytes]:
        """Every file below data/ of the workspace but the caches, by path."""
        data = self.root / "data"
        return {
            str(path.relative_to(data)): path.read_bytes()
            for path in sorted(data.rglob("*"))
            if path.is_file() and path.relative_to(data).parts[0] in ("prepared", "results")
        }


def ran(output: str) -> set[str]:
    """The stages that a dvc command says it ran."""
    return set(re.findall(r"Running stage '([^']+)'", output))


@pytest.fixture(scope="session")
def make_project() -> Callable[[Path, Path], Project]:
    """Makes a project with the toy corpus below a folder, from a checkout."""
    return new_project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Project:
    """The toy project after its first `dvc repro`."""
    made = new_project(tmp_path_factory.mktemp("pipeline"), checkout)
    first = made.repro()
    assert "report" in first
    made.run("git", "add", "-A")
    made.run("git", "commit", "-qm", "first run")
    return made


def new_project(folder: Path, checkout: Path) -> Project:
    project = Project(folder / "checkout", folder / "toy", folder / "store")
    copy_checkout(checkout, project.root)
    write_toy_corpus(project.corpus)
    use_toy_parameters(project)
    project.run("git", "init", "-q")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "start")
    return project


def copy_checkout(checkout: Path, target: Path) -> None:
    listing = ["git", "ls-files", "-co", "--exclude-standard"]
    files = subprocess.run(listing, cwd=checkout, capture_output=True, text=True, check=True)
    for name in files.stdout.splitlines():
        if not name.startswith("tests/") and name != "dvc.lock" and (checkout / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(checkout / name, target / name)


def write_toy_corpus(folder: Path) -> None:
    """Two sorts of tones by six speakers in three sessions, with a table beside them."""
    lines = ["path,emotion,speaker,session"]
    for session in range(SESSIONS):
        for place in range(SPEAKERS_A_SESSION):
            speaker = session * SPEAKERS_A_SESSION + place
            for label, emotion in enumerate(CLASSES):
                for take in range(TAKES):
                    name = f"s{speaker}-{emotion}-{take}.wav"
                    write_tone(folder / name, label, speaker, take)
                    lines.append(f"{name},{emotion},s{speaker},{session}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")


def write_tone(path: Path, label: int, speaker: int, take: int) -> None:
    """A noisy tone; angry is higher and louder. The third take lasts longer than one segment."""
    generator = np.random.default_rng([label, speaker, take])
    seconds = (0.5, 1.7, 3.4)[take % 3]
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    pitch_hz = (440 if label == 0 else 180) * (1 + 0.02 * speaker)
    tone = np.sin(2 * np.pi * pitch_hz * time) + 0.1 * generator.standard_normal(time.size)
    samples = np.round(tone * (9000 if label == 0 else 3000)).astype("<i2")
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())


def use_toy_parameters(project: Project) -> None:
    project.set(
        corpus={"name": "toy", "reader": "table"},
        labels__classes=list(CLASSES),
        optimisation__epochs=2,
        optimisation__batch_size=8,
        model__projection=8,
        model__hidden=8,
        model__mfcc_hidden=4,
        model__image_px=[64, 64],
        model__alexnet_width=0.0625,
    )
