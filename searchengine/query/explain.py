"""Why a hit is where it is, and whether there is anything to be found at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from searchengine.query.calibrate import KNOWN, RELEVANT
from searchengine.query.merge import Ranked
from searchengine.query.question import Question
from searchengine.store.snapshot import Snapshot
from searchengine.types import Explanation, Modality, PartMatch, Query, Score


def explain(
    question: Question, page: Sequence[Ranked], snapshot: Snapshot
) -> dict[int, Explanation]:
    """By segment id: which part of the query matched how much, against which background."""
    by_modality: dict[Modality, list[Ranked]] = defaultdict(list)
    for hit in page:
        by_modality[hit.modality].append(hit)
    explained: dict[int, Explanation] = {}
    for modality, hits in by_modality.items():
        explained |= _explained(question, hits, modality, snapshot)
    return explained


def _explained(
    question: Question, hits: Sequence[Ranked], modality: Modality, snapshot: Snapshot
) -> dict[int, Explanation]:
    aim, alone = question.aims[modality], question.each[modality]
    vectors = [part.vector for part in question.parts]
    directions = np.stack([*vectors, *(one.direction for one in alone)])
    closeness = {hit.id: hit.closeness for hit in hits}
    table = snapshot.tables[modality]
    (ids, _), similarities = table.compare(np.array(sorted(closeness), np.int64), directions)
    raw, aimed = np.split(similarities, [len(vectors)])
    scores = np.stack([one.scores(row) for one, row in zip(alone, aimed, strict=True)])
    return {
        segment: Explanation(
            tuple(
                PartMatch(part.modality, part.weight, float(raw[p, n]), float(scores[p, n]))
                for p, part in enumerate(question.parts)
            ),
            closeness[segment],
            aim.mean,
            aim.deviation,
            table.method,
        )
        for n, segment in enumerate(ids.tolist())
    }


def is_relevant(query: Query, ranked: Sequence[Ranked], snapshot: Snapshot) -> bool | None:
    """Whether the best is nearer than strangers are; None when that cannot be known."""
    live = sum(snapshot.tables[modality].live for modality in snapshot.modalities)
    if query.score is not Score.CALIBRATED or live < KNOWN:
        return None
    return bool(ranked) and ranked[0].score >= RELEVANT
