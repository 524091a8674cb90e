"""Rows of SQL, made into the nouns of the domain."""

from __future__ import annotations

import json
from typing import Any

from searchengine.store.tables import CollectionRow, ItemRow, SegmentRow
from searchengine.types import MediaItem, Modality, Segment, Span, SpanUnit

#: The metadata.jsonl row of a file that has none.
NO_ROW = "{}"

#: By name: a tenth of the time that ``Modality(name)`` takes.
_MODALITIES = {str(modality): modality for modality in Modality}

#: As ``Collection`` takes them.
COLLECTION_COLUMNS: Any = (
    *(CollectionRow.id, CollectionRow.name, CollectionRow.encoder, CollectionRow.identity),
    *(CollectionRow.options, CollectionRow.dim, CollectionRow.generation),
)

#: As ``segment_of`` takes them.
SEGMENT_COLUMNS: Any = (
    *(SegmentRow.id, SegmentRow.item_id, SegmentRow.ordinal, SegmentRow.modality),
    *(SegmentRow.start, SegmentRow.end, SegmentRow.unit),
)

#: As ``item_of`` takes them.
ITEM_COLUMNS: Any = tuple(
    column for column in ItemRow.__table__.columns if column.name not in ("collection_id", "recipe")
)


class Found:
    """A segment with its item, as SQL gave it; made into nouns only where it becomes a hit."""

    __slots__ = ("_row", "item_id")

    def __init__(self, row: Any) -> None:
        self._row = row
        self.item_id: int = row[1]

    @property
    def segment(self) -> Segment:
        return segment_of(*self._row[: len(SEGMENT_COLUMNS)])

    @property
    def item(self) -> MediaItem:
        return item_of(*self._row[len(SEGMENT_COLUMNS) :])


def item_of(
    item_id: int,
    path: str,
    modality: str,
    mime_type: str,
    size_bytes: int,
    modified_ns: int,
    sha256: str,
    duration_s: float | None,
    row: str,
    metadata: str,
) -> MediaItem:
    known = json.loads(metadata)
    if row != NO_ROW:
        known |= json.loads(row)
    return MediaItem(
        *(item_id, path, _MODALITIES[modality], mime_type, size_bytes, modified_ns),
        *(sha256, duration_s, known),
    )


def segment_of(
    segment_id: int,
    item_id: int,
    ordinal: int,
    modality: str,
    start: float | None,
    end: float | None,
    unit: str | None,
) -> Segment:
    span = None
    if start is not None and end is not None:
        span = Span(start, end, SpanUnit(unit or SpanUnit.SECONDS))
    return Segment(segment_id, item_id, ordinal, _MODALITIES[modality], span)
