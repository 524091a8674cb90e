"""One generation of a collection, open for searching.

A snapshot holds every file it needs open, so it keeps answering while a writer publishes newer
generations and removes its files.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from searchengine.errors import NothingPublished, StoreCorrupt
from searchengine.store.build import INDEX, SHARD
from searchengine.store.catalog import Catalog, Manifest
from searchengine.store.layout import check_size, checksum
from searchengine.store.shards import Shard, Shards, only, without
from searchengine.store.tables import FileRow
from searchengine.store.vectors.exact import (
    Cosines,
    cosines,
    flat_index,
    flat_nearest,
    nearest,
)
from searchengine.store.vectors.faiss import (
    Parameters,
    describe,
    lists_of,
    nearest_by_codes,
    read_index,
)
from searchengine.store.vectors.recipe import RECIPE, Effort, Recipe
from searchengine.types import Collection, FloatArray, Modality, Neighbors

if TYPE_CHECKING:
    from searchengine.store.vectors.device import DeviceScan

IdArray = npt.NDArray[np.int64]

#: Generations a reader may see vanish while opening them before it gives up.
ATTEMPTS = 10

#: Vectors that stand for all of a modality, read in runs: a thousand single rows of a cold disk
#: take a thousand seeks.
BACKGROUND, RUN = 1_024, 16


class Snapshot:
    """Searches one generation. Threads may share it."""

    def __init__(
        self, collection: Collection, generation: int, tables: dict[Modality, VectorTable]
    ) -> None:
        self.collection = collection
        self.generation = generation
        self.tables = tables

    @functools.cached_property
    def modalities(self) -> tuple[Modality, ...]:
        """Modalities that have something to find."""
        return tuple(m for m in Modality if m in self.tables and self.tables[m].live > 0)


def open_snapshot(
    library: Path,
    catalog: Catalog,
    collection: Collection,
    previous: Snapshot | None = None,
    recipe: Recipe = RECIPE,
    scanned_on: str | None = None,
) -> Snapshot:
    """Pin the newest generation, taking over from ``previous`` the files that are unchanged.

    Raises NothingPublished when the collection is empty, StoreCorrupt when a file is missing
    or not what the catalog says.
    """
    for _ in range(ATTEMPTS):
        manifest = catalog.manifest(collection)
        if manifest.generation == 0:
            raise NothingPublished(
                f"collection {collection.name!r} is empty; fill it with `searchengine index FOLDER`"
            )
        try:
            return Snapshot(
                collection,
                manifest.generation,
                _open_tables(library, collection, manifest, previous, recipe, scanned_on),
            )
        except FileNotFoundError as error:
            missing = error
            if catalog.manifest(collection).generation == manifest.generation:
                break
    raise StoreCorrupt(str(missing.filename), "missing; run `searchengine verify --repair`")


def _open_tables(
    library: Path,
    collection: Collection,
    manifest: Manifest,
    previous: Snapshot | None,
    recipe: Recipe,
    scanned_on: str | None,
) -> dict[Modality, VectorTable]:
    by_modality: dict[Modality, list[FileRow]] = {}
    for row in manifest.files:
        by_modality.setdefault(Modality(row.modality), []).append(row)
    old = previous.tables if previous else {}
    nothing = np.empty(0, np.int64)
    return {
        modality: VectorTable(
            library,
            collection.dim,
            rows,
            manifest.tombstones.get(modality, nothing),
            old.get(modality),
            recipe,
            scanned_on,
        )
        for modality, rows in by_modality.items()
    }


class VectorTable:
    """The vectors of one modality: shards, an index of the older ones, and an exact delta."""

    def __init__(
        self,
        library: Path,
        dim: int,
        rows: list[FileRow],
        dead: IdArray,
        previous: VectorTable | None,
        recipe: Recipe,
        scanned_on: str | None = None,
    ) -> None:
        self._recipe = recipe
        self._scanned_on, self._dim = scanned_on, dim
        self._dead = dead
        self._opened: dict[str, Any] = _open_files(
            library, dim, rows, previous._opened if previous else {}
        )
        self.shards = Shards([self._opened[row.path] for row in rows if row.kind == SHARD])
        index_row = next((row for row in rows if row.kind == INDEX), None)
        self.index = self._opened[index_row.path] if index_row else None
        self.indexed = index_row.rows if index_row else 0
        self._index_bytes = index_row.size_bytes if index_row else 0
        newer = self.shards.blocks(index_row.last_id if index_row else -1)
        self._delta_ids, self._delta = flat_index(without(newer, dead), dim)
        self.live = len(self.shards) - len(dead)
        self.segments_per_item = self.shards.segments_per_item()
        self._top_id = max((row.last_id for row in rows), default=0)
        self.points = {Modality(p.asked): p for p in (index_row.points if index_row else ())}
        self._unfiltered: dict[Effort, Parameters] = {}

    @property
    def delta(self) -> int:
        """Vectors searched exactly."""
        return len(self._delta_ids)

    @property
    def memory_bytes(self) -> int:
        """What the index and the delta hold; shards are mapped."""
        return self._index_bytes + self._recipe.exact_bytes(self._dim, self.delta)

    @property
    def dead(self) -> int:
        return len(self._dead)

    @property
    def method(self) -> str:
        """How all but the delta is searched."""
        if self._on_device is not None:
            return f"exact, on {self._scanned_on}"
        return "exact" if self.index is None else describe(self.index)

    @functools.cached_property
    def _on_device(self) -> DeviceScan | None:
        """Every live vector on the device that was chosen, if they fit there."""
        if self._scanned_on is None:
            return None
        from searchengine.store.vectors.device import DeviceScan  # loads torch

        ids = np.setdiff1d(self.shards.ids(), self._dead)
        vectors = (block for _, block in without(self.shards.blocks(), self._dead))
        lists = None if self.index is None else lists_of(self.index)
        return DeviceScan.of(ids, vectors, self._dim, lists, self._scanned_on)

    @functools.cached_property
    def background(self) -> FloatArray:
        """Up to 1,024 vectors float32 (n, d), spread evenly over the ones that are not deleted."""
        ids = self.shards.ids()
        if len(ids) > BACKGROUND:
            starts = np.linspace(0, len(ids) - RUN, BACKGROUND // RUN).astype(np.int64)
            ids = ids[(starts[:, None] + np.arange(RUN)).ravel()]
        return self.vectors(ids)

    def search(
        self,
        queries: FloatArray,
        count: int,
        *,
        modality: Modality,
        asked: Iterable[Modality],
        allowed: IdArray | None = None,
        exact: bool = False,
        beside: FloatArray | None = None,
    ) -> list[Neighbors]:
        """The ``count`` nearest to each of ``queries`` float32 (b, d) of length 1, by exact cosine.

        ``modality`` is that of this table, ``asked`` those of the queries' parts. ``allowed``
        (ascending) restricts the answers; ``exact`` compares every vector. Those found are also
        compared with the query's row of ``beside`` float32 (b, d).
        """
        if exact or self._few(allowed):
            near = list(self._scan(queries, count, allowed))
        else:
            near = self._sought(queries, count, self.effort(asked, modality), allowed)
        directions = queries[:, None] if beside is None else np.stack([queries, beside], axis=1)
        compare = Cosines(self._dim)
        return [
            self._ranked(compare, ids[ids >= 0], of, count, modality)
            for ids, of in zip(near, directions, strict=True)
        ]

    def _ranked(
        self,
        compare: Cosines,
        ids: IdArray,
        directions: FloatArray,
        count: int,
        modality: Modality,
    ) -> Neighbors:
        """The ``count`` of ``ids`` nearest to the first of ``directions`` (p, d)."""
        keys, vectors = self.shards.halves(self._living(ids))
        similarities = compare.of(vectors, directions)
        order = np.argsort(-similarities[0], kind="stable")[:count]  # equal ones by ascending id
        ids, items = keys[:, order]
        similarities = similarities[:, order]
        return Neighbors(ids, items, similarities[0], modality, similarities[1:])

    def effort(self, asked: Iterable[Modality], modality: Modality) -> Effort:
        """What a query of those modalities spends here: as tuned, the most that any needs.

        One that was not measured is searched as hard as the hardest other stranger, or by the
        recipe where there is none.
        """
        strangers = [point for one, point in self.points.items() if one is not modality]
        needed = []
        for one in asked:
            known = [self.points[one]] if one in self.points else strangers
            if not known or (one is modality and one not in self.points):
                needed.append(self._recipe.effort(one is modality))
            needed += [Effort(point.probed, point.rerank_factor) for point in known]
        return Effort(
            max(effort.probed for effort in needed), max(one.rerank_factor for one in needed)
        )

    def how(
        self, asked: Iterable[Modality], modality: Modality, allowed: IdArray | None, exact: bool
    ) -> str:
        """How ``search`` looks through all but the delta: index, lists probed, vectors reranked."""
        if exact or self._few(allowed):
            return "exact"
        if self.index is None:
            return self.method
        effort, lists = self.effort(asked, modality), self.index.nlist
        if self._on_device is not None:
            probes = 0 if allowed is not None else self._on_device.probes(1, effort.probed)
            some = f"{probes} of {lists} lists, on {self._scanned_on}"
            return some if probes else self.method
        probes = max(1, round(lists * effort.probed))
        return f"{self.method}, {probes} of {lists} lists, {effort.rerank_factor} x k reranked"

    def compare(self, ids: IdArray, directions: FloatArray) -> tuple[IdArray, FloatArray]:
        """Keys (2, n) of those of ``ids`` that are alive, and their cosines (p, n) with each of
        ``directions`` float32 (p, d), by ascending id."""
        keys, vectors = self.shards.halves(self._living(ids))
        return keys, cosines(vectors, directions)

    def vectors(self, ids: IdArray) -> FloatArray:
        """Stored vectors float32 (n, d) of those ``ids`` that are here and alive, ascending."""
        return self.shards.gather(self._living(ids))[1]

    def alive(self) -> Iterator[tuple[IdArray, FloatArray]]:
        """Every vector that is not deleted, a block at a time."""
        for ids, vectors in without(self.shards.blocks(), self._dead):
            yield ids, vectors.astype(np.float32)

    def _sought(
        self, queries: FloatArray, count: int, effort: Effort, allowed: IdArray | None
    ) -> list[IdArray]:
        """Ids that may be among the ``count`` nearest to each query, or -1. Where the lists probed
        hold too few that are allowed, all of them are compared."""
        found = self._candidates(queries, count, effort, allowed)
        there = self.live if allowed is None else len(allowed)
        lacking = np.flatnonzero(np.count_nonzero(found >= 0, axis=1) < min(count, there))
        near = list(found)
        if len(lacking):
            for n, ids in zip(lacking, self._scan(queries[lacking], count, allowed), strict=True):
                near[n] = ids
        return near

    def _candidates(
        self, queries: FloatArray, count: int, effort: Effort, allowed: IdArray | None
    ) -> IdArray:
        """Ids (q, n) that may be among the ``count`` nearest to each query, unordered, and -1."""
        found = [np.empty((len(queries), 0), np.int64)]
        if self._on_device is not None:
            found = [self._on_device.nearest(queries, count, effort.probed, allowed)]
        else:
            if self.delta:
                flat = self._delta, self._delta_ids
                found.append(flat_nearest(*flat, queries, count, allowed))
            if self.index is not None:
                depth, how = count * effort.rerank_factor, self._parameters(effort, allowed)
                found.append(nearest_by_codes(self.index, queries, depth, how))
        return np.concatenate(found, axis=1)

    def _parameters(self, effort: Effort, allowed: IdArray | None) -> Parameters:
        """Made once for each effort, unless something is filtered."""
        if allowed is not None:
            ids = allowed[allowed <= self._top_id]
            return Parameters(self.index, effort, ids, self._top_id + 1)
        if effort not in self._unfiltered:
            alive = np.setdiff1d(self.shards.ids(), self._dead) if len(self._dead) else None
            how = Parameters(self.index, effort, alive, self._top_id + 1)
            self._unfiltered[effort] = how
        return self._unfiltered[effort]

    def _living(self, ids: IdArray) -> IdArray:
        return ids if not len(self._dead) else np.setdiff1d(ids, self._dead)

    def _few(self, allowed: IdArray | None) -> bool:
        """Whether those are compared one by one."""
        return allowed is not None and len(allowed) <= self._recipe.exact_allowed

    def _scan(self, queries: FloatArray, count: int, allowed: IdArray | None) -> IdArray:
        """Ids (q, ``count``) of the nearest, of all or those allowed; -1 where there are fewer."""
        if allowed is not None and self._few(allowed):
            keys, vectors = self.shards.halves(self._living(allowed))
            return nearest([(keys[0], vectors)], queries, count)
        blocks = without(self.shards.blocks(), self._dead)
        return nearest(blocks if allowed is None else only(blocks, allowed), queries, count)


def _open_files(
    library: Path, dim: int, rows: list[FileRow], opened: dict[str, Any]
) -> dict[str, Any]:
    """Open each file once; an index is checksummed first, since faiss would load flipped bits."""
    files: dict[str, Any] = {}
    for row in rows:
        if row.path in opened:
            files[row.path] = opened[row.path]
            continue
        path = check_size(library, row.path, row.size_bytes)
        if row.kind == SHARD:
            files[row.path] = Shard(path, dim)
        else:
            if checksum(path) != row.checksum:
                raise StoreCorrupt(str(path), "altered on disk; run `searchengine verify --repair`")
            files[row.path] = read_index(path, dim, row.rows)
    return files
