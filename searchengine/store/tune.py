"""How hard each index is searched for each modality of query: measured, not assumed.

A query of another modality looks at a cone of vectors from outside: its neighbours lie in more of
the lists, and codes tell them apart less well. So real vectors of that modality are taken for
queries, exact search says what they should find, and the cheapest effort that finds enough of it
is kept with the index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from searchengine.store.shards import Blocks
from searchengine.store.vectors.exact import nearest
from searchengine.store.vectors.faiss import Parameters, nearest_by_codes
from searchengine.store.vectors.recipe import Effort, Recipe
from searchengine.types import FloatArray, Modality

IdArray = npt.NDArray[np.int64]

#: Neighbours whose recall is measured.
K = 10

#: Queries of each modality: with 10 neighbours each, a recall is known to about a point.
QUERIES = 100

#: Fewer vectors of a modality than this are no sample of its queries.
ENOUGH = 16

#: Of the misses that are permitted, this share is kept in hand for queries that were not seen.
IN_HAND = 0.2

#: Shares of the lists that are tried, ascending.
SHARES = tuple(float(share) for share in np.geomspace(0.005, 1.0, 24))

#: Candidates reranked for each hit that are tried.
FACTORS = (2, 3, 4, 6, 8, 10, 15, 20, 30, 40)

#: What a candidate to rerank costs beside a code that is scanned: 1.3 to 2.4 us, and 50 to 60 ns
#: at 1024-d (docs/benchmarks.md).
RERANK_COST = 35


@dataclass(frozen=True, slots=True)
class Point:
    """What queries of ``asked`` need: ``recall`` was reached by ``queries`` of them.

    ``rows`` vectors were in the index then.
    """

    asked: Modality
    effort: Effort
    recall: float
    queries: int
    rows: int


def tune(
    index: Any,
    blocks: Callable[[], Blocks],
    target: Modality,
    askers: Mapping[Modality, FloatArray],
    recipe: Recipe,
) -> list[Point]:
    """A point for each modality of ``askers`` float32 (n, d) that has enough of them.

    ``blocks`` gives every live vector of the index, ``target`` its modality.
    """
    kinds = {
        asked: list(_directions(asked, target, rows))
        for asked, rows in askers.items()
        if len(rows) >= ENOUGH
    }
    every = [rows for kind in kinds.values() for rows in kind]
    if not every:
        return []
    skip = [asked is target for asked, kind in kinds.items() for _ in kind]
    truths = iter(_split(nearest(blocks(), np.concatenate(every), K + 1), every, skip))
    points = []
    for asked, kind in kinds.items():
        curves = [_Curve(index, rows, next(truths)) for rows in kind]
        effort, recall = _cheapest(curves, index, recipe)
        points.append(Point(asked, effort, recall, sum(map(len, kind)), index.ntotal))
    return points


def _directions(asked: Modality, target: Modality, rows: FloatArray) -> Iterator[FloatArray]:
    """What is searched for with such queries: they themselves, and without their mean.

    Calibrated scores take the mean of a third modality off (query/calibrate.py), raw ones do not.
    """
    chosen = rows[np.linspace(0, len(rows) - 1, min(QUERIES, len(rows))).astype(np.int64)]
    yield chosen
    if asked not in (target, Modality.TEXT):
        rest = chosen - rows.mean(axis=0)
        yield rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-6)


def _split(truth: IdArray, kinds: list[FloatArray], skip: list[bool]) -> Iterator[IdArray]:
    """Of each kind the K nearest; a vector is not its own neighbour."""
    start = 0
    for rows, own in zip(kinds, skip, strict=True):
        yield truth[start : start + len(rows)][:, int(own) : K + int(own)]
        start += len(rows)


class _Curve:
    """Recall of some queries by lists probed and candidates reranked."""

    def __init__(self, index: Any, queries: FloatArray, truth: IdArray) -> None:
        self._index, self._queries, self._truth = index, queries, truth

    def recalls(self, share: float) -> list[float]:
        """With each of FACTORS."""
        how = Parameters(self._index, Effort(share, FACTORS[-1]), None, 0)
        found = nearest_by_codes(self._index, self._queries, FACTORS[-1] * K, how)
        places = np.full(self._truth.shape, FACTORS[-1] * K, np.int64)
        for row, (ids, wanted) in enumerate(zip(found, self._truth, strict=True)):
            hits, where, which = np.intersect1d(wanted, ids, return_indices=True)
            places[row, where] = np.where(hits >= 0, which, places[row, where])
        there = self._truth >= 0
        return [float((places[there] < factor * K).mean()) for factor in FACTORS]


def _cheapest(curves: list[_Curve], index: Any, recipe: Recipe) -> tuple[Effort, float]:
    """The effort of least cost by which the hardest kind of query finds enough."""
    enough = recipe.recall + IN_HAND * (1 - recipe.recall)
    best, cost, reached = Effort(1.0, FACTORS[-1]), np.inf, 0.0
    for share in SHARES:
        scanned = share * index.ntotal
        if scanned >= cost:
            break
        recalls = np.min([curve.recalls(share) for curve in curves], axis=0)
        if cost == np.inf:
            reached = float(recalls[-1])  # where nothing suffices, all that can be done
        for factor, recall in zip(FACTORS, recalls.tolist(), strict=True):
            total = scanned + RERANK_COST * factor * K
            if recall >= enough and total < cost:
                best, cost, reached = Effort(share, factor), total, recall
    return best, reached
