"""Queries while they are being answered, from their parts to their pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from searchengine.encoders.encoder import Encoder
from searchengine.errors import SearchEngineError
from searchengine.query.check import check_query
from searchengine.query.clock import Clock
from searchengine.query.embed import embed_parts
from searchengine.query.explain import is_relevant
from searchengine.query.hunt import Allowed, Hunt
from searchengine.query.hybrid import worded
from searchengine.query.merge import Candidates, Ranked
from searchengine.query.order import Order, wanted
from searchengine.query.page import page
from searchengine.query.question import Asked, Question, pose
from searchengine.query.reason import why_nothing
from searchengine.store.catalog import Catalog
from searchengine.store.nouns import Found
from searchengine.store.snapshot import Snapshot
from searchengine.types import Condition, Hit, Query, SearchResult

Made = TypeVar("Made")


class Ground:
    """What queries are asked of together: a snapshot, and the segments that each filter leaves,
    looked up once."""

    def __init__(
        self, encoder: Encoder, catalog: Catalog, snapshot: Snapshot, clock: Clock
    ) -> None:
        self.encoder, self.catalog, self.snapshot, self.clock = encoder, catalog, snapshot, clock
        self._allowed: dict[str, Allowed] = {}

    def allowed(self, where: Condition | None) -> Allowed:
        if where is None:
            return None
        key = repr(where)  # equal conditions may differ: True is 1
        if key not in self._allowed:
            with self.clock("filter"):
                self._allowed[key] = self.catalog.allowed(self.snapshot.collection, where)
        return self._allowed[key]


def begin(queries: Sequence[Query], ground: Ground) -> list[Inquiry | SearchEngineError]:
    """An inquiry of each query, or the error that it ended in, in order."""
    with ground.clock("encode"):
        asked = [_tried(_read, query, ground) for query in queries]
    with ground.clock("pose"):
        posed = pose(asked, ground.snapshot, ground.encoder.centers)
    return [
        one if isinstance(one, SearchEngineError) else _tried(Inquiry, query, one, ground)
        for query, one in zip(queries, posed, strict=True)
    ]


def _read(query: Query, ground: Ground) -> Asked:
    check_query(query)
    return query, embed_parts(query.parts, ground.encoder, ground.catalog, ground.snapshot)


def _tried(step: Callable[..., Made], *given: Any) -> Made | SearchEngineError:
    try:
        return step(*given)
    except SearchEngineError as error:
        return error


class Inquiry:
    """Asks a query. Raises QueryError."""

    def __init__(self, query: Query, question: Question, ground: Ground) -> None:
        self._query, self._question, self._ground = query, question, ground
        self._allowed = ground.allowed(query.where)
        catalog, snapshot = ground.catalog, ground.snapshot
        self._order = Order(query, snapshot, catalog, ground.encoder.centers)
        self._said: Sequence[Candidates] = ()
        if query.hybrid:
            with ground.clock("words"):
                self._said = worded(query, question, catalog, snapshot, self._allowed)
        self.hunt = Hunt(query, question, snapshot, self._allowed, wanted(query))
        self._ranked: Sequence[Ranked] = ()
        self._hits: tuple[Hit, ...] = ()

    def rank(self) -> None:
        """Order what was found."""
        self._ranked = self._order.of(self.hunt.lists, self._said)

    @property
    def shown(self) -> list[int]:
        """The segments that the page shows, unless they were deleted meanwhile."""
        query = self._query
        return [hit.id for hit in self._ranked[query.offset : query.offset + query.k]]

    def turn(self, found: Mapping[int, Found]) -> None:
        """Make the page; ``found`` is what is known of the segments shown."""
        catalog, snapshot = self._ground.catalog, self._ground.snapshot
        asked = self._query, self._question
        self._hits = page(*asked, self._ranked, found, catalog, snapshot, self._allowed)

    def unsettled(self) -> bool:
        """Whether the page may gain by looking deeper, which ``hunt`` is then set to."""
        return not self._order.settled(self._ranked, self._hits) and self.hunt.deepen()

    def result(self, seconds: Mapping[str, float]) -> SearchResult:
        query, snapshot, allowed = self._query, self._ground.snapshot, self._allowed
        relevant = is_relevant(query, self._order.best, snapshot, allowed)
        reason = None
        if not self._hits:
            reason = why_nothing(query, self._ranked, snapshot, allowed, self._ground.catalog)
        return SearchResult(
            self._hits, snapshot.generation, dict(seconds), relevant=relevant, reason=reason
        )
