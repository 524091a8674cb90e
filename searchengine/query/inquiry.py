"""One query while it is being answered, from its parts to its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from searchengine.encoders.encoder import Encoder
from searchengine.query.clock import Clock
from searchengine.query.embed import Part
from searchengine.query.explain import is_relevant
from searchengine.query.hunt import Hunt
from searchengine.query.hybrid import worded
from searchengine.query.merge import Ranked
from searchengine.query.order import Order, wanted
from searchengine.query.page import page
from searchengine.query.question import pose
from searchengine.query.reason import why_nothing
from searchengine.store.catalog import Catalog
from searchengine.store.nouns import Found
from searchengine.store.snapshot import Snapshot
from searchengine.types import Hit, Query, SearchResult


class Inquiry:
    """Asks ``query``, made of ``parts``, of a snapshot. Raises EmptyQuery, QueryError."""

    def __init__(
        self,
        query: Query,
        parts: Sequence[Part],
        encoder: Encoder,
        catalog: Catalog,
        snapshot: Snapshot,
        clock: Clock,
    ) -> None:
        self._query, self._catalog, self._snapshot = query, catalog, snapshot
        with clock("filter"):
            collection, where = snapshot.collection, query.where
            self._allowed = catalog.allowed(collection, where) if where else None
        with clock("pose"):
            self._question = pose(query, parts, snapshot, encoder.centers)
            self._order = Order(query, snapshot, catalog, encoder.centers)
        with clock("words"):
            asked = query, self._question, catalog, snapshot, self._allowed
            self._said = worded(*asked) if query.hybrid else []
        self.hunt = Hunt(query, self._question, snapshot, self._allowed, wanted(query))
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
        asked = self._query, self._question
        self._hits = page(*asked, self._ranked, found, self._catalog, self._snapshot, self._allowed)

    def unsettled(self) -> bool:
        """Whether the page may gain by looking deeper, which ``hunt`` is then set to."""
        return not self._order.settled(self._ranked, self._hits) and self.hunt.deepen()

    def result(self, seconds: Mapping[str, float]) -> SearchResult:
        query, snapshot, allowed = self._query, self._snapshot, self._allowed
        relevant = is_relevant(query, self._order.best, snapshot, allowed)
        reason = None
        if not self._hits:
            reason = why_nothing(query, self._ranked, snapshot, allowed, self._catalog)
        return SearchResult(
            self._hits, snapshot.generation, dict(seconds), relevant=relevant, reason=reason
        )
