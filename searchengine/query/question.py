"""A query as vectors: what is searched for in each modality, and what is found there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from searchengine.query.calibrate import Aim, backgrounds
from searchengine.query.embed import Part, composed
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


def pose(
    query: Query,
    parts: Sequence[Part],
    snapshot: Snapshot,
    shipped: Mapping[Modality, FloatArray],
) -> Question:
    """Raises EmptyQuery when the parts cancel out, where they are to be added."""
    targets = [m for m in snapshot.modalities if query.targets is None or m in query.targets]
    alone = query.explain or query.mode is Mode.ALL
    if query.score is not Score.CALIBRATED or not targets:
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
