"""Queries as vectors: what is searched for in each modality, and what is found there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from searchengine.errors import EmptyQuery, SearchEngineError
from searchengine.query.calibrate import Aim, backgrounds
from searchengine.query.embed import Part, Together
from searchengine.store.snapshot import Snapshot
from searchengine.types import FloatArray, Modality, Mode, Query, Score


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


#: A query and its parts.
Asked = tuple[Query, Sequence[Part]]


def pose(
    asked: Sequence[Asked | SearchEngineError],
    snapshot: Snapshot,
    shipped: Mapping[Modality, FloatArray],
) -> list[Question | SearchEngineError]:
    """A question of each, alike ones together, or why there is none: one that failed before, or
    whose parts cancel out."""
    posed: dict[int, Question | SearchEngineError] = {}
    alike: dict[Hashable, dict[int, Asked]] = defaultdict(dict)
    for number, one in enumerate(asked):
        if isinstance(one, SearchEngineError):
            posed[number] = one
        else:
            alike[_manner(*one)][number] = one
    for some in alike.values():
        posed |= zip(some, _posed(list(some.values()), snapshot, shipped), strict=True)
    return [posed[number] for number in range(len(asked))]


def _manner(query: Query, parts: Sequence[Part]) -> Hashable:
    """The same for those that can be posed together."""
    kinds = tuple(part.modality for part in parts)
    return kinds, query.targets, query.score, query.mode, query.explain


def _posed(
    asked: Sequence[Asked], snapshot: Snapshot, shipped: Mapping[Modality, FloatArray]
) -> Sequence[Question | SearchEngineError]:
    """Of queries that are alike. Where one is empty, each is posed by itself."""
    try:
        return list(_questions(asked, snapshot, shipped))
    except EmptyQuery as error:
        if len(asked) == 1:
            return [error]
        return [_posed([one], snapshot, shipped)[0] for one in asked]


def _questions(
    asked: Sequence[Asked], snapshot: Snapshot, shipped: Mapping[Modality, FloatArray]
) -> Iterator[Question]:
    """Raises EmptyQuery when the parts of one cancel out, where they are to be added."""
    query = asked[0][0]
    targets = [m for m in snapshot.modalities if query.targets is None or m in query.targets]
    together = Together.of([parts for _, parts in asked])
    alone = query.explain or query.mode is Mode.ALL
    apart = [together.alone(n) for n in range(len(together.modalities))] if alone else []
    if query.score is Score.CALIBRATED and targets:
        learnt = backgrounds(snapshot, shipped)
        aims = {target: learnt.aims(together, target) for target in targets}
        each = {target: [learnt.aims(one, target) for one in apart] for target in targets}
    else:
        raw = [[Aim(direction) for direction in one.each] for one in (together, *apart)]
        aims = dict.fromkeys(targets, raw[0])
        each = dict.fromkeys(targets, raw[1:])
    for n, (_, own) in enumerate(asked):
        yield Question(
            own,
            together.each[n],
            {target: of[n] for target, of in aims.items()},
            {target: [one[n] for one in of] for target, of in each.items()},
        )
