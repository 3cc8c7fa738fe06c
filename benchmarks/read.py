"""Random and whole reads of encoder rows: mfsn, a .npy memmap, TensorStore and zarr-python.

Usage: python benchmarks/read.py [--rows 4096] [--rounds 15] [--folder FOLDER]

The same rows (149 x 768 float16) lie in the store and in one .npy file. Every reader reads the same
64 random rows in every round, in turns, once with the files in the page cache and once after the
kernel was told to drop them (posix_fadvise DONTNEED; on a virtual machine the host may still hold
them). All but the memmap check every row's checksum. Every answer is compared with what was
written. Medians are printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorstore
import zarr
from zarr.codecs import Crc32cCodec

from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store

SHAPE = (149, 768)
BATCH = 64
LEVEL = ArraySpec("high", SHAPE, "float16", ("frame", "feature"))
Rows = npt.NDArray[np.float16]
Read = Callable[[Sequence[int]], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", type=Path, help="on the disk to measure (default: temporary)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        measure(Path(folder), asked.rows, asked.rounds)


def measure(folder: Path, count: int, rounds: int) -> None:
    source = make_rows(count)
    print(f"{count} rows of {SHAPE} float16, {source.nbytes / 1e9:.2f} GB; "
          f"{os.cpu_count()} processors; mfsn and memmap read on 1 thread, TensorStore and "
          "zarr-python as they come")  # fmt: skip
    write_all(folder, source)
    readers = open_readers(folder, count)
    warm, cold, whole = ({name: list[float]() for name in readers} for _ in range(3))
    generator = np.random.default_rng(1)
    for turn in range(rounds):
        chosen = np.sort(generator.choice(count, BATCH, replace=False)).tolist()
        for name in in_turn(readers, turn):
            warm[name].append(timed(readers[name], chosen, source))
    for turn in range(rounds):
        chosen = np.sort(generator.choice(count, BATCH, replace=False)).tolist()
        for name in in_turn(readers, turn):
            readers["npy memmap"] = open_memmap(folder)  # pages that are mapped are not dropped
            drop_from_page_cache(folder)
            cold[name].append(timed(readers[name], chosen, source))
    for turn in range(5):
        for name in in_turn(readers, turn):
            if name != "zarr-python oindex":  # minutes
                whole[name].append(timed(readers[name], range(count), source))
    report(warm, cold, whole, source.nbytes)


def make_rows(count: int) -> Rows:
    """Rows that differ, made quickly: noise, shifted by the row's number."""
    noise = np.random.default_rng(0).normal(size=SHAPE).astype(np.float16)
    shifts = np.arange(count, dtype=np.float16)[:, None, None] / 64
    return (noise + shifts).astype(np.float16)


def write_all(folder: Path, source: Rows) -> None:
    """Write the rows in each way, flushed to disk, and print how fast that was."""
    ways = {"mfsn store": write_store, ".npy": write_npy, "zarr-python sharded": write_zarr}
    for name, write in ways.items():
        started = time.perf_counter()
        write(folder, source)
        print(f"write {name}: {source.nbytes / 1e6 / (time.perf_counter() - started):.0f} MB/s")


def write_store(folder: Path, source: Rows) -> None:
    with store_in(folder).writer() as writer:
        for first in range(0, len(source), BATCH):
            rows = source[first : first + BATCH]
            writer.append(keys(range(first, first + len(rows))), {LEVEL.name: rows})


def write_npy(folder: Path, source: Rows) -> None:
    with (folder / "rows.npy").open("wb") as file:
        np.save(file, source)
        file.flush()
        os.fsync(file.fileno())


def write_zarr(folder: Path, source: Rows) -> None:
    array = zarr.create_array(
        str(folder / "zarr"), shape=source.shape, dtype=source.dtype, chunks=(1, *SHAPE),
        shards=(512, *SHAPE), compressors=Crc32cCodec(),
    )  # fmt: skip
    for first in range(0, len(source), 512):
        array[first : first + 512] = source[first : first + 512]
    os.sync()


def open_readers(folder: Path, count: int) -> dict[str, Read]:
    """Each reader on the same bytes; TensorStore and zarr-python read the store of mfsn."""
    store = store_in(folder)
    store.committed()
    known = keys(range(count))
    path = str(store.path / LEVEL.name)
    driver = {"driver": "zarr3", "kvstore": {"driver": "file", "path": path}}
    tensors = tensorstore.open(driver).result()
    array: Any = zarr.open_array(path, mode="r")
    return {
        "mfsn": lambda rows: store.read([known[row] for row in rows])[LEVEL.name],
        "npy memmap": open_memmap(folder),
        "TensorStore": lambda rows: tensors[list(rows)].read().result(),
        "zarr-python, row by row": lambda rows: np.stack([array[row] for row in rows]),
        "zarr-python oindex": lambda rows: array.oindex[list(rows)],
    }


def open_memmap(folder: Path) -> Read:
    memmap = np.load(folder / "rows.npy", mmap_mode="r")
    return lambda rows: memmap[list(rows)]


def store_in(folder: Path) -> Store:
    return Store(folder, StoreSpec("sec", {"benchmark": "read"}, (LEVEL,)))


def keys(rows: range) -> list[str]:
    return [f"{row:064x}" for row in rows]


def in_turn(readers: dict[str, Read], turn: int) -> list[str]:
    """The readers, another one first each time."""
    names = list(readers)
    return names[turn % len(names) :] + names[: turn % len(names)]


def timed(read: Read, rows: Sequence[int], source: Rows) -> float:
    started = time.perf_counter()
    found = read(rows)
    seconds = time.perf_counter() - started
    assert np.array_equal(found[:: BATCH // 4], source[rows[:: BATCH // 4]])
    return seconds


def drop_from_page_cache(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def report(
    warm: dict[str, list[float]], cold: dict[str, list[float]], whole: dict[str, list[float]],
    size: int,
) -> None:  # fmt: skip
    medians = [{n: statistics.median(t) for n, t in times.items()} for times in (warm, cold)]
    print(f"| reader | {BATCH} rows warm, ms | to memmap | cold, ms | to memmap | whole, GB/s |")
    print("|---|---|---|---|---|---|")
    for name in warm:
        cells = [f"{1e3 * m[name]:.1f} | {m[name] / m['npy memmap']:.2f}" for m in medians]
        speed = f"{size / statistics.median(whole[name]) / 1e9:.2f}" if whole[name] else "-"
        print(f"| {name} | {' | '.join(cells)} | {speed} |")


if __name__ == "__main__":
    main()
