"""`mfsn cache why`: explain in words which part of a key changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from mfsn.doctor.wanted import wanted_spec
from mfsn.doctor.why.segment import explain_ids
from mfsn.doctor.why.situation import Named, Situation
from mfsn.errors import ModelLoadError
from mfsn.store.messages import fill
from mfsn.store.spec import StoreSpec
from mfsn.store.store import Store
from mfsn.store.upkeep.identity_diff import Change, changes, neighbours

SHOWN = 3
"""The most other store directories that are listed."""


def why(asked: str, workspace: Path, store: Path) -> list[str]:
    """Explain the key of an extractor's rows, of a segment, or of an utterance's segments.

    Args:
        asked: an extractor (or `waveform`), or an id of the segment table.
        workspace: the workspace.
        store: root of the feature cache.

    Returns:
        The lines of the explanation.

    Raises:
        ConfigError: if there is no such extractor or id.
        MfsnError: if params.yaml, a digest, the segment table or the store cannot be read.
    """
    situation = Situation.of(workspace, store)
    return list((_explain if asked in situation.kinds else explain_ids)(asked, situation))


def _explain(extractor: str, situation: Situation) -> Iterator[str]:
    path = situation.digest(extractor)
    name = situation.relative(path)
    present = situation.named(extractor, path)
    wanted = present.spec if present else None
    try:
        wanted = wanted_spec(extractor, situation.params, situation.store)
        yield f"{extractor}: params.yaml asks for {wanted.directory}"
    except ModelLoadError as error:
        yield f"{extractor}: it is unknown which rows params.yaml asks for: {error}"
    if wanted is None:
        return
    yield from _compared(f"the working tree ({name})", present, wanted)
    at_head = situation.named(extractor, situation.at_head(path))
    no_head = situation.no_head or situation.lost_head(path)
    yield from [no_head] if no_head else _compared("HEAD (dvc.lock)", at_head, wanted)
    yield from _rows(extractor, present, wanted, situation.store)
    told = {named.spec.identity for named in (present, at_head) if named}
    yield from _others(wanted, told, situation.store)


def _compared(where: str, there: Named | None, wanted: StoreSpec) -> Iterator[str]:
    if there is None:
        yield f"{where} names no rows of this extractor"
    elif there.spec.identity == wanted.identity:
        yield f"{where} names the same: nothing changed"
    else:
        yield f"{where} names {there.spec.directory}; changes since then:"
        yield from _listed(changes(there.spec, wanted))


def _rows(extractor: str, present: Named | None, wanted: StoreSpec, store: Path) -> Iterator[str]:
    if present is None or present.spec.identity != wanted.identity:
        there = len(Store(store, wanted).committed())
        yield f"the store has {there} rows of {wanted.directory}; `dvc repro` adds missing ones"
        return
    lost = len(Store(store, wanted).missing(list(present.rows.values())))
    if lost:
        yield f"the store lacks {lost} of {len(present.rows)} rows; {fill(extractor)}"
    else:
        yield f"all {len(present.rows)} rows are in the store"


def _others(wanted: StoreSpec, told: Collection[str], store: Path) -> Iterator[str]:
    found = [other for other in neighbours(store, wanted) if other.spec.identity not in told]
    for other in found[:SHOWN]:
        yield f"{other.spec.directory} ({other.rows} rows) is in the store too; it differs in:"
        yield from _listed(other.changes)
    if len(found) > SHOWN:
        yield f"and {len(found) - SHOWN} less similar ones"


def _listed(found: Sequence[Change]) -> list[str]:
    return [f"    {change}" for change in found]
