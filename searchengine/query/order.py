"""How candidates become one list: merged, joined with words, without copies, varied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from searchengine.query.calibrate import backgrounds
from searchengine.query.hybrid import WINDOW, fuse
from searchengine.query.merge import Candidates, Ranked, merge
from searchengine.query.variety import POOL, distinct, diverse
from searchengine.store.catalog import Catalog
from searchengine.store.snapshot import Snapshot
from searchengine.types import FloatArray, Hit, Modality, Query, Score


def wanted(query: Query) -> int:
    """Hits that have to be known for the page not to depend on how deep was looked."""
    pool = POOL if query.diverse is not None else 0
    return max(query.offset + query.k, pool, WINDOW if query.hybrid else 0)


@dataclass(slots=True)
class Order:
    """The order that a query asks for. ``shipped`` are means of modalities that are known
    beforehand; ``best`` is the first of the merged list, once there is one."""

    query: Query
    snapshot: Snapshot
    catalog: Catalog
    shipped: Mapping[Modality, FloatArray]
    best: Ranked | None = None
    _merged: int = 0

    def of(self, lists: Sequence[Candidates], said: Sequence[Candidates]) -> list[Ranked]:
        """``lists`` by meaning, ``said`` by words."""
        ranked = self._merge(lists, self.query.score)
        self.best, self._merged = ranked[0] if ranked else None, len(ranked)
        if self.query.hybrid:
            ranked = fuse(ranked, self._merge(said, Score.CALIBRATED), self.query.group_by)
        if self.query.dedup is not None:
            ranked = distinct(ranked, self.query.dedup, self.snapshot, self.catalog)
        if self.query.diverse is not None:
            means = backgrounds(self.snapshot, self.shipped).means
            ranked = diverse(ranked, self.query.diverse, self.snapshot, means)
        return ranked

    def settled(self, ranked: Sequence[Ranked], hits: Sequence[Hit]) -> bool:
        """Whether looking deeper would change nothing on the page."""
        return min(self._merged, len(ranked)) >= wanted(self.query) and len(hits) == self.query.k

    def _merge(self, lists: Sequence[Candidates], score: Score) -> list[Ranked]:
        query = self.query
        asking = {part.like for part in query.parts if part.like is not None}  # no answers
        return merge(lists, score, query.group_by, asking, query.min_score)
