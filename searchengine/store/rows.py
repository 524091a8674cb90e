"""The SQL rows of one commit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from searchengine.store.change import Addition, Change, Update
from searchengine.store.conditions import field_rows
from searchengine.store.tables import (
    FieldRow,
    ItemRow,
    LibraryRow,
    PassageRow,
    RootRow,
    SegmentRow,
    TombstoneRow,
)
from searchengine.store.words import about, passage_rows
from searchengine.types import Collection, Embeddings, Modality

IdArray = npt.NDArray[np.int64]

CHUNK = 10_000


@dataclass(slots=True)
class Numbers:
    """The next ids to give out. A number is spent for good once its commit is in."""

    item: int
    segment: int
    file: int

    @classmethod
    def read(cls, session: Session) -> Numbers:
        row = session.execute(
            select(LibraryRow.next_item_id, LibraryRow.next_segment_id, LibraryRow.next_file_number)
        ).one()
        return cls(*row)

    def write(self, session: Session) -> None:
        """Keep them, and note that the library is being written to."""
        session.execute(
            update(LibraryRow).values(
                next_item_id=self.item,
                next_segment_id=self.segment,
                next_file_number=self.file,
                clean=False,
            )
        )

    def next_file(self) -> int:
        self.file += 1
        return self.file - 1


@dataclass(frozen=True, slots=True, eq=False)
class Numbered:
    """An addition under the ids it gets: ``segment_ids`` int64, ascending."""

    addition: Addition
    item_id: int
    segment_ids: IdArray


def number(additions: Sequence[Addition], numbers: Numbers) -> list[Numbered]:
    """Give every new item and segment its id."""
    numbered = []
    for addition in additions:
        item_id = addition.replaces
        if item_id is None:
            item_id, numbers.item = numbers.item, numbers.item + 1
        first, numbers.segment = numbers.segment, numbers.segment + len(addition.segments)
        ids = np.arange(first, numbers.segment, dtype=np.int64)
        numbered.append(Numbered(addition, item_id, ids))
    return numbered


def embeddings(numbered: Sequence[Numbered]) -> list[Embeddings]:
    """The new vectors of each modality, ids ascending."""
    found = []
    for modality in Modality:
        mine = [(new, [m is modality for m, _ in new.addition.segments]) for new in numbered]
        mine = [(new, chosen) for new, chosen in mine if any(chosen)]
        if mine:
            ids = [new.segment_ids[chosen] for new, chosen in mine]
            items = np.repeat([new.item_id for new, _ in mine], [len(part) for part in ids])
            vectors = np.concatenate([new.addition.vectors[chosen] for new, chosen in mine])
            found.append(Embeddings(np.concatenate(ids), items, vectors, modality))
    return found


def dying(session: Session, change: Change) -> dict[Modality, IdArray]:
    """Segments of items that are removed or replaced."""
    items = change.removed + [a.replaces for a in change.additions if a.replaces is not None]
    found: dict[Modality, list[int]] = {}
    for chunk in _chunks(items):
        statement = select(SegmentRow.modality, SegmentRow.id).where(SegmentRow.item_id.in_(chunk))
        for modality, segment_id in session.execute(statement):
            found.setdefault(Modality(modality), []).append(segment_id)
    return {m: np.array(sorted(ids), np.int64) for m, ids in found.items()}


def apply(
    session: Session, collection: Collection, change: Change, numbered: Sequence[Numbered]
) -> None:
    """Write everything of a change but its files."""
    _bury(session, collection, dying(session, change))
    _remove(session, change)
    _update(session, change.updates)
    _add(session, collection, numbered)
    known = set(session.scalars(select(RootRow.path).where(RootRow.collection_id == collection.id)))
    _insert(
        session,
        RootRow,
        [
            {"collection_id": collection.id, "path": path}
            for path in dict.fromkeys(change.roots)
            if path not in known
        ],
    )


def _bury(session: Session, collection: Collection, dead: dict[Modality, IdArray]) -> None:
    _insert(
        session,
        TombstoneRow,
        [
            {"segment_id": int(i), "collection_id": collection.id, "modality": str(modality)}
            for modality, ids in dead.items()
            for i in ids
        ],
    )


def _remove(session: Session, change: Change) -> None:
    replaced = [a.replaces for a in change.additions if a.replaces is not None]
    for chunk in _chunks(replaced):
        session.execute(delete(SegmentRow).where(SegmentRow.item_id.in_(chunk)))
        session.execute(delete(FieldRow).where(FieldRow.item_id.in_(chunk)))
    for chunk in _chunks(change.removed):
        session.execute(delete(ItemRow).where(ItemRow.id.in_(chunk)))


def _update(session: Session, updates: Sequence[Update]) -> None:
    """Paths are first moved out of the way, so that two files may have swapped names."""
    for change in updates:
        row = session.get_one(ItemRow, change.item_id)
        if row.path != change.path:
            row.path = f":{change.item_id}"  # no path is like it
        session.execute(delete(FieldRow).where(FieldRow.item_id == change.item_id))
    session.flush()
    for change in updates:
        row = session.get_one(ItemRow, change.item_id)
        row.path, row.modified_ns, row.row = change.path, change.modified_ns, change.row
        metadata = json.loads(row.metadata_)
        _insert(session, FieldRow, _fields(change.item_id, metadata, change.row))
        _say(session, change, {**metadata, **json.loads(change.row)})
    session.flush()


def _say(session: Session, change: Update, metadata: dict[str, Any]) -> None:
    """Its first segment holds what is said about an item."""
    first = select(func.min(SegmentRow.id)).where(SegmentRow.item_id == change.item_id)
    held = PassageRow.segment_id == first.scalar_subquery()
    session.execute(
        update(PassageRow).where(held).values(about=about(change.path, metadata)),
        execution_options={"synchronize_session": False},
    )


def _add(session: Session, collection: Collection, numbered: Sequence[Numbered]) -> None:
    new = [_item(collection, n) for n in numbered if n.addition.replaces is None]
    _insert(session, ItemRow, new)
    for n in numbered:
        if n.addition.replaces is not None:
            values = _item(collection, n)
            session.execute(update(ItemRow).where(ItemRow.id == n.item_id).values(values))
    _insert(session, SegmentRow, [row for n in numbered for row in _segments(n)])
    _insert(session, PassageRow, [row for n in numbered for row in _passages(n)])
    fields = [
        row for n in numbered for row in _fields(n.item_id, n.addition.metadata, n.addition.row)
    ]
    _insert(session, FieldRow, fields)


def _item(collection: Collection, numbered: Numbered) -> dict[str, Any]:
    new = numbered.addition
    return {
        "id": numbered.item_id,
        "collection_id": collection.id,
        "path": new.path,
        "modality": str(new.modality),
        "mime_type": new.mime_type,
        "size_bytes": new.size_bytes,
        "modified_ns": new.modified_ns,
        "sha256": new.sha256,
        "recipe": new.recipe,
        "duration_s": new.duration_s,
        "row": new.row,
        "metadata_": json.dumps(new.metadata),
    }


def _segments(numbered: Numbered) -> Iterator[dict[str, Any]]:
    for ordinal, (segment_id, (modality, span)) in enumerate(
        zip(numbered.segment_ids, numbered.addition.segments, strict=True)
    ):
        yield {
            "id": int(segment_id),
            "item_id": numbered.item_id,
            "modality": str(modality),
            "ordinal": ordinal,
            "start": span.start if span else None,
            "end": span.end if span else None,
            "unit": str(span.unit) if span else None,
        }


def _passages(numbered: Numbered) -> Iterator[dict[str, Any]]:
    new = numbered.addition
    passages = new.passages or (None,) * len(new.segments)
    ids = numbered.segment_ids.tolist()
    return passage_rows(new.path, new.metadata, new.row, ids, passages)


def _fields(item_id: int, metadata: dict[str, Any], row: str) -> list[dict[str, Any]]:
    joined = {**metadata, **json.loads(row)}
    return [{"item_id": item_id, **field} for field in field_rows(joined)]


def _insert(session: Session, table: type[Any], values: list[dict[str, Any]]) -> None:
    if values:
        session.execute(insert(table), values)


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
