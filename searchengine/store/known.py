"""What an index run compares the files on disk with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlalchemy import select
from sqlalchemy.orm import Session

from searchengine.store.tables import ItemRow
from searchengine.types import Collection, Modality

#: Values bound in one statement; SQLite allows 32,766.
CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """An item, as far as a file can differ from it."""

    id: int
    path: str
    modality: Modality
    size_bytes: int
    modified_ns: int
    sha256: str
    recipe: str
    row: str


def known_where(
    engine: sqlalchemy.Engine, collection: Collection, column: Any, values: Sequence[str]
) -> Iterator[Known]:
    """The items of which ``column`` is one of ``values``."""
    with Session(engine) as session:
        for start in range(0, len(values), CHUNK):
            chosen = column.in_(values[start : start + CHUNK])
            yield from map(_known, session.execute(_select(collection).where(chosen)))


def known_below(
    engine: sqlalchemy.Engine, collection: Collection, root: str
) -> Iterator[list[Known]]:
    """The items at ``root`` or in that folder, a chunk at a time, by path."""
    top = root.rstrip("/")
    inside = (ItemRow.path > f"{top}/") & (ItemRow.path < f"{top}0")  # 0 comes after /
    there = _select(collection).where((ItemRow.path == root) | inside).order_by(ItemRow.path)
    after = ""
    while True:
        with Session(engine) as session:
            rows = session.execute(there.where(ItemRow.path > after).limit(CHUNK))
            chunk = [_known(row) for row in rows]
        if not chunk:
            return
        yield chunk
        after = chunk[-1].path


def _select(collection: Collection) -> sqlalchemy.Select[int, str, str, int, int, str, str, str]:
    return select(
        ItemRow.id,
        ItemRow.path,
        ItemRow.modality,
        ItemRow.size_bytes,
        ItemRow.modified_ns,
        ItemRow.sha256,
        ItemRow.recipe,
        ItemRow.row,
    ).where(ItemRow.collection_id == collection.id)


def _known(row: sqlalchemy.Row[int, str, str, int, int, str, str, str]) -> Known:
    item_id, path, modality, size_bytes, modified_ns, sha256, recipe, text = row
    return Known(item_id, path, Modality(modality), size_bytes, modified_ns, sha256, recipe, text)
