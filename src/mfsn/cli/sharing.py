"""`mfsn cache export`, `import`, `push` and `pull`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfsn.cli.console import cache_app, finish, refuse_unknown

if TYPE_CHECKING:
    from mfsn.sharing.copying import Copied
    from mfsn.store.digest import Digest


@cache_app.command("export")
def cache_export(
    file: Annotated[Path, typer.Argument(help="The file to write, such as demo.h5.")],
    extractor: Annotated[
        list[str] | None,
        typer.Option(help="Only this one's features; repeat it for more. `waveform`: the waves."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write a file that is there already anew.")
    ] = False,
) -> None:
    """Write the corpus's features as one HDF5 file.

    It holds the features with their checksums, the segment table, labels, parameters and the
    recordings' licences, and opens in plain h5py.
    """
    from mfsn.sharing.corpus import PreparedCorpus
    from mfsn.sharing.export import export_corpus
    from mfsn.workspace import store_root

    refuse_unknown(extractor or ())
    corpus = PreparedCorpus.of_workspace()
    absent = [folder for folder in file.parents if not folder.exists()]
    rows = export_corpus(file, corpus, store_root(), extractor or (), force)
    for folder in reversed(absent):
        typer.echo(f"made the folder {folder}")
    counts = ", ".join(f"{count} of {name}" for name, count in rows.items())
    typer.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB; rows: {counts}")
    for clause in corpus.restrictions():
        typer.echo(f"not free to share: {clause}; hand the file on as the licence allows")


@cache_app.command("import")
def cache_import(
    file: Annotated[Path, typer.Argument(help="What `mfsn cache export` wrote.")],
    rows_only: Annotated[
        bool, typer.Option("--rows-only", help="Leave the workspace's stage outputs alone.")
    ] = False,
) -> None:
    """Bring an exported file's rows into the store, and its stage outputs into the workspace.

    Manifest, segment table and digests are written where they are absent. `dvc commit --force
    prepare segment extract` tells DVC of them; then search and training run without the
    recordings: `dvc repro --downstream search`.
    """
    from mfsn.sharing.restore import import_corpus
    from mfsn.workspace import find_workspace, store_root

    brought = import_corpus(file, store_root(), None if rows_only else find_workspace())
    for name, (rows, new) in brought.rows.items():
        typer.echo(f"{name}: {rows} rows, {new} new, {rows - new} there already")
    for path in brought.outputs:
        typer.echo(f"wrote {path}")
    typer.echo(f"corpus {brought.corpus}; licences: {brought.licences}")
    if brought.outputs:
        typer.echo("next: dvc commit --force prepare segment extract; dvc repro")
        typer.echo("without the recordings: dvc repro --downstream search")


_Address = Annotated[
    str | None,
    typer.Argument(help="A folder or s3://bucket/folder; by default the one pushed to before."),
]
_Waves = Annotated[
    bool, typer.Option("--waves", help="The segments' waves too, to extract more features later.")
]


@cache_app.command("push")
def cache_push(
    address: _Address = None,
    waves: _Waves = False,
    everything: Annotated[
        bool, typer.Option("--all", help="The whole store, not this corpus's features alone.")
    ] = False,
    licensed: Annotated[
        bool,
        typer.Option(
            "--i-hold-the-licence",
            help="Push features of recordings that are not free to share; who can read there "
            "needs the licence too.",
        ),
    ] = False,
) -> None:
    """Copy features to an address, those that are not there yet.

    Any address that fsspec knows. For S3 and what speaks its language, `pip install "mfsn[s3]"`;
    credentials come from AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, another
    endpoint from AWS_ENDPOINT_URL or FSSPEC_S3_ENDPOINT_URL. The first address that takes features
    is noted in .mfsn-remote: commit it, and every clone knows where to pull from; MFSN_REMOTE goes
    before it.
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
        if note_remote(remote.address):
            typer.echo("noted the address in .mfsn-remote; commit it, so that clones know it")

    _report(digests, lambda digest: push(remote, root, digest, note))


@cache_app.command("pull")
def cache_pull(
    address: _Address = None,
    waves: _Waves = False,
    everything: Annotated[
        bool, typer.Option("--all", help="All that is there, not this corpus's features alone.")
    ] = False,
) -> None:
    """Copy features from an address into the store, those that are missing.

    What `mfsn cache push` says about addresses holds here too. The digests, which name the rows,
    come with `dvc pull`, `dvc repro` or `mfsn cache import`. Every row is compared with its
    checksum before it counts.
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
    """Copy the rows of each digest and say what became of them; status 1 if some are lost."""
    done = []
    for digest in digests:
        done.append(copy(digest))
        typer.echo(done[-1].sentence())
    copied, size = sum(one.copied for one in done), sum(one.bytes for one in done)
    typer.echo(f"{copied} rows, {size / 1e6:.1f} MB copied")
    problems = [problem for one in done for problem in one.problems()]
    if problems:
        finish(problems, False)
