"""Stage `scan`: what DVC cannot see by itself.

The corpus folder; the meaning of the code; the files that params.yaml names, which are checkpoints
(they may be retrained in place) and folds; and whether the store has the rows that digests name.
"""

from pathlib import Path

from _start import run
from _used_code import code_keys, code_of
from mfsn.base.files import write_json
from mfsn.base.hashing import hash_files
from mfsn.base.quantities import show_bytes
from mfsn.corpora.base import MakingReader, get_reader
from mfsn.corpora.preparing.scan import scan_corpus, write_files
from mfsn.params import Params, Stage
from mfsn.runs.outputs import replacing_folder
from mfsn.store.checkouts.lost_rows import lost_row_notes
from mfsn.workspace import Outputs, corpus_root, is_named, local_path, store_root


def scan(stage: Stage) -> None:
    """List the corpus, then write down what each stage's code and named files are."""
    corpus, cache = stage.params.corpus, store_root() / "scan"
    for member in corpus.members:
        reader = get_reader(member.reader)
        if isinstance(reader, MakingReader):
            done = reader.make(corpus_root(member.name), named=is_named(member.name))
            print(*([f"scan: {done}"] if done else []), sep="")
    files = scan_corpus(corpus, corpus_root(corpus.name), cache / f"{corpus.name}.json")
    write_files(stage.outputs.files, files)
    extractors = stage.params.extract.extractors
    lost = lost_row_notes(stage.outputs, store_root(), extractors)
    write_code(stage.params, stage.outputs.workspace, cache, lost)
    tidy_digests(stage.outputs, extractors)
    print(f"scan: {len(files)} files, {show_bytes(sum(file.bytes for file in files))}")


def write_code(
    params: Params, workspace: Path, cache: Path, lost: dict[str, dict[str, str]]
) -> None:
    """Write data/code/<key>.json for every stage: code, lost rows, and whether rows are read."""
    named = named_files(params, workspace, cache)
    with replacing_folder(workspace / "data" / "code") as folder:
        for key in code_keys(params):
            content = code_of(key, params, workspace) | named.get(key, {}) | lost.get(key, {})
            _, _, extractor = key.partition("-")
            if extractor:
                content |= {"read": extractor in params.read}
            write_json(folder / f"{key}.json", content)


def tidy_digests(outputs: Outputs, extractors: list[str]) -> None:
    """Delete digests of extractors that have no stage: search and train depend on the folder."""
    for path in outputs.features.glob("*.json"):
        if path.stem not in extractors:
            path.unlink()


def named_files(params: Params, workspace: Path, cache: Path) -> dict[str, dict[str, str]]:
    """Key of `code_keys` to the hashes of the files that its parameters name."""
    fold_file = hashes_of("protocol.file", params.protocol.file, workspace, cache)
    encoders = {
        f"extract-{name}": hashes_of(f"{name}.model", model, workspace, cache)
        for name in params.extract.extractors
        if isinstance(model := getattr(params.section(name), "model", None), str)
    }
    return encoders | dict.fromkeys(("prepare", "search", "train", "evaluate"), fold_file)


def hashes_of(parameter: str, name: str | None, workspace: Path, cache: Path) -> dict[str, str]:
    """The files of a local file or folder; nothing where the name is no local one."""
    path = local_path(name, workspace) if name else None
    if path is None or not path.exists():
        return {}
    inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    root = path if path.is_dir() else path.parent
    relative = [file.relative_to(root).as_posix() for file in inside]
    hashed = hash_files(root, relative, cache / f"{parameter}.json")
    return {f"{parameter}: {file}": entry[0] for file, entry in hashed.items()}


if __name__ == "__main__":
    run("scan", scan)
