"""What is answered: hits, where their scores come from, and what there is to be found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from searchengine.types.items import MediaItem, Segment
from searchengine.types.media import Modality


@dataclass(frozen=True, slots=True)
class Background:
    """Cosines of a ``target`` modality with queries of ``asked`` that have nothing to do with it.

    ``deviation`` is that around what each query expects. ``askers`` and ``strangers`` are how many
    vectors of the two were looked at. ``percentiles`` are the 50th, 90th and 99th, where asked for.
    """

    asked: Modality
    target: Modality
    mean: float
    deviation: float
    askers: int
    strangers: int
    percentiles: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PartMatch:
    """How well a hit matches one part of the query, by itself.

    ``similarity`` is their cosine; ``score`` counts deviations above the background.
    """

    modality: Modality
    weight: float
    similarity: float
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a score comes from: (closeness - ``mean``) / ``deviation``.

    ``closeness`` is the cosine with the query after the mean of its own modality was taken
    off, where that is done; the background's ``mean`` and ``deviation`` are of such cosines.
    ``method`` says how the hit's modality was searched.
    """

    parts: tuple[PartMatch, ...]
    closeness: float
    mean: float
    deviation: float
    method: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer. ``similarity`` is the cosine with the query; ``score`` what it is ranked by.

    ``percentile``: the share of its modality's background that lies farther from the query,
    0 to 1; None where scores are not calibrated, or there is nothing else of its kind.
    """

    rank: int
    score: float
    similarity: float
    item: MediaItem
    segment: Segment
    percentile: float | None = None
    explain: Explanation | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Answers, best first, all from one ``generation``; ``seconds`` names each stage.

    ``relevant`` False says that even the best is no nearer than strangers are; None is not
    known. Where there are no hits, ``reason`` says why.
    """

    hits: tuple[Hit, ...]
    generation: int
    seconds: dict[str, float] = field(default_factory=dict)
    complete: bool = True
    relevant: bool | None = None
    reason: str | None = None

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)


@dataclass(frozen=True, slots=True)
class Facets:
    """How many items can be found by each modality, and have each value of the commonest fields."""

    modalities: dict[Modality, int]
    fields: dict[str, tuple[tuple[str, int], ...]]
