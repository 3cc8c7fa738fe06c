"""What the search of a unit may choose from: everything, or a given genotype."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from mfsn.errors import ConfigError
from mfsn.models.operations import OPERATIONS
from mfsn.runs.unit import Unit
from mfsn.training.config import SearchConfig


@dataclass(frozen=True)
class Architecture:
    """The space of a unit's search."""

    operations: tuple[str, ...] | None
    """The operation of each Fusion Cell; None where alpha is searched."""
    levels: tuple[str, ...]
    """SEC levels that the Choice Cell draws from."""


def architecture_of(
    unit: Unit, search: SearchConfig, cells: int, levels: Sequence[str]
) -> Architecture:
    """What a unit's search chooses from.

    Args:
        unit: its fold and seed decide what `random` draws.
        search: the mode.
        cells: Fusion Cells of the network.
        levels: all SEC levels.

    Raises:
        ConfigError: if a level does not exist, or operations are neither one nor one per cell.
    """
    if search.mode == "random":
        draw = random.Random(unit.random_seed("genotype"))
        return Architecture(tuple(draw.choices(OPERATIONS, k=cells)), (draw.choice(levels),))
    _refuse_unknown_levels(search, levels)
    drawn = tuple(name for name in levels if name in (search.levels or levels))
    return Architecture(_fixed(search, cells) if search.mode == "fixed" else None, drawn)


def _fixed(search: SearchConfig, cells: int) -> tuple[str, ...]:
    named = search.operations * cells if len(search.operations) == 1 else search.operations
    if len(named) != cells:
        raise ConfigError(
            f"params.yaml: search.operations names {len(named)} operations for {cells} cells "
            "(model.cells); name one for all cells, or one per cell"
        )
    return named


def _refuse_unknown_levels(search: SearchConfig, levels: Sequence[str]) -> None:
    unknown = sorted(set(search.levels) - set(levels))
    if unknown:
        raise ConfigError(
            f"params.yaml: search.levels names {', '.join(unknown)}, which is no SEC level; choose "
            f"from {', '.join(levels)}"
        )
