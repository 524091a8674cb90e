"""Similarities of any two modalities on one scale: how far above its background a hit is.

Vectors of each modality fill a cone of their own (the modality gap, Liang et al. 2022), so raw
cosines of different pairs of modalities cannot be compared. The background of a pair is learnt
from the generation itself: up to a thousand stored vectors of each modality, which stand for
what is found and for what asks. docs/ranking.md says what was measured.
"""

from __future__ import annotations

import bisect
import functools
import math
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from searchengine.query.embed import Part, Together
from searchengine.store.snapshot import Snapshot
from searchengine.types import Background, FloatArray, Modality

#: Fewer vectors than this say too little of their modality's mean and deviation.
KNOWN = 16
#: Vectors that deviations and percentiles are learnt from. Comparing a query with them takes
#: 0.03 ms at 1024-d; 1,024 of them would take ten times as long, and change no order.
RANKED = 256
#: Similarities that differ less may be of the same vector, which is stored in half precision.
SAME = 1e-4
#: Vectors of a modality that stand for its queries. With 64, every order measured is as good, and
#: the first query of a generation takes four times as long.
ASKERS = 16
#: The percentiles that are shown of a pair.
SHOWN = (0.5, 0.9, 0.99)
#: As many vectors the mean of everything counts for in the mean of a modality: with one film in a
#: library, that film is not its own background.
PRIOR = 2
#: How much of the expected similarity is this query's own; the rest is that of all queries of its
#: modality. A query's own holds what it really finds in a modality about few things (infrared
#: frames of cars): all of it made such modalities lose, none of it let hubs in.
OWN = 0.75


class Strangers:
    """Similarities of a modality's background, float32 (s, d), with what is searched for there:
    ``directions`` float32 (n, d), of all queries that are asked together."""

    def __init__(self, vectors: FloatArray, directions: FloatArray) -> None:
        self._vectors, self._directions = vectors, directions

    @functools.cached_property
    def ranked(self) -> list[list[float]]:
        """Of each direction, ascending."""
        similarities = self._directions @ self._vectors.T
        ranked: list[list[float]] = np.sort(similarities, axis=1).tolist()
        return ranked


@dataclass(frozen=True, slots=True, eq=False)
class Aim:
    """What one modality is searched for, and how its similarities become scores.

    ``direction`` float32 (d,) of length 1; ``mean`` is the similarity that is expected of
    strangers, ``deviation`` how much such similarities vary; ``strangers`` are vectors of the
    target (None: not calibrated), in which this is direction ``place``.
    """

    direction: FloatArray
    mean: float = 0.0
    deviation: float = 1.0
    strangers: Strangers | None = None
    place: int = 0

    def scores(self, similarities: FloatArray) -> FloatArray:
        scored: FloatArray = (similarities - np.float32(self.mean)) / np.float32(self.deviation)
        return scored

    def percentile(self, similarity: float) -> float | None:
        """The share of the strangers that lie farther, 0 to 1, never less for a nearer hit; None
        where there are none.

        Neither is a stranger: what is as near as the hit, which is the hit itself where it is
        among them, and what is the very thing that was asked with.
        """
        ranked = self.strangers.ranked[self.place] if self.strangers else []
        others = bisect.bisect_left(ranked, 1 - SAME)
        farther = min(bisect.bisect_left(ranked, similarity - SAME), others)
        nearer = max(others - bisect.bisect_right(ranked, similarity + SAME), 0)
        return farther / (farther + nearer) if farther + nearer else None


class Backgrounds:
    """What similarities are like in one generation. ``shipped`` are means for modalities that
    the generation has too little of. Threads may share it."""

    def __init__(self, snapshot: Snapshot, shipped: Mapping[Modality, FloatArray]) -> None:
        self._samples = {m: snapshot.tables[m].background for m in snapshot.modalities}
        self._shipped = shipped
        self._overall = np.mean([sample.mean(axis=0) for sample in self._samples.values()], axis=0)
        self._known = [m for m, sample in self._samples.items() if len(sample) >= KNOWN]
        self.means = {modality: self._mean(modality) for modality in self._samples}
        self._ranked = {
            modality: np.ascontiguousarray(sample[:: -(-len(sample) // RANKED)])
            for modality, sample in self._samples.items()
        }
        self._centers = dict(shipped) | {m: self._samples[m].mean(axis=0) for m in self._known}
        self._pairs: dict[tuple[Modality, Modality], Background] = {}
        self._deviations: dict[tuple[Modality, Modality], float] = {}

    def aim(self, parts: Sequence[Part], target: Modality) -> Aim:
        """Raises EmptyQuery when the parts cancel out."""
        (aim,) = self.aims(Together.of([parts]), target)
        return aim

    def aims(self, asked: Together, target: Modality) -> list[Aim]:
        """One for each query. Raises EmptyQuery when the parts of one cancel out."""
        centred = asked.turned(lambda vectors, of: self._centred(vectors, of, target))
        own = centred.directions @ self.means[target]
        expected = OWN * own + (1 - OWN) * self._usual(centred, target, own)
        squares = [self.deviation(one, target) ** 2 for one in asked.modalities]
        deviation = math.sqrt(sum(squares) / len(squares))
        strangers = Strangers(self._ranked[target], centred.directions)
        each = zip(centred.each, expected.tolist(), strict=True)
        return [Aim(one, mean, deviation, strangers, n) for n, (one, mean) in enumerate(each)]

    def deviation(self, asked: Modality, target: Modality) -> float:
        """Of similarities of ``target`` with queries of ``asked`` around what is expected: the
        geometric mean of that of such queries with all targets, and of this target with all.

        Not that of the pair: a modality in which a query finds nothing varies little with it, and
        its noise would be lifted.
        """
        if (asked, target) not in self._deviations:
            everything = self._known or list(self._samples)
            of_query = self._spread(self._telling(asked), everything)
            of_target = self._spread(everything, self._telling(target))
            self._deviations[asked, target] = math.sqrt(of_query * of_target) or 1.0
        return self._deviations[asked, target]

    def _telling(self, modality: Modality) -> Sequence[Modality]:
        """That which says what a modality is like: itself, or all others where it is too small."""
        return [modality] if modality in self._known else self._known or list(self._samples)

    def _spread(self, askers: Sequence[Modality], targets: Sequence[Modality]) -> float:
        pairs = [self.pair(asked, target).deviation for asked in askers for target in targets]
        return float(np.sqrt(np.mean(np.square(pairs))))

    def pair(self, asked: Modality, target: Modality) -> Background:
        """Similarities of ``target`` with queries of ``asked``; both have vectors here."""
        if (asked, target) not in self._pairs:
            self._pairs[asked, target] = self._learn(asked, target)
        return self._pairs[asked, target]

    def table(self) -> tuple[Background, ...]:
        """Every pair that there is, with its percentiles."""
        return tuple(
            replace(self.pair(asked, target), percentiles=self._percentiles(asked, target))
            for asked in self._samples
            for target in self._samples
        )

    def _percentiles(self, asked: Modality, target: Modality) -> tuple[float, ...]:
        similarities = self._askers(asked, target) @ self._samples[target].T
        return tuple(np.quantile(similarities, SHOWN).astype(float).tolist())

    def _askers(self, asked: Modality, target: Modality) -> FloatArray:
        """Directions (n, d) of vectors that stand for the queries of a modality."""
        sample = self._ranked[asked]
        return self._centred(sample[spread_over(len(sample))], asked, target)

    def _learn(self, asked: Modality, target: Modality) -> Background:
        sample, others = self._ranked[asked], self._ranked[target]
        directions = self._askers(asked, target)
        expected = directions @ self.means[target]
        spread = directions @ others.T - expected[:, None]
        if asked is target and len(sample) > 1:  # nothing is a stranger to itself
            strange = np.ones(spread.shape, bool)
            strange[np.arange(len(directions)), spread_over(len(sample))] = False
            spread = spread[strange]
        return Background(
            asked,
            target,
            float(expected.mean()),
            float(spread.std()),
            len(sample),
            len(others),
        )

    def _usual(self, asked: Together, target: Modality, own: FloatArray) -> FloatArray:
        """The mean similarity (n,) of ``target`` with queries made of such parts; ``own`` where it
        is not known."""
        if any(one not in self._known for one in asked.modalities):
            return own
        means = np.array([self.pair(one, target).mean for one in asked.modalities], np.float32)
        usual: FloatArray = asked.weights @ means / asked.lengths
        return usual

    def _mean(self, modality: Modality) -> FloatArray:
        """Of a target; drawn to the mean of everything where it has few vectors."""
        sample = self._samples[modality]
        prior = self._shipped.get(modality, self._overall)
        mean: FloatArray = (sample.sum(axis=0) + PRIOR * prior) / (len(sample) + PRIOR)
        return mean

    def _centred(self, vectors: FloatArray, asked: Modality, target: Modality) -> FloatArray:
        """Rows (n, d) without their modality's mean, which every vector of a third modality shares
        unequally: those it happens to be near are hubs, found by whatever is asked.

        Among its own kind a vector is left as it is; so are words, which gain nothing by it.
        """
        mean = self._centers.get(asked)
        if asked in (target, Modality.TEXT) or mean is None:
            return vectors
        rest = vectors - mean
        lengths = np.linalg.norm(rest, axis=1, keepdims=True)
        return np.where(lengths > 1e-3, rest / np.maximum(lengths, 1e-3), vectors)


def spread_over(count: int) -> list[int]:
    """Up to 16 of so many, evenly."""
    chosen: list[int] = np.linspace(0, count - 1, min(ASKERS, count)).astype(int).tolist()
    return chosen


_learnt: weakref.WeakKeyDictionary[Snapshot, Backgrounds] = weakref.WeakKeyDictionary()


def backgrounds(snapshot: Snapshot, shipped: Mapping[Modality, FloatArray]) -> Backgrounds:
    """Those of a generation, learnt once."""
    found = _learnt.get(snapshot)
    if found is None:
        found = _learnt[snapshot] = Backgrounds(snapshot, shipped)
    return found
