"""`mfsn cache ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mfsn.base.quantities import show_bytes
from mfsn.cli.console import cache_app, show

if TYPE_CHECKING:
    from mfsn.store.upkeep.listing import Entry


@cache_app.command("ls", short_help="List the content of the store, and who uses it.")
def cache_ls() -> None:
    """List the content of the store: extractors, models, levels, rows, sizes, and who uses them."""
    from mfsn.store.upkeep.listing import list_store
    from mfsn.workspace import store_root

    header = ("directory", "model", "weights", "levels", "rows", "size", "used by")
    entries = list_store(store_root())
    show([header, *map(_row, entries)])
    typer.echo(f"{sum(e.rows for e in entries)} rows, {show_bytes(sum(e.bytes for e in entries))}")


def _row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.directory,
        entry.about.get("config", {}).get("model", "-"),
        entry.about.get("weights", "-"),
        entry.levels,
        entry.rows,
        show_bytes(entry.bytes),
        ", ".join(entry.users) or "nobody",
    )
