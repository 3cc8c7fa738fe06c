"""`mfsn doctor`: estimate disk, memory and time of a run, and check all that it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mfsn import runtime
from mfsn.base.quantities import counted
from mfsn.doctor.checks import Finding, check_environment, free_bytes, is_writable, no_extractor
from mfsn.doctor.digests import check_digests
from mfsn.doctor.estimate import Work, extractor_work, sizes_of, waves_work
from mfsn.doctor.pipeline import check_pipeline
from mfsn.doctor.recordings import check_recordings
from mfsn.doctor.size import Size, corpus_size
from mfsn.doctor.variables import check_variables
from mfsn.errors import MfsnError
from mfsn.models.frames import refuse_unlike_frames
from mfsn.params import Params, load_params, outputs_of
from mfsn.store.messages import explaining
from mfsn.training.system import fits_of, get_system

HEADROOM = 1.02
"""Factor on the bytes of rows, since shards also need space for an index and markers."""


@dataclass(frozen=True)
class Examination:
    """What `examine` found."""

    findings: tuple[Finding, ...]
    works: tuple[Work, ...]
    """Waves and extractors in the order of the pipeline; empty if there is no corpus."""

    @property
    def problems(self) -> list[Finding]:
        """The findings with which a run would fail."""
        return [finding for finding in self.findings if not finding.is_good]


def examine(
    workspace: Path,
    store_root: Path,
    *,
    tell: Callable[[str], None] = lambda _: None,
) -> Examination:
    """Check the environment, the corpus, the store and the encoders.

    Nothing is written, except the checkpoint of a random-weight encoder if it does not exist yet.

    Args:
        workspace: the folder with params.yaml.
        store_root: root of the feature cache.
        tell: is told what is looked at next, in words.

    Raises:
        ConfigError: if params.yaml cannot be read.
    """
    params = load_params(workspace)
    tell("the environment")
    findings = [*check_environment(params, workspace, quick=False), *check_variables()]
    findings += check_pipeline(params, workspace)
    tell("the size of the corpus")
    try:
        size = corpus_size(params, outputs_of(params, workspace))
    except MfsnError as error:
        return Examination((*findings, Finding("corpus", str(error), is_good=False)), ())
    findings.append(Finding("corpus", _described(params, size)))
    tell("labels, headers and folds")
    findings += check_recordings(params, workspace)
    works = [waves_work(params, size, store_root)]
    for name in params.read:
        tell(f"{name}: how fast it is, and which rows are missing")
        try:
            with explaining(store_root):
                works.append(extractor_work(name, params, size, store_root))
        except MfsnError as error:
            findings.append(no_extractor(name, params, error))
    tell("the store")
    findings += _frames(params, works)
    findings += _lost(params, workspace, store_root, works)
    estimates = [*_room(works, store_root), _memory(params, works, size), _time(works)]
    findings += _without(estimates, sorted(set(params.read) - {w.spec.extractor for w in works}))
    return Examination(tuple(findings), tuple(works))


def _without(estimates: Iterable[Finding], missing: Sequence[str]) -> Iterator[Finding]:
    """The estimates, which say what they leave out."""
    are = "is" if len(missing) == 1 else "are"
    said = f" ({' and '.join(missing)} {are} not counted)" if missing else ""
    for finding in estimates:
        yield replace(finding, found=f"{finding.found}{said}")


def _described(params: Params, size: Size) -> str:
    counts = f"{counted(size.utterances, 'utterance')}, {counted(size.segments, 'segment')}"
    return f"{params.corpus.name}: {counts}, {size.duration_s / 3600:.2f} h (from {size.source})"


def _frames(params: Params, works: list[Work]) -> Iterator[Finding]:
    """Check that SEC and TEC can be joined, if both encoders could be loaded."""
    specs = {work.spec.extractor: work.spec for work in works}
    parts = get_system(params.system).network
    if parts is not None and specs.keys() >= set(parts.encoders):
        frames = {str(name): specs[name].arrays[-1].shape[0] for name in parts.encoders}
        try:
            refuse_unlike_frames(parts, params.model, frames)
        except MfsnError as error:
            yield Finding("frames", str(error), is_good=False)


def _lost(params: Params, workspace: Path, store_root: Path, works: list[Work]) -> list[Finding]:
    try:
        with explaining(store_root):
            return list(check_digests(workspace, params.corpus.name, store_root, works))
    except MfsnError as error:
        return [Finding("digests", str(error), is_good=False)]


def _room(works: list[Work], store_root: Path) -> Iterator[Finding]:
    needed = sum(work.bytes for work in works) * HEADROOM
    free = free_bytes(store_root)
    found = f"{needed / 1e9:.2f} GB will be written to {store_root}; {free / 1e9:.2f} GB are free"
    if needed > free:
        found += "; free some space, or move the store with MFSN_STORE"
    yield Finding("disk", found, is_good=needed <= free)
    if not is_writable(store_root):
        denied = f"this user may not write to {store_root}; move the store with MFSN_STORE"
        yield Finding("store", denied, is_good=False)


def _memory(params: Params, works: list[Work], size: Size) -> Finding:
    try:
        device = runtime.device()
        jobs = runtime.jobs() if device == "cpu" else 1
        allowed = runtime.feature_memory_bytes(device)
    except MfsnError as error:
        return Finding("memory", str(error), is_good=False)
    fits = fits_of(get_system(params.system))
    needed = fits.held_bytes(sizes_of(params, works, size.utterances))
    where = "one process" if jobs == 1 else f"each of {jobs} processes"
    held = f"{needed / 1e9:.2f} GB of features for {params.system}, in {where}"
    if needed * jobs <= allowed:
        return Finding("memory", f"{held}; they fit ({allowed / 1e9:.2f} GB allowed)")
    why = f"{held}, more than the {allowed / 1e9:.2f} GB allowed"
    if not fits.streams:
        return Finding("memory", f"{why}; fewer fits will run at once", is_good=needed <= allowed)
    return Finding("memory", f"{why}; training reads them from the store batch by batch")


def _time(works: list[Work]) -> Finding:
    known = [work.seconds for work in works if work.seconds is not None]
    unknown = [work.spec.extractor for work in works if work.seconds is None]
    without = f", without {', '.join(unknown)}" if unknown else ""
    minutes = sum(known) / 60
    lasts = f"about {minutes:.1f} min" if minutes >= 1 else "less than a minute"
    return Finding("time", f"{lasts} to compute all missing rows{without}; training comes on top")
