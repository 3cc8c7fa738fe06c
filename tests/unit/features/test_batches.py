"""Rows do not depend on the batch: bit for bit, for every extractor.

The engine fills every batch to one shape; here rows meet other neighbours and other places in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mfsn.features.base import Extractor
from mfsn.features.config import EncoderConfig, FunctionalsConfig, MfccConfig, SpectrogramConfig
from mfsn.features.registry import make_extractor

Waves = npt.NDArray[np.float32]
Samples = npt.NDArray[np.int64]
Rows = dict[str, npt.NDArray[Any]]
SAMPLES = 4_000


def encoder(model: str, precision: str) -> EncoderConfig:
    levels = {"low": 1, "mid": 2, "high": 4}
    return EncoderConfig.parse(
        {"model": f"random/{model}", "levels": levels, "precision": precision}, "test"
    )


EXTRACTORS = {
    "sec-float32": encoder("data2vec-audio-demo", "float32"),
    "sec-bfloat16": encoder("data2vec-audio-demo", "bfloat16"),
    "tec-float32": encoder("wav2vec2-demo", "float32"),
    "tec-bfloat16": encoder("wav2vec2-demo", "bfloat16"),
    "spectrogram": SpectrogramConfig(),
    "mfcc": MfccConfig(),
}


@pytest.fixture(scope="module", params=EXTRACTORS)
def extractor(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Extractor]:
    """For segments of a quarter of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MFSN_STORE", str(tmp_path_factory.mktemp("store")))
        yield make(str(request.param), SAMPLES)


def make(name: str, samples: int) -> Extractor:
    return make_extractor(name.partition("-")[0], EXTRACTORS[name], 16_000, samples)


@pytest.fixture(scope="module")
def valid() -> Samples:
    """Samples of real audio in nine segments: full, partial, hardly any."""
    return np.array([SAMPLES, 2_500, SAMPLES, 100, SAMPLES - 1, 1, SAMPLES, 400, SAMPLES])


@pytest.fixture(scope="module")
def padded(waves: Waves, valid: Samples) -> Waves:
    cut = waves[: len(valid), :SAMPLES]
    return np.where(np.arange(SAMPLES) < valid[:, None], cut, np.float32(0))


@pytest.fixture(scope="module")
def alone(extractor: Extractor, padded: Waves, valid: Samples) -> Rows:
    """Rows of waves that had nobody beside them."""
    return in_batches(extractor, padded, valid, range(len(padded)), 1)


def in_batches(
    extractor: Extractor, waves: Waves, valid: Samples, order: Sequence[int], size: int
) -> Rows:
    """Extract `size` waves a call, in an order, each call filled up with zeros; rows by wave."""
    found: dict[str, dict[int, npt.NDArray[Any]]] = {}
    for first in range(0, len(order), size):
        chosen = list(order[first : first + size])
        waves_BT = np.zeros((extractor.batch_rows, waves.shape[1]), np.float32)
        valid_B = np.full(extractor.batch_rows, waves.shape[1])
        waves_BT[: len(chosen)], valid_B[: len(chosen)] = waves[chosen], valid[chosen]
        for name, rows in extractor.extract(waves_BT, valid_B).items():
            found.setdefault(name, {}).update(zip(chosen, rows, strict=False))
    return {name: np.stack([rows[i] for i in sorted(rows)]) for name, rows in found.items()}


@pytest.mark.parametrize("size", [3, 8])
def test_neighbours_and_a_tail_change_no_bit(
    extractor: Extractor, padded: Waves, valid: Samples, alone: Rows, size: int
) -> None:
    assert_same(alone, in_batches(extractor, padded, valid, range(len(padded)), size))


def test_order_changes_no_bit(
    extractor: Extractor, padded: Waves, valid: Samples, alone: Rows
) -> None:
    shuffled = list(np.random.default_rng(1).permutation(len(padded)))
    assert_same(alone, in_batches(extractor, padded, valid, shuffled, extractor.batch_rows))


def test_rows_have_the_shape_and_dtype_that_is_promised(extractor: Extractor, alone: Rows) -> None:
    promised = {a.name: ((9, *a.shape), np.dtype(a.dtype)) for a in extractor.arrays}
    assert {name: (values.shape, values.dtype) for name, values in alone.items()} == promised


def test_rows_differ_between_waves(alone: Rows) -> None:
    """Or everything above would hold of a constant."""
    for rows in alone.values():
        assert not np.array_equal(rows[0], rows[1])


@pytest.mark.parametrize("name", EXTRACTORS)
def test_position_changes_no_bit_of_three_seconds(name: str, store: Path, waves: Waves) -> None:
    extractor, long = make(name, 48_000), np.tile(waves[:8], 6)
    forwards = in_batches(extractor, long, np.full(8, 48_000), range(8), 8)
    backwards = in_batches(extractor, long, np.full(8, 48_000), range(7, -1, -1), 8)
    assert_same(forwards, backwards)


@pytest.mark.parametrize("feature_set", ["mfcc", "eGeMAPSv02"])
def test_functionals_do_not_depend_on_what_came_before(waves: Waves, feature_set: str) -> None:
    config = FunctionalsConfig.parse({"set": feature_set}, "test")
    one, other = (make_extractor("functionals", config, 16_000, SAMPLES) for _ in range(2))
    valid_B = np.array([waves.shape[1]])
    forwards = [one.extract(wave[None], valid_B)["functionals"] for wave in waves[:4]]
    backwards = [other.extract(wave[None], valid_B)["functionals"] for wave in waves[3::-1]]
    assert all(map(np.array_equal, forwards, backwards[::-1]))


def assert_same(some: Rows, other: Rows) -> None:
    assert some.keys() == other.keys()
    for name, rows in some.items():
        assert rows.tobytes() == other[name].tobytes(), name
