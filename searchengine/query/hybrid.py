"""Meaning and words: two lists made one by reciprocal rank (Cormack, Clarke and Buettcher 2009)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from searchengine.errors import QueryError
from searchengine.query.merge import Candidates, Ranked
from searchengine.query.question import Question
from searchengine.store.catalog import Catalog
from searchengine.store.snapshot import Snapshot
from searchengine.types import GroupBy, Modality, Query

#: The k of reciprocal rank fusion: the paper's 60, at which a first place in one list counts as
#: much as a place about 60 in both.
SOFTEN = 60

#: Places of each list that count for the other: a fixed number, so that pages fit together.
WINDOW = 100

#: Segments with the words that are looked through for those a filter leaves.
MANY = 10_000


def words_of(query: Query) -> str:
    """What is looked for as words. Raises QueryError when nothing of the query is words."""
    said = [m for part in query.parts if part.weight > 0 for m in part.media if isinstance(m, str)]
    if not said:
        raise QueryError("--hybrid needs words: give some text beside the rest")
    return " ".join(said)


def worded(
    query: Query,
    question: Question,
    catalog: Catalog,
    snapshot: Snapshot,
    allowed: Mapping[Modality, npt.NDArray[np.int64]] | None,
) -> list[Candidates]:
    """What has the words, a list for each modality; ``scores`` are 1 / place among all of them."""
    depth = 4 * WINDOW if allowed is None else MANY
    found = catalog.find_words(snapshot.collection, words_of(query), depth)
    places: dict[Modality, dict[int, int]] = defaultdict(dict)
    for place, (modality, segment) in enumerate(found, start=1):
        if modality in question.aims:
            places[modality][segment] = place
    nothing = np.empty(0, np.int64)
    return [
        _compared(question, snapshot, m, of, None if allowed is None else allowed.get(m, nothing))
        for m, of in places.items()
    ]


def _compared(
    question: Question,
    snapshot: Snapshot,
    modality: Modality,
    places: Mapping[int, int],
    allowed: npt.NDArray[np.int64] | None,
) -> Candidates:
    aim = question.aims[modality]
    directions = np.stack([question.whole, aim.direction])
    wanted = np.array(sorted(places), np.int64)
    if allowed is not None:
        wanted = np.intersect1d(wanted, allowed, assume_unique=True)
    (ids, items), (cosines, closeness) = snapshot.tables[modality].compare(wanted, directions)
    scores = np.array([1 / places[segment] for segment in ids.tolist()], np.float32)
    order = np.argsort(-scores, kind="stable")
    return Candidates(
        ids[order], items[order], scores[order], cosines[order], closeness[order], modality
    )


def fuse(
    by_meaning: Sequence[Ranked], by_words: Sequence[Ranked], group_by: GroupBy
) -> list[Ranked]:
    """Both lists as one; ``score`` is the sum of 1 / (60 + place) over the lists a hit is in.

    Places beyond the first hundred of a list do not count; those of meaning follow as they are.
    """
    scores: dict[int, float] = defaultdict(float)
    best: dict[int, Ranked] = {}
    for ranked in (by_meaning[:WINDOW], by_words[:WINDOW]):
        for place, hit in enumerate(ranked, start=1):
            key = hit.item if group_by is GroupBy.ITEM else hit.id
            scores[key] += 1 / (SOFTEN + place)
            best.setdefault(key, hit)
    for place, hit in enumerate(by_meaning[WINDOW:], start=WINDOW + 1):
        key = hit.item if group_by is GroupBy.ITEM else hit.id
        if key not in scores:
            scores[key], best[key] = 1 / (SOFTEN + place), hit
    order = sorted(scores, key=lambda key: -scores[key])
    return [best[key].scored(scores[key]) for key in order]
