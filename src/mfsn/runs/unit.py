"""A unit: one fold with one seed. Stages run, resume and reuse whole units."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mfsn.base.sealed import is_sealed, is_whole, seal_folder
from mfsn.protocols.fold import Fold


@dataclass(frozen=True)
class Unit:
    """One fold with one seed, in one stage."""

    fold: Fold
    seed: int
    run: str
    """Its identity: 16 hexadecimal digits."""
    folder: Path
    """The folder in which it works and leaves its results."""
    result: str
    """The file that it writes last. A unit is finished once its folder is sealed after that."""

    @property
    def name(self) -> str:
        """The name of its folder in the outputs, such as `Ses01-seed0`."""
        return f"{self.fold.name}-seed{self.seed}"

    @property
    def identity(self) -> dict[str, Any]:
        """What the records of its results say about it: `run`, `fold` and `seed`."""
        return {"run": self.run, "fold": self.fold.name, "seed": self.seed}

    @property
    def label(self) -> str:
        """The fold and the seed, as messages name them."""
        return f"{self.fold.title}, seed {self.seed}"

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to compute: its results are there, as they were written."""
        return (self.folder / self.result).is_file() and is_whole(self.folder)

    @property
    def damaged(self) -> bool:
        """Whether it was finished, but a file of its results is not as it was written."""
        return is_sealed(self.folder) and not self.finished

    def seal(self) -> None:
        """Write the checksums of the results, which are complete now."""
        seal_folder(self.folder)

    def note_use(self) -> None:
        """Note that the stage of this unit still runs, so that `mfsn cache gc` spares its folder.

        It matters once the unit is finished, since nothing is written there any more. A folder that
        cannot be written takes no note.
        """
        with contextlib.suppress(OSError):
            os.utime(self.folder / self.result)

    def with_development_data(self) -> Unit:
        """The same unit, but its fold trains on the development data too; used for refitting."""
        fold = replace(self.fold, train=self.fold.train + self.fold.dev, dev=())
        return replace(self, fold=fold)

    def random_seed(self, purpose: str) -> int:
        """A 63-bit seed for one purpose; it depends on the unit's seed and the fold's name only."""
        text = f"{self.seed}/{self.fold.name}/{purpose}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1
