"""`mfsn corpus` and `mfsn folds`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfsn.cli.console import app, corpus_app, finish, show
from mfsn.errors import ConfigError

if TYPE_CHECKING:
    from mfsn.corpora.config import CorpusConfig


@corpus_app.command("check")
def corpus_check(
    root: Annotated[
        Path | None,
        typer.Option(help="The corpus folder; by default the one that `dvc repro` reads."),
    ] = None,
) -> None:
    """Count what the corpus in params.yaml holds, and list all problems."""
    from mfsn.corpora.preparing.check import check_corpus
    from mfsn.params import load_params
    from mfsn.protocols.make import try_folds
    from mfsn.workspace import corpus_root, find_workspace

    workspace = find_workspace()
    params = load_params(workspace)
    if root is not None:
        _refuse_joined(params.corpus)
    folder = root or corpus_root(params.corpus.name)
    divided = partial(try_folds, config=params.protocol, workspace=workspace)
    rate_hz = params.segment.sample_rate_hz
    report = check_corpus(
        params.corpus,
        params.labels,
        params.prepare,
        folder,
        try_folds=divided,
        sample_rate_hz=rate_hz,
    )
    finish(report.lines(), report.ok)


def _refuse_joined(corpus: CorpusConfig) -> None:
    if corpus.parts:
        raise ConfigError(
            "--root takes the folder of one corpus, but corpus.parts names several; set "
            "MFSN_CORPUS_<NAME> to the folder of each"
        )


@app.command(short_help="Show which data each fold trains on and which it tests on.")
def folds() -> None:
    """Show which data each fold trains on and which it tests on.

    Before `prepare` has run, the folds are made from the names, labels and headers of the corpus.
    """
    from mfsn.doctor.recordings import manifest_from_headers
    from mfsn.manifest import UTTERANCES, read_table
    from mfsn.params import load_params, outputs_of
    from mfsn.protocols.make import describe, make_folds
    from mfsn.workspace import find_workspace

    workspace = find_workspace()
    params = load_params(workspace)
    prepared = outputs_of(params, workspace).manifest
    is_prepared = prepared.exists()
    manifest = read_table(prepared, UTTERANCES) if is_prepared else manifest_from_headers(params)
    made = make_folds(manifest, params.protocol, workspace)
    table = describe(made, manifest)
    show([tuple(table.columns), *table.itertuples(index=False, name=None)])
    independent = all(fold.speaker_independent for fold in made)
    typer.echo(f"{params.protocol.name}: {'' if independent else 'not '}speaker-independent")
    if not is_prepared:
        typer.echo(
            "from names, labels and headers; `dvc repro prepare` also leaves out silent recordings"
        )
