"""One list out of a list for each modality: the only place that decides their order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from searchengine.types import GroupBy, Neighbors, Score


@dataclass(frozen=True, slots=True)
class Ranked:
    """A segment of an item with its place in the merged order: ``score``, higher is better."""

    id: int
    item: int
    similarity: float
    score: float


def merge(
    lists: Sequence[Neighbors], score: Score, group_by: GroupBy, without: Collection[int] = ()
) -> list[Ranked]:
    """Merge neighbours of several modalities, best first.

    Cosines of different modality pairs are on different scales (the modality gap), so the
    best of each modality come first, then the second best, and so on: ``score`` is 1 / rank
    within the hit's own modality. Equal ranks keep the order of ``lists``. ``Score.COSINE``
    orders by raw similarity instead. Grouped by item, each item comes once, by its best
    segment; the items ``without`` are left out.
    """
    ranked = [
        Ranked(segment, item, similarity, similarity if score is Score.COSINE else 1.0 / rank)
        for neighbors in lists
        for rank, (segment, item, similarity) in enumerate(
            _grouped(_rows(neighbors), group_by, without), start=1
        )
    ]
    ranked.sort(key=lambda hit: -hit.score)
    if group_by is GroupBy.NONE:
        return ranked
    seen: set[int] = set()
    return [hit for hit in ranked if _new(hit.item, seen)]


def _rows(neighbors: Neighbors) -> Iterator[tuple[int, int, float]]:
    columns = (neighbors.ids, neighbors.items, neighbors.similarities)
    return zip(*(column.tolist() for column in columns), strict=True)


def _grouped(
    rows: Iterable[tuple[int, int, float]], group_by: GroupBy, without: Collection[int]
) -> Iterator[tuple[int, int, float]]:
    seen = set(without)
    for row in rows:
        if row[1] not in without and (group_by is GroupBy.NONE or _new(row[1], seen)):
            yield row


def _new(item: int, seen: set[int]) -> bool:
    return not (item in seen or seen.add(item))  # type: ignore[func-returns-value]
