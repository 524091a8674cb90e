"""Why a hit is where it is, and whether there is anything to be found at all."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from searchengine.query.calibrate import KNOWN
from searchengine.query.hunt import Allowed
from searchengine.query.merge import Ranked
from searchengine.query.question import Question
from searchengine.store.snapshot import Snapshot
from searchengine.types import Explanation, Modality, PartMatch, Query, Score

#: Of the score that the best of so many strangers is expected to have: all of it would call 11 %
#: (mixed set) to 35 % (evaluation set) of the questions with an answer unanswered, this 1 to 14 %.
NEARLY = 0.7


def explain(
    query: Query,
    question: Question,
    page: Sequence[Ranked],
    snapshot: Snapshot,
    allowed: Allowed,
) -> dict[int, Explanation]:
    """By segment id: which part of the query matched how much, against which background."""
    by_modality: dict[Modality, list[Ranked]] = defaultdict(list)
    for hit in page:
        by_modality[hit.modality].append(hit)
    explained: dict[int, Explanation] = {}
    for modality, hits in by_modality.items():
        few = None if allowed is None else allowed.get(modality)
        how = snapshot.tables[modality].how(question.asked, modality, few, query.exact)
        explained |= _explained(question, hits, modality, snapshot, how)
    return explained


def _explained(
    question: Question, hits: Sequence[Ranked], modality: Modality, snapshot: Snapshot, how: str
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
            how,
        )
        for n, segment in enumerate(ids.tolist())
    }


def is_relevant(
    query: Query, best: Ranked | None, snapshot: Snapshot, allowed: Allowed
) -> bool | None:
    """Whether the best is about as near as the best of as many strangers would be, or nearer.

    That of n normal deviates is the square root of 2 ln n (Cramer 1946). None when it cannot be
    known.
    """
    live = {m: snapshot.tables[m].live for m in snapshot.modalities}
    if query.score is not Score.CALIBRATED or sum(live.values()) < KNOWN:
        return None
    there = live if allowed is None else {m: len(ids) for m, ids in allowed.items()}
    count = sum(n for m, n in there.items() if query.targets is None or m in query.targets)
    return best is not None and best.score >= NEARLY * math.sqrt(2 * math.log(max(count, 2)))
