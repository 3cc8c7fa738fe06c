"""Stage `segment`: cut every utterance into segments; waves go to the store, the table to DVC."""

from _start import run
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table, write_table
from mfsn.params import Stage
from mfsn.segments.waves import segment_corpus, waveform_store
from mfsn.store.owners import register_owner
from mfsn.workspace import corpus_root, main_checkout, store_root


def segment(stage: Stage) -> None:
    """Read the manifest, cut, write the table, tell the store who needs the rows."""
    outputs, config, root = stage.outputs, stage.params.segment, store_root()
    manifest = read_table(outputs.manifest, UTTERANCES)
    table = segment_corpus(manifest, corpus_root(outputs.corpus), config, root)
    write_table(outputs.segments, table, SEGMENTS)
    needed = waveform_store(config, root).spec.directory
    register_owner(root, main_checkout(), outputs.segments.relative_to(outputs.workspace), needed)


if __name__ == "__main__":
    run("segment", segment)
