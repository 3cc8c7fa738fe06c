"""Predict whether `prepare` will accept the corpus: its own checks, with headers only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from mfsn.base.hashing import Entry
from mfsn.base.quantities import counted
from mfsn.corpora.base import MakingReader, get_reader
from mfsn.corpora.config import CorpusConfig
from mfsn.corpora.preparing.decoding import glance
from mfsn.corpora.preparing.joined import survey_any
from mfsn.corpora.preparing.prepare import manifest_of
from mfsn.corpora.preparing.scan import ScannedFile, no_corpus, scan_corpus
from mfsn.corpora.preparing.survey import Survey, Surveyed
from mfsn.doctor.checks import Finding
from mfsn.errors import CorpusError, MfsnError
from mfsn.params import Params
from mfsn.protocols.make import try_folds
from mfsn.workspace import corpus_root, is_named


def check_recordings(params: Params, workspace: Path) -> Iterator[Finding]:
    """Check labels, headers and folds; only `prepare` finds silence and duplicates.

    A corpus that the next run makes is not checked yet.
    """
    try:
        if any(_will_be_made(corpus) for corpus in params.corpus.members):
            return
    except MfsnError as error:
        yield Finding("recordings", str(error), is_good=False)
        return
    try:
        survey, files = _glance(params)
    except MfsnError as error:
        yield Finding("recordings", str(error), is_good=False)
        return
    for problem in survey.problems:
        yield Finding("recordings", problem, is_good=False)
    if not survey.problems:
        yield Finding("recordings", _described(survey))
        yield _folds(params, survey, files, workspace)
    for warning in (*survey.warnings, *survey.notes):
        yield Finding("recordings", warning, is_odd=True)


def manifest_from_headers(params: Params) -> pd.DataFrame:
    """The manifest that `prepare` will write, as far as names, labels and headers tell.

    Recordings that hold only silence are still in it, and no two count as the same sound.

    Raises:
        CorpusError: if the corpus is missing or will be made by the first run, or if `prepare`
            would refuse it; the message has one line per problem.
    """
    for corpus in params.corpus.members:
        if _will_be_made(corpus):
            raise CorpusError(
                f"the first run makes the corpus {corpus.name}; run `dvc repro prepare`, then look "
                "at its folds"
            )
    survey, files = _glance(params)
    if survey.problems:
        raise CorpusError("\n".join(survey.problems))
    return manifest_of(survey, files)


def _glance(params: Params) -> tuple[Survey, list[ScannedFile]]:
    root = corpus_root(params.corpus.name)
    files = scan_corpus(params.corpus, root, identify=_by_path)
    looked = Surveyed(params.corpus, params.labels, params.prepare, root, files, glance)
    return survey_any(looked), files


def check_corpus_folders(params: Params) -> Iterator[Finding]:
    """Check that each corpus has a folder, or will be made; no file in it is read."""
    for corpus in params.corpus.members:
        try:
            yield Finding("corpus", f"{corpus.name}: {_where(corpus)}")
        except MfsnError as error:
            yield Finding("corpus", str(error), is_good=False)


def _where(corpus: CorpusConfig) -> str:
    if _will_be_made(corpus):
        return "the first run makes it"
    root = corpus_root(corpus.name)
    if not root.is_dir():
        raise no_corpus(corpus, root)
    return f"in {root}"


def _will_be_made(corpus: CorpusConfig) -> bool:
    reader, root = get_reader(corpus.reader), corpus_root(corpus.name)
    if not isinstance(reader, MakingReader):
        return False
    reader.refuse_folder(root, named=is_named(corpus.name))
    return not (root.is_dir() and reader.files(root))


def _by_path(root: Path, paths: Iterable[str], _cache: Path | None) -> dict[str, Entry]:
    """Instead of hashes, which need the whole files; every recording counts as different."""
    return {path: [str(root / path), 0] for path in paths}


def _described(survey: Survey) -> str:
    said = f"{counted(len(survey.used), 'utterance')} of the classes, with headers that can be read"
    others = ", ".join(f"{name} {count}" for name, count in sorted(survey.other_emotions.items()))
    left_out = f"left out, not in labels.classes: {others}" if others else None
    return "; ".join(filter(None, [said, left_out, survey.shortage]))


def _folds(params: Params, survey: Survey, files: list[ScannedFile], workspace: Path) -> Finding:
    try:
        made = try_folds(manifest_of(survey, files), params.protocol, workspace)
    except MfsnError as error:
        return Finding("protocol", str(error), is_good=False)
    return Finding("protocol", made)
