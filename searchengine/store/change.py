"""What one commit changes in a collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from searchengine.types import FloatArray, Modality, Span


@dataclass(frozen=True, slots=True, eq=False)
class Addition:
    """An item with its segments and their ``vectors`` float32 (segments, d).

    ``passages`` holds the words of each segment that is a text, else None.

    With ``replaces``, the id of the item it was before, that item keeps its id and gets these
    segments instead of its own.
    """

    path: str
    modality: Modality
    mime_type: str
    size_bytes: int
    modified_ns: int
    sha256: str
    recipe: str
    duration_s: float | None
    metadata: dict[str, Any]
    row: str
    segments: tuple[tuple[Modality, Span | None], ...]
    vectors: FloatArray
    passages: tuple[str | None, ...] = ()
    replaces: int | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """An item whose vectors stay: moved, touched, or given other metadata."""

    item_id: int
    path: str
    modified_ns: int
    row: str


@dataclass(slots=True)
class Change:
    """Everything of one commit. ``removed`` holds ids of items."""

    additions: list[Addition] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.additions or self.updates or self.removed or self.roots)

    @property
    def segments(self) -> int:
        return sum(len(addition.segments) for addition in self.additions)
