"""What the library knows, read from SQL: collections, items, segments, files."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy
from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from searchengine.errors import CollectionNotFound
from searchengine.store.conditions import compile_condition
from searchengine.store.connect import Prepared, Readers, snapshots
from searchengine.store.facets import facets
from searchengine.store.known import CHUNK, Known, known_below, known_where
from searchengine.store.nouns import (
    COLLECTION_COLUMNS,
    ITEM_COLUMNS,
    SEGMENT_COLUMNS,
    Found,
    item_of,
    segment_of,
)
from searchengine.store.tables import (
    CollectionRow,
    FieldRow,
    FileRow,
    ItemRow,
    PassageRow,
    RootRow,
    SegmentRow,
    TombstoneRow,
)
from searchengine.store.words import find_words
from searchengine.types import (
    Collection,
    Condition,
    Facets,
    MediaItem,
    Modality,
    Segment,
)

IdArray = npt.NDArray[np.int64]

#: Segments that are read with their items in one statement: a power of 2.
HYDRATED = 1_024


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files and tombstones of one generation of a collection, read in one transaction, and
    what its indexes may take in memory (None: no limit)."""

    generation: int
    files: tuple[FileRow, ...]
    tombstones: dict[Modality, IdArray]
    budget_bytes: int | None


_GENERATION = Prepared(select(CollectionRow.generation).where(CollectionRow.id == bindparam("id")))

_COLLECTIONS = Prepared(select(*COLLECTION_COLUMNS).order_by(CollectionRow.name))

_PASSAGES = select(PassageRow.segment_id, PassageRow.passage).where(
    PassageRow.segment_id.in_(bindparam("ids", expanding=True))
)


@functools.cache
def _hydrate(count: int) -> Prepared:
    """So many segments with their items, by ``id0``, ``id1`` and so on."""
    ids: list[Any] = [bindparam(f"id{n}") for n in range(count)]
    return Prepared(
        select(*SEGMENT_COLUMNS, *ITEM_COLUMNS)
        .join(ItemRow, ItemRow.id == SegmentRow.item_id)
        .where(SegmentRow.id.in_(ids))
    )


class Catalog:
    """Reads; every method is one short transaction, safe from several threads."""

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        self._engine = snapshots(engine)
        self._readers = Readers(engine)

    def close(self) -> None:
        self._readers.close()

    # -- collections

    def collections(self) -> tuple[Collection, ...]:
        return tuple(Collection(*row) for row in self._readers.rows(_COLLECTIONS, {}))

    def collection(self, name: str) -> Collection:
        """Raises CollectionNotFound."""
        found = {c.name: c for c in self.collections()}
        if name not in found:
            there = f"those here are: {', '.join(found)}" if found else "there are none yet"
            raise CollectionNotFound(f"no collection {name!r}; {there}")
        return found[name]

    def roots(self, collection: Collection) -> tuple[str, ...]:
        with Session(self._engine) as session:
            mine = RootRow.collection_id == collection.id
            return tuple(session.scalars(select(RootRow.path).where(mine).order_by(RootRow.path)))

    def generation(self, collection: Collection) -> int:
        """The newest generation; raises CollectionNotFound when it was dropped."""
        rows = self._readers.rows(_GENERATION, {"id": collection.id})
        if not rows:
            raise CollectionNotFound(f"collection {collection.name!r} has been dropped")
        return int(rows[0][0])

    def manifest(self, collection: Collection) -> Manifest:
        with Session(self._engine) as session:
            row = session.get(CollectionRow, collection.id)
            if row is None:
                raise CollectionNotFound(f"collection {collection.name!r} has been dropped")
            files = session.scalars(
                select(FileRow).where(FileRow.collection_id == row.id).order_by(FileRow.id)
            ).all()
            dead = session.execute(
                select(TombstoneRow.modality, TombstoneRow.segment_id)
                .where(TombstoneRow.collection_id == row.id)
                .order_by(TombstoneRow.segment_id)
            ).all()
            session.expunge_all()
        return Manifest(row.generation, tuple(files), _by_modality(dead), row.budget_bytes)

    # -- items

    def known(self, collection: Collection, paths: Sequence[str]) -> dict[str, Known]:
        """Those of ``paths`` that are in the collection."""
        return {k.path: k for k in known_where(self._engine, collection, ItemRow.path, paths)}

    def with_hash(self, collection: Collection, sha256: str) -> list[Known]:
        return list(known_where(self._engine, collection, ItemRow.sha256, [sha256]))

    def below(self, collection: Collection, root: str) -> Iterator[list[Known]]:
        """The items at ``root`` or in that folder, a chunk at a time, by path."""
        return known_below(self._engine, collection, root)

    def item_ids(self, collection: Collection, condition: Condition) -> list[int]:
        with Session(self._engine) as session:
            mine = ItemRow.collection_id == collection.id
            chosen = compile_condition(condition)
            return list(session.scalars(select(ItemRow.id).where(mine, chosen)))

    def item(self, collection: Collection, item_id: int) -> tuple[MediaItem, tuple[Segment, ...]]:
        """An item and its segments in order. Raises KeyError when there is none of that id."""
        chosen = select(*ITEM_COLUMNS).where(
            ItemRow.id == item_id, ItemRow.collection_id == collection.id
        )
        parts = select(*SEGMENT_COLUMNS).where(SegmentRow.item_id == item_id)
        with Session(self._engine) as session:
            row = session.execute(chosen).one_or_none()
            segments = session.execute(parts.order_by(SegmentRow.id)).all()
        if row is None:
            raise KeyError(item_id)
        return item_of(*row), tuple(segment_of(*segment) for segment in segments)

    def items(
        self, collection: Collection, condition: Condition | None, after: int, limit: int
    ) -> list[MediaItem]:
        """Items of ids greater than ``after``, by id."""
        chosen = select(*ITEM_COLUMNS).where(
            ItemRow.collection_id == collection.id, ItemRow.id > after
        )
        if condition is not None:
            chosen = chosen.where(compile_condition(condition))
        with Session(self._engine) as session:
            rows = session.execute(chosen.order_by(ItemRow.id).limit(limit)).all()
        return [item_of(*row) for row in rows]

    def row(self, item_id: int) -> dict[str, Any]:
        """What was said of an item: its ``metadata.jsonl`` row."""
        with Session(self._engine) as session:
            found = session.scalar(select(ItemRow.row).where(ItemRow.id == item_id))
            return json.loads(found) if found else {}

    def facets(self, collection: Collection, condition: Condition | None) -> Facets:
        """Of fields with few values, the commonest, each with its commonest values. An item counts
        for each modality that it can be found by: a film with sound is found by both."""
        with Session(self._engine) as session:
            return facets(session, collection, condition)

    def fields(self, collection: Collection) -> list[str]:
        """The names of all metadata fields, in order."""
        names = (
            select(FieldRow.name)
            .join(ItemRow, ItemRow.id == FieldRow.item_id)
            .where(ItemRow.collection_id == collection.id)
            .distinct()
            .order_by(FieldRow.name)
        )
        with Session(self._engine) as session:
            return list(session.scalars(names))

    def own_metadata(self, item_id: int) -> dict[str, Any]:
        """What the file says of itself, without its metadata.jsonl row."""
        with Session(self._engine) as session:
            found = session.scalar(select(ItemRow.metadata_).where(ItemRow.id == item_id))
            return json.loads(found) if found else {}

    # -- segments

    def allowed(self, collection: Collection, condition: Condition) -> dict[Modality, IdArray]:
        """Ids, ascending, of the segments whose items meet the condition."""
        statement = (
            select(SegmentRow.modality, SegmentRow.id)
            .join(ItemRow, ItemRow.id == SegmentRow.item_id)
            .where(ItemRow.collection_id == collection.id, compile_condition(condition))
            .order_by(SegmentRow.id)
        )
        with Session(self._engine) as session:
            return _by_modality(session.execute(statement).all())

    def find_words(
        self, collection: Collection, words: str, count: int
    ) -> list[tuple[Modality, int]]:
        """Ids of segments that say any of the words, best first, with their modality."""
        return find_words(self._readers.get(), collection, words, count)

    def said(self, collection: Collection, count: int) -> list[str]:
        """What is said of up to ``count`` items: their names and captions."""
        statement = (
            select(PassageRow.about)
            .join(SegmentRow, SegmentRow.id == PassageRow.segment_id)
            .join(ItemRow, ItemRow.id == SegmentRow.item_id)
            .where(ItemRow.collection_id == collection.id, PassageRow.about != "")
            .order_by(PassageRow.segment_id)
            .limit(count)
        )
        with Session(self._engine) as session:
            return list(session.scalars(statement))

    def passages(self, segment_ids: Sequence[int]) -> dict[int, str]:
        """The words of those segments that are texts."""
        found: dict[int, str] = {}
        for start in range(0, len(segment_ids), CHUNK):
            chosen = {"ids": segment_ids[start : start + CHUNK]}
            rows = self._readers.execute(_PASSAGES, chosen)
            found.update((segment, said) for segment, said in rows if said)
        return found

    def hydrate(self, segment_ids: Sequence[int]) -> dict[int, Found]:
        """Segments with their items, by segment id; those deleted meanwhile are left out."""
        found: dict[int, Found] = {}
        for start in range(0, len(segment_ids), HYDRATED):
            chosen = segment_ids[start : start + HYDRATED]
            size = 1 << (len(chosen) - 1).bit_length()  # few statements; an id may come twice
            padded = [*chosen, *[chosen[0]] * (size - len(chosen))]
            values = {f"id{n}": one for n, one in enumerate(padded)}
            found.update((row[0], Found(row)) for row in self._readers.rows(_hydrate(size), values))
        return found

    def item_of(self, segment_ids: Sequence[int]) -> dict[int, int]:
        """Segment id to item id; those deleted meanwhile are left out."""
        found: dict[int, int] = {}
        with Session(self._engine) as session:
            for start in range(0, len(segment_ids), CHUNK):
                chosen = SegmentRow.id.in_(segment_ids[start : start + CHUNK])
                rows = session.execute(select(SegmentRow.id, SegmentRow.item_id).where(chosen))
                found.update((segment, item) for segment, item in rows)
        return found

    def counts(self, collection: Collection) -> dict[Modality, tuple[int, int]]:
        """Items and segments of each modality that has any."""
        statement = (
            select(
                SegmentRow.modality,
                func.count(func.distinct(SegmentRow.item_id)),
                func.count(SegmentRow.id),
            )
            .join(ItemRow, ItemRow.id == SegmentRow.item_id)
            .where(ItemRow.collection_id == collection.id)
            .group_by(SegmentRow.modality)
        )
        with Session(self._engine) as session:
            return {Modality(m): (items, n) for m, items, n in session.execute(statement)}

    def item_count(self, collection: Collection) -> int:
        with Session(self._engine) as session:
            mine = ItemRow.collection_id == collection.id
            return session.scalar(select(func.count(ItemRow.id)).where(mine)) or 0

    def segment_ids(self, collection: Collection) -> dict[Modality, IdArray]:
        """Every segment there is, ascending."""
        statement = (
            select(SegmentRow.modality, SegmentRow.id)
            .join(ItemRow, ItemRow.id == SegmentRow.item_id)
            .where(ItemRow.collection_id == collection.id)
            .order_by(SegmentRow.id)
        )
        with Session(self._engine) as session:
            return _by_modality(session.execute(statement).all())


def _by_modality(rows: Sequence[Any]) -> dict[Modality, IdArray]:
    lists: dict[str, list[int]] = {}
    for modality, segment_id in rows:
        lists.setdefault(modality, []).append(segment_id)
    return {Modality(m): np.array(ids, np.int64) for m, ids in lists.items()}
