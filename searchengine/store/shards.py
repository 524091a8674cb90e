"""Append-only vector shards: the truth that every index is made from.

A shard file is two ``.npy`` arrays one after the other: keys int64 (2, n), the ids of segments,
ascending, over those of their items; then vectors float16 (n, d). Float16 moves a cosine by less
than 1e-3 and halves the disk; every similarity we report is computed from these very numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from searchengine.errors import StoreCorrupt, StoreError
from searchengine.types import FloatArray

IdArray = npt.NDArray[np.int64]
HalfArray = npt.NDArray[np.float16]

#: Ids with their vectors, a part at a time.
Blocks = Iterable[tuple[IdArray, HalfArray]]

#: How far from 1 the length of a vector may be before it is refused.
LENGTH_TOLERANCE = 1e-3

#: Rows turned to float32 at a time where all of a shard is read (32 MB at 1024-d).
BLOCK_ROWS = 8192


def check_vectors(vectors: FloatArray, dim: int) -> None:
    """Refuse what would poison an index: another shape, NaN, or a length that is not 1."""
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        raise StoreError(f"vectors of shape {vectors.shape} do not fit a collection of {dim}-d")
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.all(np.abs(lengths - 1) < LENGTH_TOLERANCE):  # False for NaN too
        raise StoreError("the encoder gave a vector that is not finite and of length 1")


def write_shard(
    file: BinaryIO, keys: IdArray, blocks: Iterable[FloatArray | HalfArray], dim: int
) -> None:
    """``keys`` int64 (2, n), and their vectors in blocks, so that none need all be in memory."""
    np.save(file, np.ascontiguousarray(keys), allow_pickle=False)
    header = {"descr": "<f2", "fortran_order": False, "shape": (keys.shape[1], dim)}
    np.lib.format.write_array_header_1_0(file, header)
    for block in blocks:
        file.write(np.ascontiguousarray(block, dtype="<f2").data)


class Shard:
    """One shard, memory-mapped: opening it reads its keys, searching reads only rows asked for."""

    def __init__(self, path: Path, dim: int) -> None:
        try:
            with path.open("rb") as file:
                self.keys: IdArray = np.load(file, allow_pickle=False)
                self.ids: IdArray = self.keys[0]
                version = np.lib.format.read_magic(file)
                if version != (1, 0):
                    raise ValueError(f"npy version {version}")
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                if shape != (len(self.ids), dim) or dtype != np.float16:
                    raise ValueError(f"{dtype} {shape} instead of float16 {len(self.ids), dim}")
                self.vectors: HalfArray = np.asarray(  # a memmap makes every slice a memmap
                    np.memmap(file, np.float16, mode="r", offset=file.tell(), shape=shape)
                )
        except FileNotFoundError:
            raise
        except (OSError, ValueError, IndexError) as error:
            raise StoreCorrupt(str(path), f"not a shard ({error}); run verify --repair") from error

    def rows(self, ids: IdArray) -> IdArray:
        """Where those of ``ids`` (ascending, none before the first here) lie that are here."""
        first, last = int(self.ids[0]), int(self.ids[-1])
        if last - first + 1 == len(self.ids):  # no gaps, as long as nothing was compacted
            near: IdArray = (ids if ids[-1] <= last else ids[ids <= last]) - first
            return near
        rows: IdArray = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        there: IdArray = rows[self.ids[rows] == ids]
        return there


class Shards:
    """All shards of one collection and modality, as one table of vectors by id."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = sorted((s for s in shards if len(s.ids)), key=lambda s: int(s.ids[0]))
        self._first = np.array([s.ids[0] for s in self._shards], np.int64)

    def __len__(self) -> int:
        return sum(len(shard.ids) for shard in self._shards)

    def ids(self, after: int = -1) -> IdArray:
        """Ids greater than ``after``, ascending."""
        parts = [s.ids[np.searchsorted(s.ids, after, "right") :] for s in self._shards]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def segments_per_item(self) -> float:
        """At least 1: how many of the vectors belong to one item, on average."""
        items = sum(1 + np.count_nonzero(np.diff(shard.keys[1])) for shard in self._shards)
        return len(self) / max(int(items), 1)

    def keys(self, ids: IdArray) -> IdArray:
        """Those of ``ids`` that are here, ascending, over their items: int64 (2, n)."""
        none = np.empty((2, 0), np.int64)
        return np.concatenate(
            [none, *(shard.keys[:, rows] for shard, rows in self._find(ids))], axis=1
        )

    def gather(self, ids: IdArray) -> tuple[IdArray, FloatArray]:
        """Keys of those of ``ids`` that are here, as ``keys`` has them, and float32 vectors."""
        keys, halves = self.halves(ids)
        return keys, halves.astype(np.float32)

    def halves(self, ids: IdArray) -> tuple[IdArray, HalfArray]:
        """As ``gather``, the vectors as they are stored."""
        found = list(self._find(ids))
        if not found:
            return np.empty((2, 0), np.int64), np.empty((0, 0), np.float16)
        keys = [shard.keys.take(rows, axis=1) for shard, rows in found]
        vectors = [shard.vectors.take(rows, axis=0) for shard, rows in found]
        if len(found) == 1:
            return keys[0], vectors[0]
        return np.concatenate(keys, axis=1), np.concatenate(vectors)

    def _find(self, ids: IdArray) -> Iterator[tuple[Shard, IdArray]]:
        """Shards with the rows in them of ``ids``, of which none is there twice, ascending."""
        ids = np.sort(ids)
        bounds = np.searchsorted(ids, self._first).tolist()
        for shard, start, end in zip(self._shards, bounds, [*bounds[1:], len(ids)], strict=True):
            if start < end:
                yield shard, shard.rows(ids[start:end])

    def blocks(self, after: int = -1) -> list[tuple[IdArray, HalfArray]]:
        """Ids greater than ``after`` with their vectors, as views of at most BLOCK_ROWS rows."""
        views = []
        for shard in self._shards:
            start = int(np.searchsorted(shard.ids, after, "right"))
            for row in range(start, len(shard.ids), BLOCK_ROWS):
                end = min(row + BLOCK_ROWS, len(shard.ids))
                views.append((shard.ids[row:end], shard.vectors[row:end]))
        return views


def without(blocks: Blocks, dead: IdArray) -> Iterator[tuple[IdArray, HalfArray]]:
    """The blocks, less the rows of ``dead``."""
    for ids, vectors in blocks:
        if len(dead):
            keep = np.isin(ids, dead, assume_unique=True, invert=True)
            ids, vectors = ids[keep], vectors[keep]
        yield ids, vectors


def only(blocks: Blocks, allowed: IdArray) -> Iterator[tuple[IdArray, HalfArray]]:
    """The rows of ``allowed``, of each block."""
    for ids, vectors in blocks:
        keep = np.isin(ids, allowed, assume_unique=True)
        yield ids[keep], vectors[keep]
