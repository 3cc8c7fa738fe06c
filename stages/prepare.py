"""Stage `prepare`: corpus files -> manifest, and an account of what was left out."""

from _start import run
from mfsn.base.files import write_json
from mfsn.corpora.preparing.prepare import prepare_corpus, summary
from mfsn.corpora.preparing.scan import read_files
from mfsn.manifest import UTTERANCES, write_table
from mfsn.params import Stage
from mfsn.protocols.fold import tell_divided
from mfsn.protocols.make import make_folds
from mfsn.workspace import corpus_root


def prepare(stage: Stage) -> None:
    """Read, check, write."""
    params, outputs = stage.params, stage.outputs
    manifest, account = prepare_corpus(
        params.corpus,
        params.labels,
        params.prepare,
        corpus_root(params.corpus.name),
        read_files(outputs.files),
        sample_rate_hz=params.segment.sample_rate_hz,
    )
    # Folds that cannot be made are found here, and not after hours of extraction.
    folds = make_folds(manifest, params.protocol, outputs.workspace)
    write_table(outputs.manifest, manifest, UTTERANCES)
    write_json(outputs.prepared / "excluded.json", account)
    for line in (*tell_divided(folds, account.get("alike", [])), summary(manifest, account)):
        print(f"prepare: {line}")


if __name__ == "__main__":
    run("prepare", prepare)
