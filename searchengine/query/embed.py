"""A query's parts to one vector, as ImageBind composes (Girdhar et al. 2023, section 4.3)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from searchengine.encoders.encoder import Encoder
from searchengine.errors import EmptyQuery, QueryError
from searchengine.store.catalog import Catalog
from searchengine.store.snapshot import Snapshot
from searchengine.types import FloatArray, Modality, QueryPart


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One part of a query as a vector float32 (d,) of length 1."""

    vector: FloatArray
    modality: Modality
    weight: float


def embed_parts(
    parts: Sequence[QueryPart], encoder: Encoder, catalog: Catalog, snapshot: Snapshot
) -> list[Part]:
    """Raises EmptyQuery when there is nothing to search for."""
    if not parts:
        raise EmptyQuery("nothing to search for: give some text, a file or an item")
    embedded = []
    for part in parts:
        stored = part.like is not None
        vector, of = _stored(part, catalog, snapshot) if stored else _encoded(part, encoder)
        embedded.append(Part(vector, of, part.weight))
    return embedded


def composed(parts: Sequence[Part]) -> FloatArray:
    """Unit vector float32 (d,): each part weighted, summed, and the sum normalised.

    Raises EmptyQuery when the parts cancel out.
    """
    added = total(parts)
    if not length(added) > 1e-6:
        raise EmptyQuery("the parts of the query cancel out; change a weight")
    return unit(added)


def total(parts: Sequence[Part]) -> FloatArray:
    """float32 (d,): the weighted sum of the parts."""
    return functools.reduce(np.add, [np.float32(part.weight) * part.vector for part in parts])


def length(vector: FloatArray) -> float:
    return math.sqrt(vector @ vector)


def unit(vector: FloatArray) -> FloatArray:
    """Of length 1; ``vector`` is not 0."""
    scaled: FloatArray = (vector / np.float32(length(vector))).astype(np.float32, copy=False)
    return scaled


def embed_media(part: QueryPart, encoder: Encoder) -> FloatArray:
    """Unit vector float32 (d,) of one part: its segments' vectors, averaged."""
    return _encoded(part, encoder)[0]


def _encoded(part: QueryPart, encoder: Encoder) -> tuple[FloatArray, Modality]:
    if part.modality is None or not part.media:
        raise EmptyQuery("a part of the query is empty")
    prepared = [encoder.preprocess(media, part.modality) for media in part.media]
    vectors = encoder.encode(prepared, part.modality)
    return _mean(vectors, "the segments of a part"), part.modality


def _stored(part: QueryPart, catalog: Catalog, snapshot: Snapshot) -> tuple[FloatArray, Modality]:
    try:
        item, segments = catalog.item(snapshot.collection, part.like or 0)
    except KeyError:
        name = snapshot.collection.name
        raise QueryError(f"no item {part.like} in collection {name!r}") from None
    ids = np.array([s.id for s in segments if s.modality == item.modality], np.int64)
    table = snapshot.tables.get(item.modality)
    vectors = table.vectors(ids) if table else np.empty((0, 0), np.float32)
    if not len(vectors):
        raise QueryError(f"item {part.like} has no vectors; index it again")
    return _mean(vectors, f"the segments of item {part.like}"), item.modality


def _mean(vectors: FloatArray, what: str) -> FloatArray:
    mean = vectors[0] if len(vectors) == 1 else vectors.mean(axis=0)
    if not length(mean) > 1e-6:
        raise EmptyQuery(f"{what} cancel out")
    return unit(mean)
