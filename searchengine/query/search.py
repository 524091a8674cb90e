"""The read path, from a query to its hits. Each stage is one call; read it top to bottom."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from searchengine.encoders.encoder import Encoder
from searchengine.errors import QueryError
from searchengine.query.embed import check_encoder, embed_parts
from searchengine.query.merge import Ranked, merge
from searchengine.store.library import Library
from searchengine.store.nouns import Found
from searchengine.store.snapshot import Snapshot
from searchengine.types import (
    Collection,
    FloatArray,
    GroupBy,
    Hit,
    Modality,
    Neighbors,
    Query,
    SearchResult,
)

#: Hits that can be paged through; deeper than this is an export.
MAX_DEPTH = 10_000

Allowed = dict[Modality, npt.NDArray[np.int64]] | None


def search(
    query: Query, encoder: Encoder, library: Library, collection: Collection
) -> SearchResult:
    """Answer a query from the newest generation.

    Raises QueryError for what cannot be asked, EncoderMismatch when the collection is of
    another encoder, NothingPublished when it is empty.
    """
    check_query(query)
    check_encoder(encoder, collection)
    clock = Clock()
    with clock("open"):
        snapshot = library.snapshot(collection)
    with clock("encode"):
        vector, asked = embed_parts(query.parts, encoder, library.catalog, snapshot)
    with clock("filter"):
        allowed = library.catalog.allowed(collection, query.where) if query.where else None
    wanted, fetch = query.offset + query.k, _first_fetch(query)
    while True:
        with clock("search"):
            lists = _neighbors(query, vector, asked, snapshot, allowed, fetch)
        with clock("hydrate"):
            found = library.catalog.hydrate([int(i) for one in lists for i in one.ids])
        with clock("merge"):
            ranked = _ranked(query, lists, found)
        if len(ranked) >= wanted or all(len(one.ids) < fetch for one in lists):
            break
        fetch *= 4
    return SearchResult(_hits(query, ranked, found), snapshot.generation, clock.seconds)


def check_query(query: Query) -> None:
    """Raise QueryError for a page that nobody can mean."""
    if not 1 <= query.k <= MAX_DEPTH:
        raise QueryError(f"k must be from 1 to {MAX_DEPTH}, not {query.k}")
    if query.offset < 0 or query.offset + query.k > MAX_DEPTH:
        raise QueryError(
            f"offset {query.offset} with k {query.k} is outside the first {MAX_DEPTH} hits; "
            "use export for all of a collection"
        )


def _first_fetch(query: Query) -> int:
    """Twice what is wanted where several segments may belong to one item."""
    wanted = query.offset + query.k + len(query.parts)
    return wanted * (2 if query.group_by is GroupBy.ITEM else 1)


def _neighbors(
    query: Query,
    vector: FloatArray,
    asked: frozenset[Modality],
    snapshot: Snapshot,
    allowed: Allowed,
    count: int,
) -> list[Neighbors]:
    nothing = np.empty(0, np.int64)
    return [
        snapshot.tables[modality].search(
            vector,
            count,
            modality=modality,
            same_modality=asked == {modality},
            allowed=None if allowed is None else allowed.get(modality, nothing),
            exact=query.exact,
        )
        for modality in snapshot.modalities
        if query.targets is None or modality in query.targets
    ]


def _ranked(query: Query, lists: Sequence[Neighbors], found: dict[int, Found]) -> list[Ranked]:
    """Merged, grouped, without the items that the query itself is made of."""
    by_item = query.group_by is GroupBy.ITEM
    asked = {part.like for part in query.parts}
    owners = {
        segment: one.item_id if by_item else segment
        for segment, one in found.items()
        if one.item_id not in asked
    }
    ranked = merge(lists, owners, query.score)
    floor = query.min_score
    return ranked if floor is None else [hit for hit in ranked if hit.similarity >= floor]


def _hits(query: Query, ranked: Sequence[Ranked], found: dict[int, Found]) -> tuple[Hit, ...]:
    page = ranked[query.offset : query.offset + query.k]
    return tuple(
        Hit(rank, hit.score, hit.similarity, found[hit.id].item, found[hit.id].segment)
        for rank, hit in enumerate(page, start=query.offset + 1)
    )


@dataclass(slots=True)
class Clock:
    """Adds up the seconds of each stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
