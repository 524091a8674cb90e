"""The read path, from a query to its hits. Each stage is one call; read it top to bottom."""

from __future__ import annotations

from searchengine.encoders.encoder import Encoder
from searchengine.query.check import check_encoder, check_query
from searchengine.query.clock import Clock
from searchengine.query.embed import embed_parts
from searchengine.query.explain import is_relevant
from searchengine.query.hunt import Hunt
from searchengine.query.hybrid import worded
from searchengine.query.order import Order, wanted
from searchengine.query.page import page
from searchengine.query.question import pose
from searchengine.query.reason import why_nothing
from searchengine.store.library import Library
from searchengine.types import Collection, Query, SearchResult


def search(
    query: Query, encoder: Encoder, library: Library, collection: Collection
) -> SearchResult:
    """Answer a query from the newest generation.

    Raises QueryError for what cannot be asked, EncoderMismatch when the collection is of
    another encoder, NothingPublished when it is empty.
    """
    check_query(query)
    check_encoder(encoder, collection)
    catalog, clock = library.catalog, Clock()
    with clock("open"):
        snapshot = library.snapshot(collection)
    with clock("encode"):
        parts = embed_parts(query.parts, encoder, catalog, snapshot)
    with clock("filter"):
        allowed = catalog.allowed(collection, query.where) if query.where else None
    with clock("pose"):
        question = pose(query, parts, snapshot, encoder.centers)
        order = Order(query, snapshot, catalog, encoder.centers)
    with clock("words"):
        said = worded(query, question, catalog, snapshot, allowed) if query.hybrid else []
    with clock("search"):
        hunt = Hunt(query, question, snapshot, allowed, wanted(query))
    while True:
        with clock("merge"):
            ranked = order.of(hunt.lists, said)
        with clock("hydrate"):
            hits = page(query, question, ranked, catalog, snapshot, allowed)
        with clock("search"):
            if order.settled(ranked, hits) or not hunt.deepen():
                break
    relevant = is_relevant(query, order.best, snapshot, allowed)
    reason = None if hits else why_nothing(query, ranked, snapshot, allowed, catalog)
    return SearchResult(hits, snapshot.generation, clock.seconds, relevant=relevant, reason=reason)
