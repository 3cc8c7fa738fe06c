"""The command `mfsn`.

Every command imports what it needs when it runs, so that `mfsn --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfsn.errors import ConfigError, MfsnError
from mfsn.files import explain_denied

if TYPE_CHECKING:
    from mfsn.presets import Applied

SETTINGS: dict[str, Any] = {"no_args_is_help": True, "add_completion": False}
SETTINGS |= {"rich_markup_mode": None, "pretty_exceptions_enable": False}
app = typer.Typer(help="Speech emotion recognition from cached features.", **SETTINGS)
corpus_app = typer.Typer(help="Look at a corpus before anything runs.", **SETTINGS)
cache_app = typer.Typer(help="Look at the feature cache, check it, mend it.", **SETTINGS)
app.add_typer(corpus_app, name="corpus")
app.add_typer(cache_app, name="cache")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a known error is one sentence on stderr and its exit status."""
    try:
        with explain_denied():
            app(args=arguments, prog_name="mfsn")
    except MfsnError as error:
        typer.echo(f"mfsn: {error}", err=True)
        raise SystemExit(error.exit_status) from None


@app.command()
def preset(
    name: Annotated[str | None, typer.Argument(help="Preset; without it all are listed.")] = None,
    size: Annotated[str | None, typer.Option(help="demo, small or paper.")] = None,
) -> None:
    """Rewrite params.yaml for a corpus, or list what there is."""
    from mfsn.presets import apply_preset, presets, sizes
    from mfsn.workspace import find_workspace

    if name is None and size is not None:
        raise ConfigError(f"--size needs a preset, such as `mfsn preset demo --size {size}`")
    if name is None:
        _show([("preset", ""), *presets().items(), ("", ""), ("--size", ""), *sizes().items()])
        return
    _tell_applied(apply_preset(find_workspace(), name, size))


@corpus_app.command("check")
def corpus_check(
    root: Annotated[
        Path | None, typer.Option(help="Corpus folder; by default where `dvc repro` reads it.")
    ] = None,
) -> None:
    """Count the corpus in params.yaml and list all problems."""
    from mfsn.corpora.check import check_corpus
    from mfsn.params import load_params
    from mfsn.workspace import corpus_root, find_workspace

    params = load_params(find_workspace())
    folder = root or corpus_root(params.corpus.name)
    report = check_corpus(params.corpus, params.labels, params.prepare, folder)
    _finish(report.lines(), report.ok)


@app.command()
def folds() -> None:
    """Show what each fold trains and tests on."""
    from mfsn.corpora.protocols import describe, make_folds
    from mfsn.manifest import UTTERANCES, read_table
    from mfsn.params import load_params, outputs_of
    from mfsn.workspace import find_workspace

    workspace = find_workspace()
    params = load_params(workspace)
    manifest = read_table(outputs_of(params, workspace).manifest, UTTERANCES)
    made = make_folds(manifest, params.protocol, workspace)
    table = describe(made, manifest)
    _show([tuple(table.columns), *table.itertuples(index=False, name=None)])
    independent = all(fold.speaker_independent for fold in made)
    typer.echo(f"{params.protocol.name}: {'' if independent else 'not '}speaker-independent")


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
    _show([header, *rows])
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
    _finish(report.sentences(), report.is_sound)


@app.command()
def inspect(
    utterance: Annotated[str, typer.Argument(help="Utterance id, as in the manifest.")],
    out: Annotated[Path | None, typer.Option(help="PNG to write.", show_default="ID.png")] = None,
) -> None:
    """Draw an utterance's features and prediction as PNG."""
    from mfsn.params import load_params
    from mfsn.report.inspect import inspect_utterance
    from mfsn.workspace import find_workspace

    path = out or Path("".join(c if c.isalnum() or c in "-_." else "_" for c in utterance) + ".png")
    workspace = find_workspace()
    inspect_utterance(workspace, load_params(workspace), utterance, path)
    typer.echo(str(path))


@app.command()
def predict(
    files: Annotated[list[str], typer.Argument(help="Audio of any length, rate, channels.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with each segment.")] = False,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a trained model; by default the best one.")
    ] = None,
) -> None:
    """Tell the emotions of audio files."""
    import json

    from mfsn.predict import predict as predict_files

    found = predict_files(files, model=model)
    for warning in found.warnings:
        typer.echo(f"mfsn: warning: {warning}", err=True)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1, ensure_ascii=False))
        return
    table = found.to_frame().rename(columns=lambda name: name.removeprefix("posterior_"))
    rows = table.itertuples(index=False, name=None)
    _show([tuple(table.columns), *(tuple(map(_rounded, row)) for row in rows)])
    typer.echo(f"by {found.model}", err=True)


def _rounded(cell: object) -> object:
    return f"{cell:.3f}" if isinstance(cell, float) else cell


def _finish(lines: Sequence[str], good: bool) -> None:
    typer.echo("\n".join(lines))
    raise typer.Exit(0 if good else 1)


def _tell_applied(applied: Applied) -> None:
    for change in applied.changes:
        typer.echo(f"{change.name}: {change.old} -> {change.new}")
    typer.echo(f"params.yaml: {len(applied.changes)} parameters changed; `dvc repro` runs them")
    if applied.lost:
        mine = ", ".join(f"{change.name}: {change.old}" for change in applied.lost)
        typer.echo(f"mfsn: values that no preset has were replaced: {mine}", err=True)


def _show(rows: Sequence[Sequence[object]]) -> None:
    """Print rows as columns, each as wide as its widest cell."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        typer.echo("  ".join(map(str.ljust, row, widths)).rstrip())
