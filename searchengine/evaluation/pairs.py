"""Two sides, everything of one asking for what belongs to it on the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from searchengine.evaluation.measures import by_chance, measured
from searchengine.types import FloatArray

#: The names of sides that are texts about the items.
LABELS = "labels"
CAPTIONS = "captions"

#: Queries that are compared with everything at a time.
_AT_ONCE = 256

#: A mean of vectors shorter than this points nowhere; everything is then alike to it.
_NOWHERE = 1e-6


class Kind(StrEnum):
    """What a pair is: two modalities, one with itself, or one with texts about it."""

    ACROSS = "across"
    WITHIN = "within"
    LABELS = "labels"
    CAPTIONS = "captions"


@dataclass(frozen=True, slots=True)
class Measures:
    """Means over queries, each 0 to 1.

    ``recall_at_k`` is the share of queries with something relevant among the first k answers,
    ``map`` the mean average precision. ``accuracy`` is ``recall_at_1`` where labels are what is
    found, else None.
    """

    recall_at_1: float
    recall_at_5: float
    map: float
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """What ``queries`` measured, beside what a random order is expected to."""

    queries: int
    measured: Measures
    chance: Measures


@dataclass(frozen=True, slots=True)
class Pair:
    """How well ``query`` finds ``target``, each a modality, ``labels`` or ``captions``.

    ``gallery`` things were searched. ``left_out`` queries have nothing relevant among them;
    ``score`` is None when that is all. ``by_label`` is the score of the queries of each label.
    """

    query: str
    target: str
    kind: Kind
    gallery: int
    left_out: int
    score: Score | None
    by_label: dict[str, Score]


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Things that ask or are asked for, n of them, each of one or more segments.

    Those that share one of their ``topics`` (n,) are relevant to each other; ``contents`` (n,)
    are alike for copies. ``vectors`` float32 (segments, d) of length 1 are those of the things
    one after the other, ``starts`` int64 (n,) the first of each.
    """

    name: str
    topics: tuple[frozenset[str], ...]
    contents: npt.NDArray[np.str_]
    vectors: FloatArray
    starts: npt.NDArray[np.int64]

    def queries(self) -> FloatArray:
        """float32 (n, d), of length 1: the mean of each thing's segments."""
        sums = np.add.reduceat(self.vectors, self.starts)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.where(lengths < _NOWHERE, 0, sums / np.maximum(lengths, _NOWHERE))

    def similarities(self, queries: FloatArray) -> FloatArray:
        """float32 (queries, n): cosines with the best segment of each thing."""
        best: FloatArray = np.maximum.reduceat(queries @ self.vectors.T, self.starts, axis=1)
        return best


def side(
    name: str,
    topics: Sequence[frozenset[str]],
    contents: Sequence[str],
    vectors: Sequence[FloatArray],
) -> Side:
    """At least one thing, each with its vectors float32 (segments, d)."""
    starts = np.cumsum([0, *map(len, vectors[:-1])])
    return Side(name, tuple(topics), np.array(contents), np.concatenate(vectors), starts)


def compare(query: Side, target: Side, kind: Kind) -> Pair:
    """Let everything of ``query`` search ``target``; ``WITHIN`` without itself and its copies."""
    asked = [one for one in _asked(query, target, kind) if one is not None]
    labels: dict[str, list[_Asked]] = defaultdict(list)
    for one in asked:
        for topic in one.topics if kind is not Kind.CAPTIONS else ():
            labels[topic].append(one)
    found = target.name == LABELS
    return Pair(
        query.name,
        target.name,
        kind,
        gallery=len(target.topics),
        left_out=len(query.topics) - len(asked),
        score=_score(asked, found) if asked else None,
        by_label={label: _score(labels[label], found) for label in sorted(labels)},
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """One query: recall at 1, at 5 and average precision, float64 (3,), and the same by chance."""

    topics: frozenset[str]
    measured: npt.NDArray[np.float64]
    chance: tuple[float, ...]


def _asked(query: Side, target: Side, kind: Kind) -> Iterator[_Asked | None]:
    """Each query, or None when nothing is relevant to it."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, topics in enumerate(target.topics):
        for topic in topics:
            places[topic].append(place)
    for number, similarities in enumerate(_rows(query, target)):
        relevant = np.zeros(len(similarities), bool)
        for topic in query.topics[number]:
            relevant[places.get(topic, [])] = True
        if kind is Kind.WITHIN:
            others = target.contents != query.contents[number]
            similarities, relevant = similarities[others], relevant[others]
        if not relevant.any():
            yield None
            continue
        chance = by_chance(len(relevant), int(relevant.sum()))
        yield _Asked(query.topics[number], measured(similarities, relevant), chance)


def _rows(query: Side, target: Side) -> Iterator[FloatArray]:
    """The similarities (n,) of each query."""
    vectors = query.queries()
    for start in range(0, len(vectors), _AT_ONCE):
        yield from target.similarities(vectors[start : start + _AT_ONCE])


def _score(asked: Sequence[_Asked], labels_found: bool) -> Score:
    real = np.mean([one.measured for one in asked], axis=0)
    chance = np.mean([one.chance for one in asked], axis=0)
    return Score(len(asked), _measures(real, labels_found), _measures(chance, labels_found))


def _measures(means: npt.NDArray[np.float64], labels_found: bool) -> Measures:
    at_1, at_5, precision = map(float, means)
    return Measures(at_1, at_5, precision, at_1 if labels_found else None)
