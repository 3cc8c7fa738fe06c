"""`mfsn cache ls` and `verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from mfsn.cli.console import cache_app, finish, show


@cache_app.command("ls")
def cache_ls() -> None:
    """List the store directories: extractor, model, rows, size."""
    from mfsn.cache.listing import list_store
    from mfsn.workspace import store_root

    header = ("directory", "model", "weights", "arrays", "rows", "MB", "checkouts")
    entries = list_store(store_root())
    rows = [
        (
            entry.directory,
            entry.about.get("config", {}).get("model", "-"),
            entry.about.get("weights", "-"),
            " ".join(array.name for array in entry.arrays),
            entry.rows,
            f"{entry.bytes / 1e6:.1f}",
            len(entry.users),
        )
        for entry in entries
    ]
    show([header, *rows])
    typer.echo(f"{sum(e.rows for e in entries)} rows, {sum(e.bytes for e in entries) / 1e6:.1f} MB")


@cache_app.command("verify")
def cache_verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Take damaged rows back, so that they are made again.")
    ] = False,
    extractor: Annotated[str | None, typer.Option(help="Check the rows of this one only.")] = None,
) -> None:
    """Compare every row with its checksum; status 1 if one differs."""
    from mfsn.cache.verify import verify
    from mfsn.workspace import store_root

    report = verify(store_root(), repair, extractor)
    finish(report.sentences(), report.is_sound)
