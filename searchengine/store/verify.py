"""Is everything in a library what it should be, and if not, what can be put right?

An index is made anew from the shards. A shard that is lost takes its items with it: they are
forgotten, so that the next index run finds them new and encodes them again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from searchengine.errors import StoreCorrupt
from searchengine.store.build import INDEX, SHARD
from searchengine.store.catalog import Manifest
from searchengine.store.change import Change
from searchengine.store.layout import checksum
from searchengine.store.library import Library
from searchengine.store.shards import LENGTH_TOLERANCE, Shard, Shards
from searchengine.store.tables import FileRow
from searchengine.store.vectors.faiss import read_index
from searchengine.types import Collection, Modality, Problem

IdArray = npt.NDArray[np.int64]
NOTHING = np.empty(0, np.int64)


def verify(library: Library, *, repair: bool = False) -> tuple[Problem, ...]:
    """Check every file's bytes and contents, and that rows and vectors agree; [] is sound.

    Reads everything; a writer may work meanwhile. ``repair`` takes the lock.
    """
    problems = [Problem(str(library.path), reason) for reason in library.damage()]
    for collection in library.catalog.collections():
        damaged = list(_damaged(library, collection))
        found = [Problem(str(library.path / row.path), reason) for row, reason in damaged]
        found = found or list(_disagreements(library, collection))
        if repair and found:
            _repair(library, collection, [row for row, _ in damaged])
            found = [replace(problem, repaired=True) for problem in found]
        problems += found
    return tuple(problems)


def _damaged(library: Library, collection: Collection) -> Iterator[tuple[FileRow, str]]:
    for row in library.catalog.manifest(collection).files:
        reason = _damage(library.path / row.path, row, collection.dim)
        if reason and _still_named(library, collection, row):
            yield row, reason


def _still_named(library: Library, collection: Collection, row: FileRow) -> bool:
    """False when a writer replaced the file while we were reading it."""
    return any(row.path == now.path for now in library.catalog.manifest(collection).files)


def _damage(path: Path, row: FileRow, dim: int) -> str | None:
    try:
        found = path.stat().st_size
        if found != row.size_bytes:
            return f"{found} bytes instead of {row.size_bytes}"
        if checksum(path) != row.checksum:
            return "its checksum does not match"
        return _unsound(path, row, dim)
    except FileNotFoundError:
        return "missing"
    except (OSError, StoreCorrupt) as error:
        return str(error)


def _unsound(path: Path, row: FileRow, dim: int) -> str | None:
    if row.kind == INDEX:
        read_index(path, dim, row.rows)
        return None
    shard = Shard(path, dim)
    if np.any(np.diff(shard.ids) <= 0):
        return "its ids do not ascend"
    for _, block in Shards([shard]).blocks():
        lengths = np.linalg.norm(block.astype(np.float32), axis=1)
        if not np.all(np.abs(lengths - 1) < 2 * LENGTH_TOLERANCE):
            return "it holds a vector that is not of length 1"
    return None


def _disagreements(library: Library, collection: Collection) -> Iterator[Problem]:
    """Segments without a vector, and vectors that are neither a segment's nor buried."""
    manifest = library.catalog.manifest(collection)
    segments = library.catalog.segment_ids(collection)
    if library.catalog.generation(collection) != manifest.generation:
        return  # a writer committed between the two reads: nothing to compare
    for modality in Modality:
        named = segments.get(modality, NOTHING)
        alive = _alive(library, collection, manifest, modality)
        place = f"{collection.name}/{modality}"
        if len(lost := np.setdiff1d(named, alive)):
            yield Problem(place, f"{len(lost)} segments have no vector, the first is {lost[0]}")
        if len(stray := np.setdiff1d(alive, named)):
            yield Problem(place, f"{len(stray)} vectors are no segment's, the first is {stray[0]}")


def _alive(
    library: Library, collection: Collection, manifest: Manifest, modality: Modality
) -> IdArray:
    """Ids of the vectors of a modality that are in a shard and not buried."""
    rows = [r for r in manifest.files if r.kind == SHARD and r.modality == modality]
    stored = Shards([Shard(library.path / row.path, collection.dim) for row in rows]).ids()
    return np.setdiff1d(stored, manifest.tombstones.get(modality, NOTHING))


def _repair(library: Library, collection: Collection, damaged: list[FileRow]) -> None:
    with library.writer(check=False) as writer:
        writer.forget(damaged)
        manifest = library.catalog.manifest(collection)
        lost = [
            np.setdiff1d(named, _alive(library, collection, manifest, modality))
            for modality, named in library.catalog.segment_ids(collection).items()
        ]
        items = library.catalog.item_of([int(i) for ids in lost for i in ids])
        writer.rebuild(collection)
        writer.commit(collection, Change(removed=sorted(set(items.values()))))
