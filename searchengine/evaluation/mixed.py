"""One list over all modalities: is it in a good order, and fair to each of them?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from searchengine.engine import Engine
from searchengine.types import MediaItem, Score, SearchResult

#: Answers that count: a page.
DEPTH = 10

#: Asks for a list ordered by a score.
Ask: TypeAlias = Callable[[Score], SearchResult]


@dataclass(frozen=True, slots=True)
class Mixed:
    """Lists over all modalities in the order of ``score``, means over ``queries``.

    ``ndcg_at_10`` (Järvelin and Kekäläinen 2002, gain 1 for what shares a label): 0 to 1, by
    the modality that asks (``labels``: as text), and over ``all`` queries. ``found`` is the share
    of each modality among the relevant answers of the first ten, ``relevant`` among everything
    relevant.
    """

    score: str
    queries: int
    ndcg_at_10: dict[str, float]
    found: dict[str, float]
    relevant: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    side: str
    ask: Ask
    wanted: frozenset[int]


def mixed(
    engine: Engine,
    items: Sequence[MediaItem],
    topics: Mapping[int, frozenset[str]],
    sentences: Mapping[str, Sequence[str]],
) -> tuple[Mixed, ...]:
    """For each score, every item (whose ``topics`` are by its id) and every label asks."""
    modality = {item.id: item.modality.value for item in items}
    asked = [one for one in _questions(engine, items, topics, sentences) if one.wanted]
    return tuple(_mixed(score, asked, modality) for score in Score) if asked else ()


def _questions(
    engine: Engine,
    items: Sequence[MediaItem],
    topics: Mapping[int, frozenset[str]],
    sentences: Mapping[str, Sequence[str]],
) -> Iterator[_Asked]:
    contents = {item.id: item.sha256 for item in items}
    for item in items:
        alike = {i for i, sha256 in contents.items() if sha256 == item.sha256}
        wanted = {i for i, mine in topics.items() if mine & topics[item.id]} - alike
        yield _Asked(item.modality.value, _asking(engine, like=item.id), frozenset(wanted))
    for label, said in sentences.items():
        wanted = {i for i, mine in topics.items() if label in mine}
        yield _Asked("labels", _asking(engine, text=list(said)), frozenset(wanted))


def _asking(engine: Engine, **query: Any) -> Ask:
    return lambda score: engine.search(**query, k=DEPTH, score=score)


def _mixed(score: Score, asked: Sequence[_Asked], modality: Mapping[int, str]) -> Mixed:
    gains: dict[str, list[float]] = {}
    found: Counter[str] = Counter()
    relevant: Counter[str] = Counter()
    for one in asked:
        answers = [hit.item.id for hit in one.ask(score)]
        gains.setdefault(one.side, []).append(_ndcg(answers, one.wanted))
        found.update(modality[i] for i in answers if i in one.wanted)
        relevant.update(modality[i] for i in one.wanted)
    everything = [gain for of_side in gains.values() for gain in of_side]
    means = {side: float(np.mean(of_side)) for side, of_side in gains.items()}
    means["all"] = float(np.mean(everything))
    return Mixed(score.value, len(asked), means, _shares(found), _shares(relevant))


def _ndcg(answers: Sequence[int], wanted: frozenset[int]) -> float:
    discounts = [1 / math.log2(rank + 2) for rank in range(DEPTH)]
    gained = sum(d for d, item in zip(discounts, answers, strict=False) if item in wanted)
    return gained / sum(discounts[: len(wanted)])


def _shares(counts: Counter[str]) -> dict[str, float]:
    total = counts.total() or 1
    return {name: count / total for name, count in sorted(counts.items())}
