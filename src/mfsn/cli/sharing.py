"""`mfsn cache export`, `import`, `push` and `pull`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfsn.base.quantities import show_bytes
from mfsn.cli.console import cache_app, finish, refuse_unknown

if TYPE_CHECKING:
    from mfsn.sharing.copying import Copied
    from mfsn.store.digest import Digest


@cache_app.command("export")
def cache_export(
    file: Annotated[Path, typer.Argument(help="The file to write, such as demo.h5.")],
    extractor: Annotated[
        list[str] | None,
        typer.Option(
            help="Write the features of this extractor only; repeat it for more. `waveform` stands "
            "for the segments' waves."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite the file if it exists.")
    ] = False,
) -> None:
    """Write the features of the corpus to one HDF5 file.

    The file holds the features with their checksums, the segment table, the labels, the
    parameters and the licences of the recordings. Plain h5py can open it.
    """
    from mfsn.sharing.corpus import PreparedCorpus
    from mfsn.sharing.export import export_corpus
    from mfsn.workspace import store_root

    refuse_unknown(extractor or ())
    corpus = PreparedCorpus.of_workspace()
    absent = [folder for folder in file.parents if not folder.exists()]
    rows = export_corpus(file, corpus, store_root(), extractor or (), force)
    for folder in reversed(absent):
        typer.echo(f"created the folder {folder}")
    counts = ", ".join(f"{count} of {name}" for name, count in rows.items())
    typer.echo(f"{file}: {show_bytes(file.stat().st_size)}; rows: {counts}")
    for clause in corpus.restrictions():
        typer.echo(f"not free to share: {clause}; give the file only to whom the licence allows")


@cache_app.command("import", short_help="Copy an exported file into the store.")
def cache_import(
    file: Annotated[Path, typer.Argument(help="A file that `mfsn cache export` wrote.")],
    rows_only: Annotated[
        bool,
        typer.Option("--rows-only", help="Write to the store only; the workspace stays as it is."),
    ] = False,
) -> None:
    """Copy the rows of an exported file into the store, and its stage outputs into the workspace.

    The manifest, the segment table and the digests are written if they do not exist yet. Then
    `dvc commit --force prepare segment extract` tells DVC about them, and `dvc repro --downstream
    search` runs search and training without the recordings.
    """
    from mfsn.sharing.restore import import_corpus
    from mfsn.workspace import find_workspace, store_root

    brought = import_corpus(file, store_root(), None if rows_only else find_workspace())
    for name, (rows, new) in brought.rows.items():
        typer.echo(f"{name}: {rows} rows, {new} new, {rows - new} already in the store")
    for path in brought.outputs:
        typer.echo(f"wrote {path}")
    typer.echo(f"corpus {brought.corpus}; licences: {brought.licences}")
    if brought.outputs:
        typer.echo("next: dvc commit --force prepare segment extract; dvc repro")
        typer.echo("without the recordings, use dvc repro --downstream search")


_Address = Annotated[
    str | None,
    typer.Argument(help="A folder or s3://bucket/folder; by default the one that is noted."),
]
_Waves = Annotated[
    bool,
    typer.Option(
        "--waves", help="Copy the segments' waves too, so that more features can be extracted."
    ),
]


@cache_app.command("push", short_help="Copy features to an address.")
def cache_push(
    address: _Address = None,
    waves: _Waves = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Copy the whole store, not only this corpus's features.")
    ] = False,
    licensed: Annotated[
        bool,
        typer.Option(
            "--i-hold-the-licence",
            help="Copy features of recordings that are not free to share. Everybody who can read "
            "the address needs the licence too.",
        ),
    ] = False,
) -> None:
    """Copy features to an address, except those that are there already.

    Every address that fsspec knows will do. S3 and compatible services need `pip install
    "mfsn[s3]"`. Credentials are read from AWS_PROFILE, or from AWS_ACCESS_KEY_ID and
    AWS_SECRET_ACCESS_KEY; another endpoint is read from AWS_ENDPOINT_URL or
    FSSPEC_S3_ENDPOINT_URL. The first address that features are copied to is noted in
    .mfsn-remote. Commit this file, so that every clone knows the address. MFSN_REMOTE takes
    precedence over it.
    """
    from mfsn.sharing.copying import push
    from mfsn.sharing.corpus import PreparedCorpus
    from mfsn.sharing.licence import refuse_unlicensed
    from mfsn.sharing.noted import note_remote, open_remote
    from mfsn.sharing.whole import restrictions_of_all, whole_store
    from mfsn.workspace import store_root

    remote, root, corpus = open_remote(address), store_root(), PreparedCorpus.of_workspace()
    digests = whole_store(root) if everything else corpus.digests(waves=waves)
    if not licensed:
        restricted = restrictions_of_all(corpus, digests) if everything else corpus.restrictions()
        refuse_unlicensed(restricted, remote.address)

    def note() -> None:
        """Note the address for other clones, and say so."""
        if note_remote(remote.address):
            typer.echo("noted the address in .mfsn-remote; commit this file for other clones")

    _report(digests, lambda digest: push(remote, root, digest, note))


@cache_app.command("pull", short_help="Copy features from an address.")
def cache_pull(
    address: _Address = None,
    waves: _Waves = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Copy all that is there, not only this corpus's features.")
    ] = False,
) -> None:
    """Copy features from an address into the store, except those that are there already.

    `mfsn cache push --help` explains addresses. The digests, which name the rows, come from
    `dvc pull`, `dvc repro` or `mfsn cache import`. Every row is compared with its checksum before
    it is used.
    """
    from mfsn.sharing.bundles import refuse_empty
    from mfsn.sharing.copying import pull
    from mfsn.sharing.corpus import PreparedCorpus, register
    from mfsn.sharing.noted import open_remote
    from mfsn.sharing.whole import whole_remote
    from mfsn.workspace import store_root

    remote, root = open_remote(address), store_root()
    corpus = None if everything else PreparedCorpus.of_workspace()
    digests = corpus.digests(waves=waves) if corpus else whole_remote(remote)
    if corpus:
        refuse_empty(remote)
        register(root, corpus.outputs, digests)
    _report(digests, lambda digest: pull(remote, root, digest))


def _report(digests: Sequence[Digest], copy: Callable[[Digest], Copied]) -> None:
    """Copy the rows of each digest and print the results; exit with status 1 if rows are lost."""
    done = []
    for digest in digests:
        done.append(copy(digest))
        typer.echo(done[-1].sentence())
    copied, size = sum(one.copied for one in done), sum(one.bytes for one in done)
    typer.echo(f"{copied} rows, {show_bytes(size)} copied")
    problems = [problem for one in done for problem in one.problems()]
    if problems:
        finish(problems, False)
