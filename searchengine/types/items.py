"""What is kept: items, their segments and vectors, and the collections they are in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from searchengine.types.media import FloatArray, Modality, Span


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be used. A value, never a stop.

    ``error`` is the name of the error class, ``reason`` its text without the path.
    """

    path: str
    error: str
    reason: str


@dataclass(frozen=True, slots=True)
class MediaItem:
    """One file of a collection.

    ``path`` is absolute; ``modified_ns`` is its modification time when it was indexed;
    ``metadata`` joins what the container says with the file's ``metadata.jsonl`` row, the row
    winning.
    """

    id: int
    path: str
    modality: Modality
    mime_type: str
    size_bytes: int
    modified_ns: int
    sha256: str
    duration_s: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Segment:
    """What is embedded and found: an item, or the part ``span`` of it.

    ``id`` is the vector's id, never used twice in a library. ``modality`` differs from the
    item's for a video's soundtrack.
    """

    id: int
    item_id: int
    ordinal: int
    modality: Modality
    span: Span | None = None

    @property
    def start(self) -> float | None:
        return self.span.start if self.span else None

    @property
    def end(self) -> float | None:
        return self.span.end if self.span else None


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Vectors float32 (n, d) of length 1, of one modality.

    ``ids`` int64 (n,) are those of segments, ``items`` int64 (n,) those of their items.
    """

    ids: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    vectors: FloatArray
    modality: Modality


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """What there is to know of an encoder before loading it."""

    name: str
    dim: int
    modalities: tuple[Modality, ...]
    licence: str
    summary: str


@dataclass(frozen=True, slots=True)
class Collection:
    """Items embedded alike.

    ``encoder`` is its name, ``identity`` its weights and preprocessing; ``options`` the
    ``MediaOptions`` that differ from the defaults, as JSON. ``generation`` counts what was
    published; 0 is nothing yet.
    """

    id: int
    name: str
    encoder: str
    identity: str
    options: str
    dim: int
    generation: int


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """Nearest segments of one modality, best first.

    ``ids`` int64 (n,) are those of segments, ``items`` int64 (n,) those of their items,
    ``similarities`` float32 (n,) cosines with what was searched for, ``beside`` float32 (p, n)
    those with other vectors, as asked.
    """

    ids: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    similarities: FloatArray
    modality: Modality
    beside: FloatArray
