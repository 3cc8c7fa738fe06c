"""Digests: the outputs of the extract stages, with the same bytes on every machine.

A digest holds the row key of every segment (or utterance), and everything that is needed to find
the rows and to make them again. The rows themselves stay in the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mfsn.base import files
from mfsn.errors import CacheError
from mfsn.store.layout import described_array, parse_array
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.workspace import names_rows

SCHEMA = 1


@dataclass(frozen=True)
class Digest:
    """Which row of the store belongs to which segment or utterance."""

    extractor: str
    store: str
    """Directory below the store root."""
    recipe: Mapping[str, Any]
    arrays: tuple[ArraySpec, ...]
    about: Mapping[str, Any]
    """The extractor's configuration and kind of weights, for people and for prediction."""
    rows: Mapping[str, str]
    """Segment id (utterance id for extractors of that scope) to row key. Empty where every fold has
    rows of its own."""
    folds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Name of a fold to its rows, where an extractor was trained per fold; else empty."""

    @classmethod
    def of(
        cls,
        spec: StoreSpec,
        about: Mapping[str, Any],
        rows: Mapping[str, str],
        folds: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Digest:
        """The digest of rows of one store directory."""
        per_fold = {name: dict(own) for name, own in (folds or {}).items()}
        named = (dict(spec.recipe), spec.arrays, dict(about), dict(rows), per_fold)
        return cls(spec.extractor, spec.directory, *named)

    @property
    def keys(self) -> list[str]:
        """The keys of all rows that the digest names, those of all folds included."""
        return [key for rows in (self.rows, *self.folds.values()) for key in rows.values()]

    @property
    def ids(self) -> list[str]:
        """All segment ids (utterance ids for extractors of that scope), sorted."""
        return sorted({name for rows in (self.rows, *self.folds.values()) for name in rows})

    def rows_of(self, fold: str | None = None) -> Mapping[str, str]:
        """The rows that the units of a fold read: the same for all of them without rows per fold.

        Args:
            fold: its name; None where no fold is meant.

        Raises:
            CacheError: if there are rows per fold, and none for this one.
        """
        if not self.folds:
            return self.rows
        if fold is None:
            raise CacheError(
                f"{self.extractor} has rows of its own for every fold ({self._fold_names}), and "
                "they can only be read for one of them; read another extractor here"
            )
        if fold not in self.folds:
            raise CacheError(
                f"{self.extractor} has no rows for fold {fold}, only for {self._fold_names}; run "
                "`dvc repro` to make them"
            )
        return self.folds[fold]

    @property
    def _fold_names(self) -> str:
        return ", ".join(sorted(self.folds))

    @property
    def spec(self) -> StoreSpec:
        """The identity of the store directory."""
        return StoreSpec(self.extractor, self.recipe, self.arrays)

    def write(self, path: Path) -> None:
        """Write as JSON: sorted, one row per line, nothing that varies with the machine."""
        content = {
            "schema": SCHEMA,
            "extractor": self.extractor,
            "store": self.store,
            "recipe": dict(self.recipe),
            "arrays": [described_array(array) for array in self.arrays],
            "about": dict(self.about),
            "rows": dict(self.rows),
            **({"folds": {n: dict(rows) for n, rows in self.folds.items()}} if self.folds else {}),
        }
        files.write_json(path, content)

    @classmethod
    def read(cls, path: Path) -> Digest:
        """Read what `write` wrote.

        Raises:
            CacheError: if the file is missing, says that nothing was extracted, cannot be
                read, has another schema, or contradicts itself.
        """
        try:
            if path.is_file() and not names_rows(path):
                raise CacheError(
                    f"{path.stem} was not extracted, because the system of params.yaml does not "
                    "read it; set extract.unread: true there, then run `dvc repro`"
                )
            digest = _parse(files.read_json(path))
        except FileNotFoundError:
            raise CacheError(f"{path} is missing; run `dvc repro` to make it") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CacheError(
                f"{path} is not a digest of this version of mfsn; run `dvc repro` to make it again"
            ) from error
        return digest


def _parse(content: Any) -> Digest:
    if content["schema"] != SCHEMA:
        raise ValueError("another schema")
    arrays = tuple(parse_array(array) for array in content["arrays"])
    rows = _parse_rows(content["rows"])
    folds = {str(name): _parse_rows(own) for name, own in content.get("folds", {}).items()}
    if rows and folds:
        raise ValueError("rows for all folds beside rows per fold")
    spec = StoreSpec(content["extractor"], content["recipe"], arrays)
    if content["store"] != spec.directory:
        raise ValueError("the store is not the one that the recipe names")
    return Digest.of(spec, content["about"], rows, folds)


def _parse_rows(rows: Any) -> dict[str, str]:
    return {str(name): str(key) for name, key in rows.items()}
