"""One list out of a list for each modality: the only place that decides their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from searchengine.types import Neighbors, Score


@dataclass(frozen=True, slots=True)
class Ranked:
    """A segment with its place in the merged order: ``score``, higher is better."""

    id: int
    similarity: float
    score: float


def merge(lists: Sequence[Neighbors], owners: dict[int, int], score: Score) -> list[Ranked]:
    """Merge neighbours of several modalities, best first, each owner (an item) once.

    Cosines of different modality pairs are on different scales (the modality gap), so the
    best of each modality come first, then the second best, and so on: ``score`` is 1 / rank
    within the hit's own modality. Equal ranks keep the order of ``lists``. ``Score.COSINE``
    orders by raw similarity instead. Segments missing from ``owners`` are left out.
    """
    ranked = [
        Ranked(segment, similarity, similarity if score is Score.COSINE else 1.0 / rank)
        for neighbors in lists
        for rank, (segment, similarity) in enumerate(_once(neighbors, owners), start=1)
    ]
    ranked.sort(key=lambda hit: -hit.score)
    seen: set[int] = set()
    return [hit for hit in ranked if _new(owners[hit.id], seen)]


def _once(neighbors: Neighbors, owners: dict[int, int]) -> list[tuple[int, float]]:
    """The best segment of each owner."""
    seen: set[int] = set()
    pairs = zip(neighbors.ids.tolist(), neighbors.similarities.tolist(), strict=True)
    return [(s, similarity) for s, similarity in pairs if s in owners and _new(owners[s], seen)]


def _new(owner: int, seen: set[int]) -> bool:
    return not (owner in seen or seen.add(owner))  # type: ignore[func-returns-value]
