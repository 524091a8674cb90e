"""Looking for the neighbours of questions in every target, deeper where a page needs it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

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


def _first_depth(query: Query, table: VectorTable, wanted: int) -> int:
    """How many segments to begin with: more where several make one item."""
    wanted += len(query.parts)  # an item that asks is no answer
    if query.group_by is GroupBy.NONE:
        return wanted
    return math.ceil(wanted * min(table.segments_per_item, MOST_SEGMENTS))


class Hunt:
    """The candidates of every target, ``lists``, for at least ``wanted`` hits if there are.

    ``look`` finds them, for many hunts at once.
    """

    def __init__(
        self, query: Query, question: Question, snapshot: Snapshot, allowed: Allowed, wanted: int
    ) -> None:
        self._query, self._question = query, question
        self._snapshot, self._allowed = snapshot, allowed
        self._depths = {
            target: _first_depth(query, snapshot.tables[target], wanted) for target in question.aims
        }
        self._found: dict[Modality, Candidates] = {}
        self.pending: tuple[Modality, ...] = tuple(question.aims)

    @property
    def lists(self) -> list[Candidates]:
        return [self._found[target] for target in self._question.aims]

    def deepen(self) -> bool:
        """Have deeper looked where there is more; False where there is nowhere."""
        self.pending = tuple(t for t, one in self._found.items() if one.rest > -math.inf)
        for target in self.pending:
            self._depths[target] *= DEEPER
        return bool(self.pending)

    def look(self, target: Modality) -> Look:
        """What is to be looked for in one that is pending."""
        question, whole, beside = self._question, self._question.whole, None
        directions = [question.aims[target].direction]
        if self._query.mode is Mode.ALL:
            directions = [aim.direction for aim in question.each[target]]
        elif directions[0] is not whole:
            beside = whole[None]
        few = None if self._allowed is None else self._allowed.get(target, _NOTHING)
        how = target, question.asked, self._depths[target], self._query.exact
        return Look(np.stack(directions), beside, few, *how)

    def take(self, target: Modality, found: Sequence[Neighbors]) -> None:
        """What was found there: neighbours of each direction."""
        every = self._query.mode is Mode.ALL
        self._found[target] = self._all(target, found) if every else self._sum(target, *found)

    def _sum(self, target: Modality, found: Neighbors) -> Candidates:
        """Nearest to the sum of the parts."""
        centred = len(found.beside) > 0
        cosines = found.beside[0] if centred else found.similarities
        scores = self._question.aims[target].scores(found.similarities)
        least = self._query.min_score
        over = len(scores) < self._depths[target] or (
            not centred and least is not None and cosines[-1] < least
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

    def _all(self, target: Modality, found: Sequence[Neighbors]) -> Candidates:
        """Nearest to every part, by the one it matches least: what is in no part's list matches
        that part less than the last of it (Fagin, Lotem and Naor 2003, threshold algorithm)."""
        alone = self._question.each[target]
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


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Neighbours of ``directions`` float32 (n, d) to be found, as ``VectorTable.search`` says."""

    directions: FloatArray
    beside: FloatArray | None
    allowed: npt.NDArray[np.int64] | None
    target: Modality
    asked: frozenset[Modality]
    depth: int
    exact: bool

    @property
    def manner(self) -> Hashable:
        """The same for those that can be done in one search."""
        few = None if self.allowed is None else id(self.allowed)
        return self.target, self.asked, self.depth, self.exact, few, self.beside is None


def look(hunts: Sequence[Hunt], snapshot: Snapshot) -> None:
    """Find what is pending in all of them, alike ones together."""
    alike: dict[Hashable, list[tuple[Hunt, Look]]] = defaultdict(list)
    for hunt in hunts:
        for one in map(hunt.look, hunt.pending):
            alike[one.manner].append((hunt, one))
    for several in alike.values():
        found = iter(_search([one for _, one in several], snapshot))
        for hunt, one in several:
            hunt.take(one.target, list(islice(found, len(one.directions))))


def _search(looks: Sequence[Look], snapshot: Snapshot) -> list[Neighbors]:
    first = looks[0]
    others = [one.beside for one in looks if one.beside is not None]
    return snapshot.tables[first.target].search(
        np.concatenate([one.directions for one in looks]),
        first.depth,
        modality=first.target,
        asked=first.asked,
        allowed=first.allowed,
        exact=first.exact,
        beside=np.concatenate(others) if others else None,
    )
