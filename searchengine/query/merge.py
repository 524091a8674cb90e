"""One list out of a list for each modality: the only place that decides their order."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from searchengine.types import FloatArray, GroupBy, Modality, Score


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What one modality offers, best first.

    ``ids`` and ``items`` int64 (n,); ``scores``, raw cosines ``similarities`` and cosines with
    what was searched for ``closeness``, float32 (n,). What is not among them scores no higher
    than ``rest``: -inf when there is no more.
    """

    ids: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    scores: FloatArray
    similarities: FloatArray
    closeness: FloatArray
    modality: Modality
    rest: float = -math.inf


@dataclass(frozen=True, slots=True)
class Ranked:
    """A segment of an item with its place in the merged order: ``score``, higher is better."""

    id: int
    item: int
    similarity: float
    score: float
    closeness: float
    modality: Modality

    def scored(self, score: float) -> Ranked:
        """The same in another order."""
        return replace(self, score=score)


def merge(
    lists: Sequence[Candidates],
    score: Score,
    group_by: GroupBy,
    without: Collection[int] = (),
    min_score: float | None = None,
) -> list[Ranked]:
    """Merge what several modalities offer, best first, as far as it is certain.

    Scores are comparable between modalities when they are calibrated (see calibrate.py), and
    raw cosines are taken as if they were; for ``Score.RANK`` the best of each modality come
    first, then the second best, and so on: 1 / rank within the hit's own modality. Equals keep
    the order of ``lists``. Grouped by item, each item comes once, by its best segment; the
    items ``without``, and hits of a similarity below ``min_score``, are left out. So are hits
    that what is not yet in the lists may come before: a page never changes by looking deeper.
    """
    ranked: list[Ranked] = []
    certain = -math.inf
    for one in lists:
        rows = list(_grouped(_rows(one, min_score), group_by, without))
        for rank, (segment, item, similarity, own, closeness) in enumerate(rows, start=1):
            place = 1.0 / rank if score is Score.RANK else own
            ranked.append(Ranked(segment, item, similarity, place, closeness, one.modality))
        if one.rest > -math.inf:
            certain = max(certain, 1.0 / (len(rows) + 1) if score is Score.RANK else one.rest)
    ranked = [hit for hit in ranked if hit.score >= certain]
    ranked.sort(key=lambda hit: -hit.score)
    if group_by is GroupBy.NONE:
        return ranked
    seen: set[int] = set()
    return [hit for hit in ranked if _new(hit.item, seen)]


_Row = tuple[int, int, float, float, float]


def _rows(one: Candidates, min_score: float | None) -> Iterator[_Row]:
    columns = (one.ids, one.items, one.similarities, one.scores, one.closeness)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return rows if min_score is None else (row for row in rows if row[2] >= min_score)


def _grouped(rows: Iterable[_Row], group_by: GroupBy, without: Collection[int]) -> Iterator[_Row]:
    seen = set(without)
    for row in rows:
        if row[1] not in without and (group_by is GroupBy.NONE or _new(row[1], seen)):
            yield row


def _new(item: int, seen: set[int]) -> bool:
    return not (item in seen or seen.add(item))  # type: ignore[func-returns-value]
