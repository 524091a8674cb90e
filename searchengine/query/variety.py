"""Answers that differ from each other: near-duplicates shown once, and a page of many kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from searchengine.query.merge import Ranked
from searchengine.store.catalog import Catalog
from searchengine.store.snapshot import Snapshot
from searchengine.types import FloatArray, Modality

#: Pictures that were stored anew reach it, others hardly ever; see docs/ranking.md.
ALIKE = 0.99
#: Vectors of a modality that say whether its vectors can tell copies.
LOOKED_AT = 256
#: Hits that are put in another order for variety: a fixed number, so that pages fit together.
POOL = 100


class Vectors:
    """The stored vectors of hits, float32 (n, d), one block a modality."""

    def __init__(self, hits: Sequence[Ranked], snapshot: Snapshot) -> None:
        self._rows: dict[int, int] = {}
        blocks = []
        for modality in dict.fromkeys(hit.modality for hit in hits):
            ids = np.array(sorted(hit.id for hit in hits if hit.modality is modality), np.int64)
            self._rows |= {int(one): len(self._rows) + n for n, one in enumerate(ids)}
            blocks.append(snapshot.tables[modality].vectors(ids))
        self.all: FloatArray = np.concatenate(blocks)

    def of(self, hits: Sequence[Ranked]) -> FloatArray:
        """In the order of the hits."""
        chosen: FloatArray = self.all[[self._rows[hit.id] for hit in hits]]
        return chosen


def distinct(
    ranked: Sequence[Ranked], alike: float | bool, snapshot: Snapshot, catalog: Catalog
) -> list[Ranked]:
    """Without those that an earlier one stands for: of the same modality with a cosine of at
    least ``alike`` (True: see ``usual``), or of another item with the same bytes."""
    if not ranked:
        return []
    vectors = Vectors(ranked, snapshot).of(ranked)
    contents = {one: found.item for one, found in catalog.hydrate([h.id for h in ranked]).items()}
    bounds = {
        modality: usual(snapshot.tables[modality].background) if alike is True else alike
        for modality in {hit.modality for hit in ranked}
    }
    kept: list[Ranked] = []
    owners: dict[str, int] = {}
    shown: dict[Modality, list[int]] = {modality: [] for modality in bounds}
    for n, hit in enumerate(ranked):
        same = shown[hit.modality]
        if same and float((vectors[same] @ vectors[n]).max()) >= bounds[hit.modality]:
            continue
        item = contents.get(hit.id)
        if item is not None and owners.setdefault(item.sha256, hit.item) != hit.item:
            continue
        same.append(n)
        kept.append(hit)
    return kept


def usual(sample: FloatArray) -> float:
    """The cosine from which on two of a modality are copies, by vectors (n, d) of it.

    Where most have another as near as that, vectors do not tell copies from kin (a small network
    gives one vector to all stairs), and only the same bytes are copies.
    """
    sample = sample[:LOOKED_AT]
    similarities = sample @ sample.T
    np.fill_diagonal(similarities, -1.0)
    return ALIKE if len(sample) < 3 or np.median(similarities.max(axis=0)) < ALIKE else np.inf


def diverse(
    ranked: Sequence[Ranked],
    share: float,
    snapshot: Snapshot,
    means: Mapping[Modality, FloatArray],
) -> list[Ranked]:
    """The first hundred in an order in which each is good and unlike those before it.

    Maximal marginal relevance (Carbonell and Goldstein 1998): next comes the hit with the most of
    (1 - ``share``) * score - ``share`` * likeness to what was chosen. Scores are scaled to 0 to 1
    within the pool; likeness is the cosine without the ``means`` of the modalities, which all of
    a modality share, at least 0. The rest follows as it was.
    """
    pool, rest = ranked[:POOL], ranked[POOL:]
    if len(pool) < 3:
        return list(ranked)
    centres = np.stack([means[hit.modality] for hit in pool])
    vectors = Vectors(pool, snapshot).of(pool) - centres
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    scores = np.array([hit.score for hit in pool])
    scores = (scores - scores[-1]) / max(float(np.ptp(scores)), 1e-6)
    likeness = np.zeros(len(pool))
    chosen: list[int] = []
    for _ in pool:
        worth = (1 - share) * scores - share * likeness
        worth[chosen] = -np.inf
        best = int(np.argmax(worth))
        chosen.append(best)
        likeness = np.maximum(likeness, vectors @ vectors[best])
    return [pool[n] for n in chosen] + list(rest)
