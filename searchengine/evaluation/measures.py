"""How good a ranking is, when some of it may be tied: plain functions of similarities.

Things that are equally similar have no order, so every measure is its expectation over all orders
of them. What chance would give is then the measure of a ranking in which everything is tied.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

#: Neighbours in a ranking whose cosines differ by less are tied: float32 vectors of length 1
#: give the same cosine twice only to about this.
TIE = 1e-6


@dataclass(frozen=True, slots=True)
class Ranking:
    """What is relevant among things ordered by similarity, best first, in runs of tied ones.

    All int64 (runs,): ``starts`` is how many things come before a run, ``sizes`` how many are in
    it, ``hits`` how many of these are relevant.
    """

    starts: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    hits: npt.NDArray[np.int64]


def ranking(similarities: Floats, relevant: Mask) -> Ranking:
    """The ranking of at least one thing: similarities (n,), relevant bool (n,)."""
    order = np.argsort(-similarities, kind="stable")
    falls = -np.diff(similarities[order]) > TIE
    starts = np.flatnonzero(np.concatenate(([True], falls)))
    sizes = np.diff(starts, append=len(order))
    return Ranking(starts, sizes, np.add.reduceat(relevant[order].astype(np.int64), starts))


def recall_at(ranked: Ranking, k: int) -> float:
    """The chance, over all orders of tied things, that one of the first ``k`` is relevant."""
    run = int(np.searchsorted(ranked.starts, k - 1, side="right")) - 1  # the run with place k
    if ranked.hits[:run].any():
        return 1.0
    size, hits = int(ranked.sizes[run]), int(ranked.hits[run])
    drawn = np.arange(min(k - int(ranked.starts[run]), size))
    missed = np.maximum(size - hits - drawn, 0) / (size - drawn)  # drawn without putting back
    return float(1 - missed.prod())


def average_precision(ranked: Ranking) -> float:
    """The expectation of average precision over all orders of tied things; one is relevant.

    McSherry and Najork (2008), "Computing information retrieval performance measures efficiently
    in the presence of tied scores", section 3.
    """
    before = np.cumsum(ranked.hits) - ranked.hits
    starts, size, hits, earlier = (
        np.repeat(each, ranked.sizes) for each in (ranked.starts, ranked.sizes, ranked.hits, before)
    )
    place = np.arange(len(starts))
    beside = (
        (place - starts) * (hits - 1) / np.maximum(size - 1, 1)
    )  # relevant, before it in its run
    terms = hits / size * (earlier + 1 + beside) / (place + 1)
    return float(terms.sum() / ranked.hits.sum())


def measured(similarities: Floats, relevant: Mask) -> npt.NDArray[np.float64]:
    """Recall at 1, recall at 5 and average precision of one query, float64 (3,), each 0 to 1."""
    ranked = ranking(similarities, relevant)
    return np.array([recall_at(ranked, 1), recall_at(ranked, 5), average_precision(ranked)])


@functools.lru_cache(maxsize=4096)
def by_chance(count: int, relevant: int) -> tuple[float, ...]:
    """What a random order of ``count`` things, ``relevant`` of them so, is expected to measure.

    For average precision this is the closed form of Bestgen (2015), "Exact expected average
    precision of the random baseline for system evaluation".
    """
    return tuple(measured(np.zeros(count), np.arange(count) < relevant).tolist())
