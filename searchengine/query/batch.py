"""Many questions at once: what they are made of is encoded in batches, and candidates of all of
them are found in blocks. Each is then answered by ``search`` as if it were alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from searchengine.encoders.encoder import Encoder, Prepared
from searchengine.encoders.wrapped import Wrapped
from searchengine.errors import SearchEngineError
from searchengine.query.calibrate import Aim
from searchengine.query.check import check_encoder, check_query
from searchengine.query.embed import embed_parts
from searchengine.query.hunt import first_depth
from searchengine.query.order import wanted
from searchengine.query.question import pose
from searchengine.query.search import search
from searchengine.store.library import Library
from searchengine.store.snapshot import Snapshot
from searchengine.types import (
    Collection,
    FloatArray,
    Media,
    Modality,
    Mode,
    Query,
    SearchResult,
)

#: Segments that go through a network at once.
ENCODED = 64


def search_all(
    queries: Sequence[Query], encoder: Encoder, library: Library, collection: Collection
) -> Iterator[SearchResult | SearchEngineError]:
    """An answer for each query, or the error it ended in, in order. All queries are in memory."""
    check_encoder(encoder, collection)
    ahead = Ahead(encoder, queries)
    _look_ahead(queries, ahead, library, library.snapshot(collection))
    for query in queries:
        try:
            yield search(query, ahead, library, collection)
        except SearchEngineError as error:
            yield error


class Ahead(Wrapped):
    """An encoder that has encoded what ``queries`` are made of; see ``Encoder``.

    Media that could not be are tried again by themselves, so that only their query fails.
    """

    def __init__(self, encoder: Encoder, queries: Iterable[Query]) -> None:
        super().__init__(encoder)
        self._vectors: dict[tuple[int, Modality], FloatArray] = {}
        media: dict[Modality, list[Media]] = defaultdict(list)
        for part in (part for query in queries for part in query.parts):
            if part.modality is not None:
                media[part.modality] += part.media
        for modality, every in media.items():
            for start in range(0, len(every), ENCODED):
                self._encode(every[start : start + ENCODED], modality)

    def preprocess(self, media: Media, modality: Modality) -> Prepared:
        found = self._vectors.get((id(media), modality))
        if found is None:
            prepared = self._encoder.preprocess(media, modality)
            found = self._encoder.encode([prepared], modality)[0]
        return found

    def encode(self, batch: Sequence[Prepared], modality: Modality) -> FloatArray:
        return np.stack(batch)

    def _encode(self, media: Sequence[Media], modality: Modality) -> None:
        kept, prepared = [], []
        for one in media:
            try:
                prepared.append(self._encoder.preprocess(one, modality))
                kept.append((id(one), modality))
            except SearchEngineError:
                continue
        try:
            vectors = self._encoder.encode(prepared, modality) if prepared else ()
        except SearchEngineError:
            return
        self._vectors.update(zip(kept, vectors, strict=True))


def _look_ahead(
    queries: Sequence[Query], encoder: Encoder, library: Library, snapshot: Snapshot
) -> None:
    """Find candidates of every unfiltered query, those alike together."""
    alike: dict[tuple[Modality, frozenset[Modality], int], list[FloatArray]] = defaultdict(list)
    for query in queries:
        if query.where is not None or query.exact or query.mode is not Mode.SUM:
            continue
        try:
            check_query(query)
            hits = wanted(query)
            for target, asked, aim in _aims(query, encoder, library, snapshot):
                depth = first_depth(query, snapshot.tables[target], hits)
                alike[target, asked, depth].append(aim.direction)
        except SearchEngineError:
            continue  # it will say so itself
    for (target, asked, depth), directions in alike.items():
        snapshot.tables[target].look_ahead(np.stack(directions), depth, target, asked)


def _aims(
    query: Query, encoder: Encoder, library: Library, snapshot: Snapshot
) -> Iterator[tuple[Modality, frozenset[Modality], Aim]]:
    parts = embed_parts(query.parts, encoder, library.catalog, snapshot)
    question = pose(query, parts, snapshot, encoder.centers)
    for target, aim in question.aims.items():
        yield target, question.asked, aim
