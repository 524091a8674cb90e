"""The read path, from queries to their hits. Each stage is one call; read it top to bottom."""

from __future__ import annotations

from collections.abc import Sequence

from searchengine.encoders.encoder import Encoder
from searchengine.errors import SearchEngineError
from searchengine.query.ahead import Ahead
from searchengine.query.check import check_encoder
from searchengine.query.clock import Clock
from searchengine.query.hunt import look
from searchengine.query.inquiry import Ground, Inquiry, begin
from searchengine.store.library import Library
from searchengine.types import Collection, Query, SearchResult


def search(
    query: Query, encoder: Encoder, library: Library, collection: Collection
) -> SearchResult:
    """Answer a query from the newest generation.

    Raises QueryError for what cannot be asked, EncoderMismatch when the collection is of
    another encoder, NothingPublished when it is empty.
    """
    (answer,) = search_all([query], encoder, library, collection)
    if isinstance(answer, SearchEngineError):
        raise answer
    return answer


def search_all(
    queries: Sequence[Query], encoder: Encoder, library: Library, collection: Collection
) -> list[SearchResult | SearchEngineError]:
    """Answer queries together, each with its result or the error it ended in, in order.

    ``seconds`` of each is its share. Raises EncoderMismatch, NothingPublished.
    """
    check_encoder(encoder, collection)
    if not queries:
        return []
    catalog, clock = library.catalog, Clock()
    with clock("open"):
        snapshot = library.snapshot(collection)
    with clock("encode"):
        encoder = encoder if len(queries) == 1 else Ahead(encoder, queries)
    begun = begin(queries, Ground(encoder, catalog, snapshot, clock))
    waiting = [one for one in begun if isinstance(one, Inquiry)]
    while waiting:
        with clock("search"):
            look([one.hunt for one in waiting], snapshot)
        with clock("merge"):
            for one in waiting:
                one.rank()
        with clock("hydrate"):
            found = catalog.hydrate([segment for one in waiting for segment in one.shown])
            for one in waiting:
                one.turn(found)
        waiting = [one for one in waiting if one.unsettled()]
    seconds = {stage: spent / len(queries) for stage, spent in clock.seconds.items()}
    return [one.result(seconds) if isinstance(one, Inquiry) else one for one in begun]
