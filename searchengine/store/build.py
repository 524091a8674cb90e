"""The vector and index files that one commit makes for one modality, and those it retires.

Shards are merged as a log-structured tree does: few files, and each vector is rewritten about
log2(n) times in its life.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from searchengine.store import layout
from searchengine.store.shards import Blocks, HalfArray, Shard, Shards, only, without, write_shard
from searchengine.store.tables import FileRow, PointRow
from searchengine.store.tune import Point, tune
from searchengine.store.vectors.faiss import extend, read_index, train, write_index
from searchengine.store.vectors.recipe import Action, Recipe
from searchengine.types import Collection, Embeddings, FloatArray, Modality

IdArray = npt.NDArray[np.int64]

SHARD = "shard"
INDEX = "index"

#: Shards of one modality before the newest are merged: each costs a search a few microseconds.
MAX_SHARDS = 12

#: Vectors of a modality that stand for its queries; what is tuned with is chosen from them.
ASKERS = 1_024

#: Rows of one shard at most (2 GB at 1024-d), so that compaction needs little spare disk.
MAX_SHARD_ROWS = 1_000_000


@dataclass(slots=True)
class Draft:
    """Files written but not yet anyone's, those they replace, and tombstones now without use."""

    made: list[FileRow] = field(default_factory=list)
    retired: list[FileRow] = field(default_factory=list)
    buried: IdArray = field(default_factory=lambda: np.empty(0, np.int64))


class Builder:
    """Makes the files of one modality of a collection.

    ``askers`` are vectors of the other modalities, for which an index is tuned.
    """

    def __init__(
        self,
        library: Path,
        collection: Collection,
        modality: Modality,
        files: Sequence[FileRow],
        dead: IdArray,
        next_number: Callable[[], int],
        recipe: Recipe,
        askers: Callable[[], Mapping[Modality, FloatArray]] = dict,
    ) -> None:
        self._library = library
        self._collection = collection
        self.modality = modality
        self._dead = dead
        self._next_number = next_number
        self._recipe = recipe
        self._askers = askers
        self._shards = [row for row in files if row.kind == SHARD]
        self._index = next((row for row in files if row.kind == INDEX), None)
        self.draft = Draft()

    def append(self, new: Embeddings) -> None:
        """Write the new vectors as one shard; merge the newest shards when there are many."""
        self._keep(self._write_shard(np.stack([new.ids, new.items]), [new.vectors]))
        if len(self._shards) > MAX_SHARDS:
            self._merge()

    def refresh_index(self, *, anew: bool = False) -> None:
        """Make the index anew, add to it, or leave it, as the recipe says; ``anew`` makes one
        that is there anew in any case."""
        indexed, trained_on = (self._index.rows, self._index.trained_on) if self._index else (0, 0)
        action = self._recipe.action(indexed, trained_on, self._delta_rows(), len(self._dead))
        if action is Action.TRAIN or (anew and self._index):
            if len(self._dead):
                self.compact()
            else:
                self.train()
        elif action is Action.EXTEND:
            self._extend()

    def compact(self) -> None:
        """Rewrite the shards without the dead, and the index where there is one or should be."""
        shards = self._open(self._shards)
        ids = np.setdiff1d(shards.ids(), self._dead, assume_unique=True)
        old, self._shards = self._shards, []
        for start in range(0, len(ids), MAX_SHARD_ROWS):
            part = ids[start : start + MAX_SHARD_ROWS]
            kept = (vectors for _, vectors in only(shards.blocks(), part))
            self._keep(self._write_shard(shards.keys(part), kept))
        self._retire(old)
        self.draft.buried, self._dead = self._dead, np.empty(0, np.int64)
        self.train()

    def train(self) -> None:
        """A new index of everything alive, or none when so few are searched exactly."""
        shards = self._open(self._shards)
        alive = np.setdiff1d(shards.ids(), self._dead, assume_unique=True)
        if len(alive) <= self._recipe.exact_below:
            self._replace_index(None)
            return
        index = train(self._sample(shards, alive), len(alive), self._recipe)
        extend(index, without(shards.blocks(), self._dead))
        row = self._write_index(index, len(alive), len(alive), shards)
        row.points = self._tuned(index, shards)
        self._replace_index(row)

    def _extend(self) -> None:
        old = self._index
        assert old is not None  # the recipe extends only what is there
        shards = self._open(self._shards)
        path = layout.check_size(self._library, old.path, old.size_bytes)
        index = read_index(path, self._collection.dim, old.rows)
        extend(index, without(shards.blocks(old.last_id), self._dead))
        row = self._write_index(index, index.ntotal, old.trained_on, shards)
        fresh = all(index.ntotal <= self._recipe.retuned * point.rows for point in old.points)
        kept = old.points if fresh and old.points else self._tuned(index, shards)
        row.points = [copied(point) for point in kept]
        self._replace_index(row)

    def tuned(self) -> list[PointRow]:
        """What searching the index takes, measured now; empty where there is none."""
        if self._index is None:
            return []
        path = layout.check_size(self._library, self._index.path, self._index.size_bytes)
        index = read_index(path, self._collection.dim, self._index.rows)
        return self._tuned(index, self._open(self._shards))

    def _tuned(self, index: Any, shards: Shards) -> list[PointRow]:
        alive = np.setdiff1d(shards.ids(), self._dead, assume_unique=True)
        askers = {**self._askers(), self.modality: sampled(shards, alive)}

        def blocks() -> Blocks:
            return without(shards.blocks(), self._dead)

        return [_row(p) for p in tune(index, blocks, self.modality, askers, self._recipe)]

    def _merge(self) -> None:
        """Merge the newest shards, and older ones as long as those are no larger than that."""
        rows, start = self._shards[-1].rows, len(self._shards) - 1
        while start > 0:
            before = self._shards[start - 1].rows
            alone = start == len(self._shards) - 1
            if rows + before > MAX_SHARD_ROWS or not (alone or before <= rows):
                break
            start, rows = start - 1, rows + before
        old = self._shards[start:]
        if len(old) == 1:
            return
        shards = self._open(old)
        self._shards = self._shards[:start]
        keys = shards.keys(shards.ids())
        self._keep(self._write_shard(keys, (block for _, block in shards.blocks())))
        self._retire(old)

    def _delta_rows(self) -> int:
        """Vectors newer than the index."""
        last = self._index.last_id if self._index else -1
        newer = [row for row in self._shards if row.last_id > last]
        across = [row for row in newer if row.first_id <= last]
        counted = sum(row.rows for row in newer if row.first_id > last)
        return counted + len(self._open(across).ids(last))

    def _sample(self, shards: Shards, alive: IdArray) -> FloatArray:
        wanted = self._recipe.points_per_list * self._recipe.lists(len(alive))
        if wanted >= len(alive):
            return shards.gather(alive)[1]
        chosen = np.random.default_rng(0).choice(alive, wanted, replace=False)
        return shards.gather(chosen)[1]

    def _write_shard(self, keys: IdArray, blocks: Iterable[FloatArray | HalfArray]) -> FileRow:
        ids, dim = keys[0], self._collection.dim
        return self._write(
            SHARD, ids, len(ids), 0, lambda file: write_shard(file, keys, blocks, dim)
        )

    def _write_index(self, index: Any, rows: int, trained_on: int, shards: Shards) -> FileRow:
        return self._write(
            INDEX, shards.ids()[[0, -1]], rows, trained_on, lambda file: write_index(file, index)
        )

    def _write(
        self,
        kind: str,
        ids: IdArray,
        rows: int,
        trained_on: int,
        write: Callable[[BinaryIO], None],
    ) -> FileRow:
        folder = layout.VECTORS if kind == SHARD else layout.INDEXES
        name = f"{self.modality}-{self._next_number()}.{kind}"
        written = layout.write_file(self._library, f"{folder}/{self._collection.id}/{name}", write)
        return FileRow(
            collection_id=self._collection.id,
            kind=kind,
            modality=str(self.modality),
            path=written.path,
            size_bytes=written.size_bytes,
            checksum=written.checksum,
            rows=rows,
            first_id=int(ids[0]),
            last_id=int(ids[-1]),
            trained_on=trained_on,
            settled=False,
        )

    def _open(self, rows: Sequence[FileRow]) -> Shards:
        dim = self._collection.dim
        return Shards([Shard(self._library / row.path, dim) for row in rows])

    def _keep(self, row: FileRow) -> None:
        self._shards.append(row)
        self.draft.made.append(row)

    def _replace_index(self, row: FileRow | None) -> None:
        if self._index is not None:
            self._retire([self._index])
        if row is not None:
            self.draft.made.append(row)
        self._index = row

    def _retire(self, rows: Sequence[FileRow]) -> None:
        """Rows of this very draft are only dropped: their files become left-overs."""
        for row in rows:
            if row in self.draft.made:
                self.draft.made.remove(row)
            self.draft.retired.append(row)


def sampled(shards: Shards, ids: IdArray) -> FloatArray:
    """Up to ASKERS vectors float32 (n, d) of ``ids``, always the same."""
    chosen = np.random.default_rng(0).permutation(ids)[:ASKERS]
    return shards.gather(chosen)[1]


def copied(point: PointRow) -> PointRow:
    """The same point, for another file."""
    names = ("asked", "probed", "rerank_factor", "recall", "queries", "rows")
    return PointRow(**{name: getattr(point, name) for name in names})


def _row(point: Point) -> PointRow:
    return PointRow(
        asked=str(point.asked),
        probed=point.effort.probed,
        rerank_factor=point.effort.rerank_factor,
        recall=point.recall,
        queries=point.queries,
        rows=point.rows,
    )
