"""A query's parts to one vector, as ImageBind composes (Girdhar et al. 2023, section 4.3)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
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


@dataclass(frozen=True, eq=False)
class Together:
    """The parts of n queries that are made of the same ``modalities`` in the same order.

    ``weights`` float32 (n, parts); ``vectors``, of each part, float32 (n, d).
    """

    modalities: tuple[Modality, ...]
    weights: FloatArray
    vectors: Sequence[FloatArray]

    @classmethod
    def of(cls, asked: Sequence[Sequence[Part]]) -> Together:
        weights = np.array([[part.weight for part in parts] for parts in asked], np.float32)
        vectors = [
            np.stack([part.vector for part in column]) for column in zip(*asked, strict=True)
        ]
        return cls(tuple(part.modality for part in asked[0]), weights, vectors)

    @functools.cached_property
    def _added(self) -> FloatArray:
        columns = zip(self.weights.T, self.vectors, strict=True)
        return functools.reduce(np.add, [weights[:, None] * rows for weights, rows in columns])

    @functools.cached_property
    def lengths(self) -> FloatArray:
        """Float32 (n,), of each query's weighted sum. Raises EmptyQuery when one's parts cancel
        out."""
        lengths: FloatArray = np.sqrt(np.einsum("nd,nd->n", self._added, self._added))
        if not (lengths > 1e-6).all():
            raise EmptyQuery("the parts of the query cancel out; change a weight")
        return lengths

    @functools.cached_property
    def directions(self) -> FloatArray:
        """Unit vectors float32 (n, d): each part weighted, summed, and the sum normalised."""
        scaled: FloatArray = self._added / self.lengths[:, None]
        return scaled

    @functools.cached_property
    def each(self) -> list[FloatArray]:
        """The directions, one by one."""
        return list(self.directions)

    def alone(self, part: int) -> Together:
        """One part of each query, by itself."""
        only = slice(part, part + 1)
        return Together(self.modalities[only], self.weights[:, only], self.vectors[only])

    def turned(self, how: Callable[[FloatArray, Modality], FloatArray]) -> Together:
        """Of the vectors that ``how`` makes of those of each modality; itself if it makes none."""
        pairs = zip(self.vectors, self.modalities, strict=True)
        vectors = [how(rows, modality) for rows, modality in pairs]
        if all(new is old for new, old in zip(vectors, self.vectors, strict=True)):
            return self
        return Together(self.modalities, self.weights, vectors)


def composed(parts: Sequence[Part]) -> FloatArray:
    """Unit vector float32 (d,) of one query's parts. Raises EmptyQuery when they cancel out."""
    return Together.of([parts]).each[0]


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
