"""A query as vectors: what is searched for in each modality, and what is found there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from searchengine.query.calibrate import Aim, backgrounds
from searchengine.query.embed import Part, composed
from searchengine.query.merge import Candidates
from searchengine.store.snapshot import Snapshot, VectorTable
from searchengine.types import FloatArray, Modality, Mode, Neighbors, Query, Score


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """``whole`` float32 (d,) is the parts added up, with which raw cosines are taken; ``aims``
    what is searched for; ``each`` the same for every part by itself."""

    parts: Sequence[Part]
    whole: FloatArray
    aims: Mapping[Modality, Aim]
    each: Mapping[Modality, Sequence[Aim]]

    @property
    def asked(self) -> frozenset[Modality]:
        """The modalities of the parts."""
        return frozenset(part.modality for part in self.parts)


def pose(
    query: Query,
    parts: Sequence[Part],
    snapshot: Snapshot,
    targets: Collection[Modality],
    shipped: Mapping[Modality, FloatArray],
) -> Question:
    """Raises EmptyQuery when the parts cancel out, where they are to be added."""
    alone = query.explain or query.mode is Mode.ALL
    if query.score is not Score.CALIBRATED:
        whole = composed(parts)
        each = [Aim(composed([part])) for part in parts] if alone else []
        same = dict.fromkeys(targets, Aim(whole))
        return Question(parts, whole, same, dict.fromkeys(targets, each))
    learnt = backgrounds(snapshot, shipped)
    return Question(
        parts,
        composed(parts),
        {target: learnt.aim(parts, target) for target in targets},
        {t: [learnt.aim([part], t) for part in parts] if alone else [] for t in targets},
    )


@dataclass(frozen=True, slots=True, eq=False)
class Hunt:
    """How one modality is searched: ``allowed`` (ascending ids) may restrict it."""

    table: VectorTable
    modality: Modality
    depth: int
    allowed: npt.NDArray[np.int64] | None
    exact: bool

    def added(self, question: Question) -> Candidates:
        """Nearest to the sum of the parts."""
        aim = question.aims[self.modality]
        raw = None if aim.direction is question.whole else question.whole[None]
        found = self._search(aim.direction, question, raw)
        cosines = found.similarities if raw is None else found.beside[0]
        return Candidates(
            found.ids,
            found.items,
            aim.scores(found.similarities),
            cosines,
            found.similarities,
            self.modality,
        )

    def all(self, question: Question) -> Candidates:
        """Nearest to every part, by the one it matches least."""
        alone = question.each[self.modality]
        found = [self._search(aim.direction, question).ids for aim in alone]
        directions = np.stack([*(aim.direction for aim in alone), question.whole])
        keys, similarities = self.table.compare(np.concatenate(found), directions)
        scored = [aim.scores(row) for aim, row in zip(alone, similarities[:-1], strict=True)]
        scores = np.min(scored, axis=0)
        least = similarities[np.argmin(scored, axis=0), np.arange(len(scores))]
        order = np.argsort(-scores, kind="stable")[: self.depth]
        ids, items = keys[:, order]
        cosines = similarities[-1, order]
        return Candidates(ids, items, scores[order], cosines, least[order], self.modality)

    def _search(
        self, direction: FloatArray, question: Question, beside: FloatArray | None = None
    ) -> Neighbors:
        return self.table.search(
            direction,
            self.depth,
            modality=self.modality,
            asked=question.asked,
            allowed=self.allowed,
            exact=self.exact,
            beside=beside,
        )
