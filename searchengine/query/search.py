"""The read path, from a query to its hits. Each stage is one call; read it top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from searchengine.encoders.encoder import Encoder
from searchengine.errors import QueryError
from searchengine.query.embed import check_encoder, embed_parts
from searchengine.query.explain import explain, is_relevant
from searchengine.query.hybrid import FLOOR, fuse, worded
from searchengine.query.merge import Candidates, Ranked, merge
from searchengine.query.question import Hunt, Question, pose
from searchengine.store.catalog import Catalog
from searchengine.store.library import Library
from searchengine.store.snapshot import Snapshot
from searchengine.types import (
    Collection,
    GroupBy,
    Hit,
    Modality,
    Mode,
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
        parts = embed_parts(query.parts, encoder, library.catalog, snapshot)
    with clock("filter"):
        allowed = library.catalog.allowed(collection, query.where) if query.where else None
    with clock("pose"):
        depths = _first_depths(query, snapshot)
        question = pose(query, parts, snapshot, depths, encoder.centers)
    while True:
        with clock("search"):
            lists = _candidates(query, question, snapshot, allowed, depths)
        with clock("merge"):
            ranked = merge(lists, query.score, query.group_by, without=_asked_items(query))
        if len(ranked) >= query.offset + query.k or _is_all(lists, depths):
            break
        depths = {modality: depth * 4 for modality, depth in depths.items()}
    relevant = is_relevant(query, ranked, snapshot)
    if query.hybrid:
        with clock("words"):
            said = worded(query, question, library.catalog, collection, snapshot, allowed)
            by_words = merge(said, query.score, query.group_by, without=_asked_items(query))
            ranked = fuse(ranked, by_words, query.group_by)
    with clock("hydrate"):
        hits = _hits(query, question, ranked, library.catalog, snapshot)
    return SearchResult(hits, snapshot.generation, clock.seconds, relevant=relevant)


def check_query(query: Query) -> None:
    """Raise QueryError for a page that nobody can mean."""
    if not 1 <= query.k <= MAX_DEPTH:
        raise QueryError(f"k must be from 1 to {MAX_DEPTH}, not {query.k}")
    if query.offset < 0 or query.offset + query.k > MAX_DEPTH:
        raise QueryError(
            f"offset {query.offset} with k {query.k} is outside the first {MAX_DEPTH} hits; "
            "use export for all of a collection"
        )


def _first_depths(query: Query, snapshot: Snapshot) -> dict[Modality, int]:
    """How many segments of each target to begin with: more where several make one item."""
    wanted = query.offset + query.k + len(query.parts)
    wanted = max(wanted, FLOOR) if query.hybrid else wanted
    depths = {}
    for modality in snapshot.modalities:
        if query.targets is None or modality in query.targets:
            share = min(snapshot.tables[modality].segments_per_item, 4)
            depths[modality] = math.ceil(wanted * (share if query.group_by is GroupBy.ITEM else 1))
    return depths


def _candidates(
    query: Query,
    question: Question,
    snapshot: Snapshot,
    allowed: Allowed,
    depths: dict[Modality, int],
) -> list[Candidates]:
    nothing = np.empty(0, np.int64)
    hunts = [
        Hunt(
            snapshot.tables[modality],
            modality,
            depth,
            None if allowed is None else allowed.get(modality, nothing),
            query.exact,
        )
        for modality, depth in depths.items()
    ]
    if query.mode is Mode.ALL:
        return [hunt.all(question) for hunt in hunts]
    return [hunt.added(question) for hunt in hunts]


def _is_all(lists: Sequence[Candidates], depths: dict[Modality, int]) -> bool:
    """Whether looking deeper would find no more."""
    return all(len(one.ids) < depths[one.modality] for one in lists)


def _asked_items(query: Query) -> set[int]:
    """Items that the query itself is made of: they are no answers."""
    return {part.like for part in query.parts if part.like is not None}


def _hits(
    query: Query,
    question: Question,
    ranked: Sequence[Ranked],
    catalog: Catalog,
    snapshot: Snapshot,
) -> tuple[Hit, ...]:
    """The page asked for; what was deleted since the generation was pinned is passed over."""
    if query.min_score is not None:
        ranked = [hit for hit in ranked if hit.similarity >= query.min_score]
    while True:
        page = ranked[query.offset : query.offset + query.k]
        found = catalog.hydrate([hit.id for hit in page])
        if len(found) == len(page):
            break
        lost = {hit.id for hit in page} - found.keys()
        ranked = [hit for hit in ranked if hit.id not in lost]
    why = explain(question, page, snapshot) if query.explain else {}
    return tuple(
        Hit(
            rank,
            hit.score,
            hit.similarity,
            found[hit.id].item,
            found[hit.id].segment,
            question.aims[hit.modality].percentile(hit.closeness),
            why.get(hit.id),
        )
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
