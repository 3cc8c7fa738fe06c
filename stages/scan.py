"""Stage `scan`: what DVC cannot see by itself: the corpus folder, and the meaning of the code."""

from pathlib import Path

from _start import run
from mfsn.corpora.demo_speech import ensure_spoken
from mfsn.corpora.scan import scan_corpus, write_files
from mfsn.files import write_json
from mfsn.fingerprint import fingerprint
from mfsn.params import Stage, read_yaml
from mfsn.workspace import corpus_root, store_root


def scan(stage: Stage) -> None:
    """List the corpus, then fingerprint every stage's code."""
    corpus = stage.params.corpus
    root = corpus_root(corpus.name)
    if corpus.reader == "demo" and ensure_spoken(root):
        print(f"scan: spoke the demo into {root}")
    files = scan_corpus(corpus, root, store_root() / "scan" / f"{corpus.name}.json")
    write_files(stage.outputs.files, files)
    write_code(stage.outputs.workspace)
    print(f"scan: {len(files)} files, {sum(file.bytes for file in files) / 1e6:.0f} MB")


def write_code(workspace: Path) -> None:
    """Write data/code/<key>.json for every key of stages/roots.yaml."""
    stages = workspace / "stages"
    for key, roots in read_yaml(stages / "roots.yaml").items():
        script = stages / f"{key.partition('-')[0]}.py"
        hashes = fingerprint(workspace / "src", script, roots)
        write_json(workspace / "data" / "code" / f"{key}.json", hashes)


if __name__ == "__main__":
    run("scan", scan)
