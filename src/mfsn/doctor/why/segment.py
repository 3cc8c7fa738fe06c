"""Explain the keys of a segment's rows, and where the rows are in the store."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from mfsn.doctor.why.situation import Named, Situation
from mfsn.errors import ConfigError
from mfsn.features.extraction.items import transcripts_of
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table
from mfsn.segments.waves import contents_of
from mfsn.store.messages import fill
from mfsn.store.store import Store
from mfsn.workspace import corpus_root, recording


def explain_ids(asked: str, situation: Situation) -> Iterator[str]:
    """Explain a segment, or all segments of an utterance.

    Raises:
        ConfigError: if there is no such extractor, segment or utterance.
        MfsnError: if the segment table, a digest or the store cannot be read.
    """
    table = read_table(situation.outputs.segments, SEGMENTS)
    is_segment, is_utterance = table["segment_id"] == asked, table["utterance_id"] == asked
    chosen = table[is_segment | is_utterance]
    if chosen.empty:
        raise _unknown(asked, table, situation)
    yield from _recording(chosen.iloc[0], situation)
    kept = situation.at_head(situation.outputs.segments)
    before = read_table(kept, SEGMENTS) if kept else None
    no_head = situation.no_head or situation.lost_head(situation.outputs.segments)
    for _, segment in chosen.iterrows():
        yield f"{segment['segment_id']}: starts at sample {segment['start_sample']}"
        missing = [f"    {no_head}"] if no_head else []
        yield from missing or _since_head(segment, before)
    for extractor in situation.kinds:
        yield from _rows(extractor, chosen, situation)


def _unknown(asked: str, table: pd.DataFrame, situation: Situation) -> ConfigError:
    names = [*situation.kinds, *table["utterance_id"].unique(), *table["segment_id"]]
    close = difflib.get_close_matches(asked, names, n=3)
    hint = f"; did you mean {', '.join(close)}?" if close else ""
    return ConfigError(
        f"{asked} is not an extractor ({', '.join(situation.kinds)}), and not a segment or "
        f"utterance of corpus {situation.outputs.corpus}{hint}"
    )


def _recording(segment: pd.Series, situation: Situation) -> Iterator[str]:
    """Tell whether the audio has changed since the segments were cut."""
    manifest = read_table(situation.outputs.manifest, UTTERANCES)
    own = manifest[manifest["utterance_id"] == segment["utterance_id"]]
    if own.empty:
        yield f"{segment['utterance_id']} is not in the manifest any more; run `dvc repro`"
        return
    path = recording(corpus_root(situation.outputs.corpus), own["path"].iloc[0])
    cut, (prepared,), now = segment["audio_sha256"], contents_of(own), _sha256(path)
    yield f"recording {path}, audio sha256 {own['audio_sha256'].iloc[0][:12]}"
    if now is None:
        yield "    the recording does not exist, so the audio cannot be compared"
    elif contents_of(own.assign(audio_sha256=now)) != [cut]:
        yield f"    audio sha256: {cut[:12]} -> {now[:12]} since it was cut; run `dvc repro`"
    elif prepared != cut:
        yield f"    audio sha256: {cut[:12]} -> {prepared[:12]} in the manifest; run `dvc repro`"
    else:
        yield "    nothing changed since it was cut"


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _since_head(segment: pd.Series, before: pd.DataFrame | None) -> Iterator[str]:
    if before is None:
        yield "    HEAD has no segment table to compare with"
        return
    own = before[before["segment_id"] == segment["segment_id"]]
    if own.empty:
        yield "    new since HEAD"
        return
    was = own.iloc[0]
    differing = [
        f"    {name}: {_short(was[name])} -> {_short(segment[name])} since HEAD"
        for name in ("audio_sha256", "start_sample", "valid_samples")
        if was[name] != segment[name]
    ]
    if not differing and was["row_key"] != segment["row_key"]:
        differing = ["    the recipe of segments changed since HEAD: see `mfsn cache why waveform`"]
    yield from differing or ["    nothing changed since HEAD"]


def _rows(extractor: str, chosen: pd.DataFrame, situation: Situation) -> Iterator[str]:
    named = situation.named(extractor, situation.digest(extractor))
    if named is None:
        yield f"{extractor}: it has no digest yet; run `dvc repro`"
        return
    committed = Store(situation.store, named.spec).committed()
    made_of = "transcript" if named.of_text else "audio"
    for name, sha, start in _items(named, chosen, situation):
        key = named.rows.get(name)
        if key is None:
            yield f"{extractor}: its digest does not name {name}; run `dvc repro`"
        elif key != named.spec.row_key(sha, start):
            made = named.spec.row_key(sha, start)
            keys = f"{key[:12]} -> {made[:12]}"
            yield f"{extractor}: key {keys} with this {made_of}; run `dvc repro`"
        elif key in committed:
            shard, row = committed[key]
            where = f"{named.spec.directory}, shard {shard}, row {row}"
            yield f"{extractor}: key {key[:12]} of {name}, in {where}"
        else:
            yield f"{extractor}: the row of {name} is not in the store; {fill(extractor)}"
    yield from _asked(extractor, named, situation)


def _items(named: Named, chosen: pd.DataFrame, situation: Situation) -> list[tuple[str, str, int]]:
    """Id, hash of audio or text, and first sample of each row: of segments or of the utterance."""
    if named.of_text:
        utterance = chosen["utterance_id"].iloc[0]
        said = transcripts_of(read_table(situation.outputs.manifest, UTTERANCES))
        text = said.get(utterance, "")
        return [(utterance, hashlib.sha256(text.encode()).hexdigest(), 0)]
    of_utterance = chosen["utterance_id"].iloc[0] in named.rows
    columns = ["utterance_id" if of_utterance else "segment_id", "audio_sha256", "start_sample"]
    rows = [(i, sha, int(start)) for i, sha, start in chosen[columns].itertuples(index=False)]
    return [(rows[0][0], rows[0][1], 0)] if of_utterance else rows


def _asked(extractor: str, named: Named, situation: Situation) -> Iterator[str]:
    """Parameters that changed in params.yaml; `mfsn cache why EXTRACTOR` also compares weights."""
    section = getattr(situation.params, extractor, None)
    if section is None:
        return
    now = section.model_dump(mode="json")
    # A parameter that a digest does not contain had its default value.
    then = type(section).model_construct().model_dump(mode="json") | dict(named.config)
    for name in sorted(now):
        if then.get(name) != now[name]:
            yield f"    {extractor}.{name}: {then.get(name)} -> {now[name]} in params.yaml"


def _short(value: object) -> object:
    return value[:12] if isinstance(value, str) else value
