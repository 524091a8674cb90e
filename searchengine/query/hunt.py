"""Looking for a question's neighbours in every target, deeper where a page needs it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from searchengine.query.merge import Candidates
from searchengine.query.question import Question
from searchengine.store.snapshot import Snapshot, VectorTable
from searchengine.types import FloatArray, GroupBy, Modality, Mode, Neighbors, Query

#: Ids, ascending, that a filter leaves, by modality; None is all.
Allowed = Mapping[Modality, npt.NDArray[np.int64]] | None

#: How much deeper each further look goes.
DEEPER = 4

#: Segments of one item that the first look makes room for, at most.
MOST_SEGMENTS = 4

_NOTHING = np.empty(0, np.int64)


def first_depth(query: Query, table: VectorTable, wanted: int) -> int:
    """How many segments to begin with: more where several make one item."""
    wanted += len(query.parts)  # an item that asks is no answer
    if query.group_by is GroupBy.NONE:
        return wanted
    return math.ceil(wanted * min(table.segments_per_item, MOST_SEGMENTS))


class Hunt:
    """The candidates of every target, ``lists``, for at least ``wanted`` hits if there are."""

    def __init__(
        self, query: Query, question: Question, snapshot: Snapshot, allowed: Allowed, wanted: int
    ) -> None:
        self._query, self._question = query, question
        self._snapshot, self._allowed = snapshot, allowed
        self._depths = {
            target: first_depth(query, snapshot.tables[target], wanted) for target in question.aims
        }
        self._found = {target: self._look(target) for target in question.aims}

    @property
    def lists(self) -> list[Candidates]:
        return list(self._found.values())

    def deepen(self) -> bool:
        """Look deeper where there is more; False where there is nowhere."""
        more = [target for target, one in self._found.items() if one.rest > -math.inf]
        for target in more:
            self._depths[target] *= DEEPER
            self._found[target] = self._look(target)
        return bool(more)

    def _look(self, target: Modality) -> Candidates:
        return self._all(target) if self._query.mode is Mode.ALL else self._sum(target)

    def _sum(self, target: Modality) -> Candidates:
        """Nearest to the sum of the parts."""
        aim, whole = self._question.aims[target], self._question.whole
        raw = None if aim.direction is whole else whole[None]
        found = self._search(target, aim.direction, raw)
        cosines = found.similarities if raw is None else found.beside[0]
        scores, least = aim.scores(found.similarities), self._query.min_score
        over = len(scores) < self._depths[target] or (
            raw is None and least is not None and cosines[-1] < least
        )
        return Candidates(
            found.ids,
            found.items,
            scores,
            cosines,
            found.similarities,
            target,
            -math.inf if over else float(scores[-1]),
        )

    def _all(self, target: Modality) -> Candidates:
        """Nearest to every part, by the one it matches least: what is in no part's list matches
        that part less than the last of it (Fagin, Lotem and Naor 2003, threshold algorithm)."""
        alone = self._question.each[target]
        found = [self._search(target, aim.direction) for aim in alone]
        tails = [
            float(aim.scores(one.similarities[-1:])[0])
            for aim, one in zip(alone, found, strict=True)
            if len(one.ids) == self._depths[target]
        ]
        rest = min(tails) if len(tails) == len(alone) else -math.inf
        directions = np.stack([*(aim.direction for aim in alone), self._question.whole])
        keys, similarities = self._snapshot.tables[target].compare(
            np.unique(np.concatenate([one.ids for one in found])), directions
        )
        scored = np.stack([aim.scores(row) for aim, row in zip(alone, similarities, strict=False)])
        worst = np.argmin(scored, axis=0)
        scores = scored[worst, np.arange(len(worst))]
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] >= rest]
        ids, items = keys[:, order]
        least = similarities[worst[order], order]
        return Candidates(ids, items, scores[order], similarities[-1, order], least, target, rest)

    def _search(
        self, target: Modality, direction: FloatArray, beside: FloatArray | None = None
    ) -> Neighbors:
        return self._snapshot.tables[target].search(
            direction,
            self._depths[target],
            modality=target,
            asked=self._question.asked,
            allowed=None if self._allowed is None else self._allowed.get(target, _NOTHING),
            exact=self._query.exact,
            beside=beside,
        )
