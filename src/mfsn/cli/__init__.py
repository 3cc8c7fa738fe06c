"""The command `mfsn`: one module per group of commands.

Every command imports what it needs when it runs, so that `mfsn --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import typer

from mfsn.base.files import explain_denied
from mfsn.cli import (
    cache,
    corpus,
    guidance,
    inspect,
    predict,
    preset,
    reproduce,
    results,
    sharing,
    upkeep,
    verify,
)
from mfsn.cli.console import app
from mfsn.errors import MfsnError

__all__ = [
    "cache",
    "corpus",
    "guidance",
    "inspect",
    "main",
    "predict",
    "preset",
    "reproduce",
    "results",
    "sharing",
    "upkeep",
    "verify",
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Raises:
        SystemExit: with the exit status. A known error is first printed on stderr as one sentence.
    """
    try:
        with explain_denied():
            app(args=arguments, prog_name="mfsn")
    except MfsnError as error:
        typer.echo(f"mfsn: {error}", err=True)
        raise SystemExit(error.exit_status) from None
