"""Similarities of any two modalities on one scale: how far above its background a hit is.

Vectors of each modality fill a cone of their own (the modality gap, Liang et al. 2022), so raw
cosines of different pairs of modalities cannot be compared. The background of a pair is learnt
from the generation itself: a thousand stored vectors of the target, and what queries of the other
modality would make of them. See DECISIONS 19 for what was measured.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from searchengine.query.embed import Part, composed, unit
from searchengine.store.snapshot import Snapshot
from searchengine.types import FloatArray, Modality

#: Fewer vectors than this say too little of their modality's mean and deviation.
KNOWN = 16
#: Vectors that percentiles are taken among: each query is compared with them, 0.1 ms at 1024-d.
RANKED = 256
#: Vectors of a modality that stand for its queries.
ASKERS = 64
#: As many vectors the mean of everything counts for in the mean of a modality: with one film in a
#: library, that film is not its own background.
PRIOR = 4

#: Deviations above the background from which on the best hit counts as relevant. On the demo
#: corpus 94 % of the questions that have an answer reach it, and a third of those that have none.
RELEVANT = 1.7


@dataclass(frozen=True, slots=True, eq=False)
class Aim:
    """What one modality is searched for, and how its similarities become scores.

    ``direction`` float32 (d,) of length 1; ``mean`` and ``deviation`` are those of background
    similarities with a direction of that kind, ``background`` the similarities themselves,
    ascending (empty: not known).
    """

    direction: FloatArray
    mean: float = 0.0
    deviation: float = 1.0
    background: FloatArray | None = None

    def scores(self, similarities: FloatArray) -> FloatArray:
        scored: FloatArray = (similarities - np.float32(self.mean)) / np.float32(self.deviation)
        return scored

    def percentile(self, similarity: float) -> float | None:
        """The share of the background below, 0 to 1; None where there is none."""
        if self.background is None or not len(self.background):
            return None
        return float(np.searchsorted(self.background, similarity) / len(self.background))


class Backgrounds:
    """What similarities are like in one generation. ``shipped`` are means for modalities that
    the generation has too little of. Threads may share it."""

    def __init__(self, snapshot: Snapshot, shipped: Mapping[Modality, FloatArray]) -> None:
        self._samples = {m: snapshot.tables[m].background for m in snapshot.modalities}
        self._shipped = shipped
        everything = [sample.mean(axis=0) for sample in self._samples.values()]
        self._overall = np.mean(everything, axis=0)
        self._means = {modality: self._mean(modality) for modality in self._samples}
        self._ranked = {
            modality: np.ascontiguousarray(sample[:: -(-len(sample) // RANKED)])
            for modality, sample in self._samples.items()
        }
        self._centers = dict(shipped) | {
            m: sample.mean(axis=0) for m, sample in self._samples.items() if len(sample) >= KNOWN
        }
        self._deviations: dict[tuple[Modality, Modality], float] = {}

    def aim(self, parts: Sequence[Part], target: Modality) -> Aim:
        """Raises EmptyQuery when the parts cancel out."""
        centred = [
            Part(self._centred(part.vector, part.modality, target), part.modality, part.weight)
            for part in parts
        ]
        direction = composed(centred)
        similarities = np.sort(self._ranked[target] @ direction)
        deviations = [self.deviation(part.modality, target) for part in parts]
        return Aim(
            direction,
            float(self._means[target] @ direction),
            float(np.sqrt(np.mean(np.square(deviations)))),
            similarities,
        )

    def deviation(self, asked: Modality, target: Modality) -> float:
        """Of the similarities of ``target`` with queries of ``asked``, around their means."""
        pair = (asked, target)
        if pair not in self._deviations:
            spreads = [self._spread(*one) for one in self._like(asked, target)]
            self._deviations[pair] = float(np.sqrt(np.mean(np.square(spreads)))) or 1.0
        return self._deviations[pair]

    def _spread(self, asked: Modality, target: Modality) -> float:
        sample = self._samples[asked]
        chosen = np.linspace(0, len(sample) - 1, min(ASKERS, len(sample))).astype(int)
        directions = np.stack([self._centred(sample[one], asked, target) for one in chosen])
        spread = directions @ (self._samples[target] - self._means[target]).T
        if asked is target and len(sample) > 1:  # nothing is a stranger to itself
            spread[np.arange(len(chosen)), chosen] = np.nan
        return float(np.nanstd(spread))

    def _like(self, asked: Modality, target: Modality) -> list[tuple[Modality, Modality]]:
        """The pair itself, or where too little is known of it, those most like it."""
        known = [m for m in self._samples if len(self._known(m))]
        if asked in known and target in known:
            return [(asked, target)]
        others = [m for m in known if m is not target] or known or list(self._samples)
        targets = [target] if target in known else others
        return [(a, t) for a in others for t in targets]

    def _known(self, modality: Modality) -> FloatArray:
        sample = self._samples.get(modality, np.empty((0, 0), np.float32))
        return sample if len(sample) >= KNOWN else sample[:0]

    def _mean(self, modality: Modality) -> FloatArray:
        """Of a target; drawn to the mean of everything where it has few vectors."""
        sample = self._samples[modality]
        prior = self._shipped.get(modality, self._overall)
        mean: FloatArray = (sample.sum(axis=0) + PRIOR * prior) / (len(sample) + PRIOR)
        return mean

    def _centred(self, vector: FloatArray, asked: Modality, target: Modality) -> FloatArray:
        """Without its modality's mean, which every vector of a third modality shares unequally:
        those it happens to be near are hubs, found by whatever is asked.

        Among its own kind a vector is left as it is; so are words, which gain nothing by it.
        """
        mean = self._centers.get(asked)
        if asked in (target, Modality.TEXT) or mean is None:
            return vector
        rest = vector - mean
        return unit(rest) if np.linalg.norm(rest) > 1e-3 else vector


_learnt: weakref.WeakKeyDictionary[Snapshot, Backgrounds] = weakref.WeakKeyDictionary()


def backgrounds(snapshot: Snapshot, shipped: Mapping[Modality, FloatArray]) -> Backgrounds:
    """Those of a generation, learnt once."""
    found = _learnt.get(snapshot)
    if found is None:
        found = _learnt[snapshot] = Backgrounds(snapshot, shipped)
    return found
