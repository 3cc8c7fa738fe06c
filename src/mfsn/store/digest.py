"""Digests: the outputs of the extract stages, with the same bytes on every machine.

A digest holds the row key of every segment (or utterance), and everything that is needed to find
the rows and to make them again. The rows themselves stay in the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    """Segment id (utterance id for extractors of that scope) to row key."""

    @classmethod
    def of(cls, spec: StoreSpec, about: Mapping[str, Any], rows: Mapping[str, str]) -> Digest:
        """The digest of rows of one store directory."""
        recipe = dict(spec.recipe)
        return cls(spec.extractor, spec.directory, recipe, spec.arrays, dict(about), dict(rows))

    @property
    def spec(self) -> StoreSpec:
        """The identity of the store directory."""
        return StoreSpec(self.extractor, self.recipe, self.arrays)

    def write(self, path: Path) -> None:
        """Write as JSON: sorted, one row a line, nothing that varies with the machine."""
        content = {
            "schema": SCHEMA,
            "extractor": self.extractor,
            "store": self.store,
            "recipe": dict(self.recipe),
            "arrays": [described_array(array) for array in self.arrays],
            "about": dict(self.about),
            "rows": dict(self.rows),
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
    rows = {str(name): str(key) for name, key in content["rows"].items()}
    spec = StoreSpec(content["extractor"], content["recipe"], arrays)
    if content["store"] != spec.directory:
        raise ValueError("the store is not the one that the recipe names")
    return Digest.of(spec, content["about"], rows)
