"""Flipped bits in the outputs of stages: refused in a sentence, or without any effect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mfsn.base.files import read_json, write_json
from mfsn.corpora.preparing.scan import ScannedFile, read_files, write_files
from mfsn.errors import DamagedFileError, MfsnError
from mfsn.manifest import SEGMENTS, UTTERANCES, completed, read_table, write_table
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec, StoreSpec

FLIPS = 60


def flipped(path: Path, sound: bytes, seed: int) -> None:
    """Write the file with one bit flipped."""
    rng = np.random.default_rng(seed)
    data = bytearray(sound)
    data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)


def manifest() -> pd.DataFrame:
    rows = range(40)
    return completed(
        pd.DataFrame(
            {
                "utterance_id": [f"u{row}" for row in rows],
                "path": [f"{row}.wav" for row in rows],
                "audio_sha256": [f"{row:064x}" for row in rows],
                "speaker": [f"s{row % 4}" for row in rows],
                "emotion": ["anger", "joy"] * 20,
                "duration_s": np.linspace(1, 9, 40),
                "licence": ["none"] * 40,
            }
        )
    )


def segments() -> pd.DataFrame:
    whole = [(f"u{row}#0", f"u{row}", 0, 0, 48_000 - row, 0, f"{row:064x}", f"{row:032x}")
             for row in range(40)]  # fmt: skip
    return pd.DataFrame(whole, columns=SEGMENTS.names)


@pytest.mark.parametrize(("table", "schema"), [(manifest(), UTTERANCES), (segments(), SEGMENTS)])
def test_a_flipped_bit_in_a_table_gives_the_table_or_a_sentence(
    tmp_path: Path, table: pd.DataFrame, schema: Any
) -> None:
    path = tmp_path / "table.parquet"
    write_table(path, table, schema)
    sound, expected, refused = path.read_bytes(), read_table(path, schema), 0
    for seed in range(FLIPS):
        flipped(path, sound, seed)
        try:
            found = read_table(path, schema)
        except MfsnError as error:
            assert str(path) in str(error) and "run `dvc repro`" in str(error)
            refused += 1
        else:
            pd.testing.assert_frame_equal(found, expected)
    assert refused > FLIPS / 2


def digest(path: Path) -> Callable[[], object]:
    spec = StoreSpec("mfcc", {"version": 1}, (ArraySpec("mean", (3,), "float32", ("feature",)),))
    rows = {f"u{row}#0": spec.row_key(f"{row:064x}", 0) for row in range(20)}
    Digest.of(spec, {"config": {"hop_ms": 10.0}}, rows).write(path)
    return lambda: Digest.read(path)


def metrics(path: Path) -> Callable[[], object]:
    write_json(path, {"ua": 0.5, "wa": 0.25, "rows": [1, 2, 3]})
    return lambda: read_json(path)


def files(path: Path) -> Callable[[], object]:
    write_files(path, [ScannedFile(f"{row}.wav", row, f"{row:064x}") for row in range(20)])
    return lambda: read_files(path)


@pytest.mark.parametrize("kind", [digest, metrics, files])
def test_a_flipped_bit_in_text_never_ends_in_a_traceback(
    tmp_path: Path, kind: Callable[[Path], Callable[[], object]]
) -> None:
    """Text that can still be read is compared with dvc.lock by `mfsn cache verify`."""
    path = tmp_path / "output"
    read = kind(path)
    sound, refused = path.read_bytes(), 0
    for seed in range(FLIPS):
        flipped(path, sound, seed)
        try:
            read()
        except MfsnError as error:
            assert str(path) in str(error) and "dvc repro" in str(error)
            refused += 1
    assert refused > 0


def test_json_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_bytes(b'{"ua": \xff')
    with pytest.raises(DamagedFileError, match=r"scores\.json is damaged .* delete it and run"):
        read_json(tmp_path / "scores.json")
