"""Waves in the store: every utterance is decoded once, cut into segments, and kept as int16.

There is one row per segment, and its key depends on the content of the audio file. Beside the
samples, a row holds what the segment table says about the segment. So an utterance whose rows are
there need not be decoded again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from mfsn.audio import decoding as audio
from mfsn.base.arrays import Float32, Int16, Int64
from mfsn.base.progress import Progress
from mfsn.base.quantities import counted
from mfsn.config import sha256_of
from mfsn.errors import AudioError
from mfsn.manifest import SEGMENTS, segment_id
from mfsn.segments.config import SegmentConfig
from mfsn.store.gc.compaction import put_together
from mfsn.store.messages import WAVEFORM
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.store.writer import Writer
from mfsn.workspace import recording

VERSION = 1
"""Version of decoding; raise it when the waves of all recordings change. If they change only for
some, these take a new code instead; see `content_of`."""

CUT = 1
"""Code of how utterances are cut; a new way takes a new number. 1: segments follow one another
without overlap, and the last one is padded with zeros at its end."""

log = logging.getLogger(__name__)


def segment_recipe(config: SegmentConfig) -> dict[str, Any]:
    """What decides the samples of a segment, in numbers and codes.

    It belongs to the identity of every row that is made of audio.
    """
    recipe = {
        "duration_s": config.duration_s,
        "sample_rate_hz": config.sample_rate_hz,
        "cut": CUT,
        "decoding": VERSION,
    }
    # Left out where it is fixed: rows that are older than the other reading keep their keys.
    reading = {} if config.reading == "fixed" else {"reading": config.reading}
    return recipe | reading | config.tail_recipe


def content_of(audio_sha256: str, code: int) -> str:
    """What the rows of a recording are named after (64 hexadecimal digits).

    A recording that is decoded as in the first version is named after its file alone, so its rows
    keep their keys. Where the wave is made in another way (a better resampler, another decoder),
    the code of this way belongs to the name, so only these rows have new keys.

    Args:
        audio_sha256: of the audio file.
        code: how it becomes a wave; see `mfsn.audio.decoding.AS_BEFORE`.
    """
    return audio_sha256 if code == audio.AS_BEFORE else sha256_of([audio_sha256, code])


def contents_of(manifest: pd.DataFrame) -> list[str]:
    """`content_of` each utterance of a manifest (`mfsn.manifest.UTTERANCES`)."""
    return list(map(content_of, manifest["audio_sha256"], codes_of(manifest)))


def codes_of(manifest: pd.DataFrame) -> list[int]:
    """How each utterance of a manifest becomes a wave; see `mfsn.audio.decoding.AS_BEFORE`."""
    if "decoding" not in manifest:
        return [audio.AS_BEFORE] * len(manifest)
    codes: list[int] = manifest["decoding"].fillna(audio.AS_BEFORE).astype(int).tolist()
    return codes


def cut(wave: Int16, config: SegmentConfig) -> tuple[Int16, Int64]:
    """The segments of an utterance, each padded at its end, and the valid samples of each.

    `SegmentConfig.tail` decides where the last one begins, and whether there is one.

    With the published reading, an utterance of n samples has 1 + n // 160 frames, and its segments
    hold 300 frames each. So if the last segment of 48,000 samples is full, one without samples
    follows.
    """
    if config.tail == "pad":
        return audio.cut(wave, config.samples, close=config.reading == "as_published")
    firsts = starts(len(wave), config)
    pieces = [wave[first : first + config.samples] for first in firsts]
    waves_SN = np.zeros((len(pieces), config.samples), np.int16)
    for row, piece in enumerate(pieces):
        waves_SN[row, : len(piece)] = piece
    return waves_SN, np.array([len(piece) for piece in pieces], np.int64)


def starts(total: int, config: SegmentConfig) -> list[int]:
    """Where the segments of an utterance of `total` samples begin, as `cut` cuts them."""
    size = config.samples
    firsts = list(range(0, total + (config.reading == "as_published"), size))
    end = total % size
    if not end or len(firsts) < 2:
        return firsts
    if config.tail == "drop_below_s" and end < config.drop_below_s * config.sample_rate_hz:
        return firsts[:-1]
    return [*firsts[:-1], total - size] if config.tail == "overlap" else firsts


def wave_spec(config: SegmentConfig) -> StoreSpec:
    """The identity of the waves that are cut like this.

    The arrays are `wave` (samples,) int16, `valid_samples` and `clipped_samples` of the segment,
    and `total_samples` of its utterance.
    """
    counts = ("valid_samples", "clipped_samples", "total_samples")
    arrays = (
        ArraySpec("wave", (config.samples,), "int16", ("sample",)),
        *(ArraySpec(name, (), "int64", ()) for name in counts),
    )
    recipe = {"extractor": WAVEFORM, "version": VERSION, "segment": segment_recipe(config)}
    return StoreSpec(WAVEFORM, recipe, arrays)


def waveform_store(config: SegmentConfig, store_root: Path) -> Store:
    """Where the waves lie that are cut like this; see `wave_spec`."""
    return Store(store_root, wave_spec(config))


def segment_corpus(
    manifest: pd.DataFrame, corpus_root: Path, config: SegmentConfig, store_root: Path
) -> pd.DataFrame:
    """Cut all utterances, and decode those that have no rows in the store.

    Args:
        manifest: utterances (`mfsn.manifest.UTTERANCES`).
        corpus_root: folder that their paths are relative to.
        config: how they are cut.
        store_root: root of the feature cache.

    Returns:
        The segment table (`mfsn.manifest.SEGMENTS`), in the order of the manifest.

    Raises:
        AudioError: if files cannot be decoded, or are not those that the manifest was made from.
            It names all of them; the rows of the others are kept.
        CacheError: if the store cannot be read or written.
    """
    store = waveform_store(config, store_root)
    undecoded = _undecoded(manifest, store, config)
    if len(undecoded):
        _decode_all(manifest, corpus_root, config, store)
        put_together(store)
    table = _segment_table(manifest, store, config)
    store.note_use(list(table["row_key"]))  # `mfsn cache gc` spares them until they are named
    log.info(
        "segment: %d utterances, %d decoded, %d cached; %d segments, %d samples clipped",
        len(manifest), len(undecoded), len(manifest) - len(undecoded),
        len(table), table["clipped_samples"].sum(),
    )  # fmt: skip
    return table


def read_utterance(store: Store, segments: pd.DataFrame) -> Float32:
    """The samples of a whole utterance, without padding.

    Args:
        store: from `waveform_store`.
        segments: the utterance's rows of the segment table, in order.

    Returns:
        Mono wave (samples,), full scale 1.

    Raises:
        MissingRowError: if a segment's wave is not in the store.
        DamagedRowError: if a segment's wave does not match its checksum.
    """
    waves = store.read(list(segments["row_key"]), ["wave"])["wave"]
    firsts = segments["start_sample"].to_numpy() - segments["start_sample"].iloc[0]
    whole = np.zeros(int((firsts + segments["valid_samples"]).max()), np.int16)
    for wave, first, valid in zip(waves, firsts, segments["valid_samples"], strict=True):
        whole[first : first + valid] = wave[:valid]
    return audio.to_float32(whole)


def join(waves: Int16, valid: Iterable[int]) -> Float32:
    """Put the consecutive segments of an utterance together again, without the padding.

    Args:
        waves: (segments, samples).
        valid: valid samples of each segment.

    Returns:
        Mono wave (sum of `valid`,), full scale 1.
    """
    pieces = [wave[:samples] for wave, samples in zip(waves, valid, strict=True)]
    return audio.to_float32(np.concatenate(pieces))


def _undecoded(manifest: pd.DataFrame, store: Store, config: SegmentConfig) -> pd.DataFrame:
    """One utterance for each audio content that lacks a row."""
    totals = _total_samples(manifest, store)
    committed = store.committed()
    once = manifest.drop_duplicates("audio_sha256")
    is_whole = [
        content in totals
        and all(key in committed for key in _keys(store, config, content, totals[content]))
        for content in contents_of(once)
    ]
    return once[~np.array(is_whole, dtype=bool)]


def _total_samples(manifest: pd.DataFrame, store: Store) -> dict[str, int]:
    """Samples of each audio content whose first segment is in the store."""
    first = {content: store.spec.row_key(content, 0) for content in contents_of(manifest)}
    committed = store.committed()
    there = [content for content, key in first.items() if key in committed]
    totals = store.read([first[content] for content in there], ["total_samples"])["total_samples"]
    return dict(zip(there, totals.tolist(), strict=True))


def _keys(store: Store, config: SegmentConfig, content: str, total: int) -> Iterator[str]:
    return (store.spec.row_key(content, start) for start in starts(total, config))


def _decode_all(
    manifest: pd.DataFrame, corpus_root: Path, config: SegmentConfig, store: Store
) -> None:
    failures = []
    with store.writer() as writer:
        waiting = _undecoded(manifest, store, config)  # once more, now that nobody else writes
        files = zip(waiting["path"], waiting["audio_sha256"], codes_of(waiting), strict=True)
        for path, sha, code in Progress(files, "segment", len(waiting), unit="file"):
            file = _File(recording(corpus_root, path), sha, code)
            try:
                _decode(file, config, store.spec, writer)
            except AudioError as error:
                failures.append(str(error))
    if failures:
        raise AudioError(
            f"{counted(len(failures), 'audio file')} cannot be used:\n" + "\n".join(failures)
        )


class _File(NamedTuple):
    """A recording as the manifest describes it."""

    path: Path
    sha256: str
    code: int


def _decode(file: _File, config: SegmentConfig, spec: StoreSpec, writer: Writer) -> None:
    wave = audio.load_wave(file.path, config.sample_rate_hz)
    with file.path.open("rb") as opened:
        is_other = hashlib.file_digest(opened, "sha256").hexdigest() != file.sha256
    if is_other:
        raise AudioError(f"{file.path} has changed since `prepare` read it; run `dvc repro` again")
    if wave.code != file.code:
        raise AudioError(
            f"{file.path} is decoded in another way than the manifest says, which an older version "
            "of mfsn made; run `dvc repro` to make it again"
        )
    waves, valid = cut(wave.samples, config)
    firsts, total = starts(len(wave.samples), config), len(wave.samples)
    clipped = [np.count_nonzero(wave.clipped[first : first + config.samples]) for first in firsts]
    rows: dict[str, npt.NDArray[Any]] = {
        "wave": waves,
        "valid_samples": valid,
        "clipped_samples": np.array(clipped, dtype=np.int64),
        "total_samples": np.full(len(waves), total, dtype=np.int64),
    }
    content = content_of(file.sha256, file.code)
    writer.append([spec.row_key(content, first) for first in firsts], rows)


def _segment_table(manifest: pd.DataFrame, store: Store, config: SegmentConfig) -> pd.DataFrame:
    totals = _total_samples(manifest, store)
    table = pd.DataFrame(
        [
            (segment_id(utterance, index), utterance, index, start, content)
            for utterance, content in zip(
                manifest["utterance_id"], contents_of(manifest), strict=True
            )
            for index, start in enumerate(starts(totals[content], config))
        ],
        columns=["segment_id", "utterance_id", "index", "start_sample", "audio_sha256"],
    )
    places = zip(table["audio_sha256"], table["start_sample"], strict=True)
    table["row_key"] = [store.spec.row_key(sha, start) for sha, start in places]
    counts = store.read(list(table["row_key"]), ["valid_samples", "clipped_samples"])
    return table.assign(**counts).reindex(columns=SEGMENTS.names)
