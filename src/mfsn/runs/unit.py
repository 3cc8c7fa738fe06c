"""A unit: one fold with one seed, the grain in which stages run, resume and are reused."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from mfsn.protocols.fold import Fold


@dataclass(frozen=True)
class Unit:
    """One fold and seed of a stage."""

    fold: Fold
    seed: int
    run: str
    """Its identity: 16 hexadecimal digits."""
    folder: Path
    """Where it works and leaves what it made."""
    result: str
    """The file that is written last: a unit that has it is finished."""

    @property
    def name(self) -> str:
        """Its folder in the outputs, such as `Ses01-seed0`."""
        return f"{self.fold.name}-seed{self.seed}"

    @property
    def label(self) -> str:
        """Fold and seed, for messages."""
        return f"{self.fold.title}, seed {self.seed}"

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to compute."""
        return (self.folder / self.result).is_file()

    def with_development_data(self) -> Unit:
        """The unit whose fold trains on its development data too: for refitting."""
        fold = replace(self.fold, train=self.fold.train + self.fold.dev, dev=())
        return replace(self, fold=fold)

    def random_seed(self, purpose: str) -> int:
        """A 63-bit seed for one purpose, from the unit's seed and the fold's name alone."""
        text = f"{self.seed}/{self.fold.name}/{purpose}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1
