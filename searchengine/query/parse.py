"""The front door of the read path: what the caller wrote, to a Query. Modality is decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from searchengine.encoders.encoder import Encoder
from searchengine.errors import UnsupportedModality
from searchengine.media.decode import Wanted
from searchengine.media.options import MediaOptions
from searchengine.media.outline import Cutting
from searchengine.media.sandbox import Sandbox
from searchengine.query.filters import parse_filter
from searchengine.query.given import (
    Given,
    file_part,
    given_parts,
    modality_named,
    named,
    row_beside,
    words,
)
from searchengine.types import (
    And,
    Condition,
    GroupBy,
    Media,
    Modality,
    Mode,
    PathGlob,
    Query,
    QueryPart,
    Score,
    Span,
)

#: Segments of a long query file that are looked at, evenly spread.
MAX_SEGMENTS = 16

#: How much being unlike the others counts, beside the score.
VARIED = 0.3


@dataclass(frozen=True, slots=True)
class Reader:
    """Decodes the files of a query, exactly as the indexer does."""

    encoder: Encoder
    sandbox: Sandbox
    options: MediaOptions
    cutting: Cutting

    def part(self, given: Given, modality: Modality, weight: float) -> QueryPart:
        """Raises MediaError for a file that cannot be read, UnsupportedModality, EmptyQuery."""
        if modality not in self.encoder.modalities:
            able = ", ".join(m for m in Modality if m in self.encoder.modalities)
            raise UnsupportedModality(
                f"{self.encoder.name} cannot encode {modality}; it encodes {able}"
            )
        return QueryPart(self._media(given, modality), modality, weight=weight)

    def _media(self, given: Given, modality: Modality) -> tuple[Media, ...]:
        if modality is Modality.TEXT and not isinstance(given, Path):
            return (words(given),)
        if not isinstance(given, str | Path):
            return (given,)
        path, span = file_part(given)
        options = self.options.with_row(row_beside(path, modality))
        found = self.sandbox.outline(path, modality, options, self.cutting)
        spans = [span] if span else _spread(found.spans)
        wanted = [Wanted(one, self.encoder.sampling(found.info, one)) for one in spans]
        return tuple(self.sandbox.decode(path, modality, wanted, options))


def read_parts(
    reader: Reader,
    given: Mapping[str, Given],
    weights: Mapping[str, float],
    negative: Mapping[str, Given],
) -> list[QueryPart]:
    """Parts by modality name; each value is one thing or a list. Negatives count against."""
    asked = given_parts(given, weights, negative)
    return [reader.part(one.value, one.modality, one.weight) for one in asked]


def like_parts(ids: int | Sequence[int] | None, weight: float) -> list[QueryPart]:
    """A part for each of the items."""
    given = [ids] if isinstance(ids, int) else ids or []
    return [QueryPart(like=item_id, weight=weight) for item_id in given]


def build_query(
    parts: Sequence[QueryPart],
    *,
    targets: Sequence[str] | None = None,
    k: int = 10,
    offset: int = 0,
    filter: str | None = None,
    path: str | None = None,
    group_by: str = GroupBy.ITEM,
    score: str = Score.CALIBRATED,
    mode: str = Mode.SUM,
    min_score: float | None = None,
    exact: bool = False,
    explain: bool = False,
    hybrid: bool = False,
    dedup: float | bool | None = None,
    diverse: float | bool | None = None,
) -> Query:
    """Raises QueryError for a name that does not exist, InvalidFilter for the filter.

    ``diverse`` True is ``VARIED``.
    """
    conditions: list[Condition] = [parse_filter(filter)] if filter else []
    conditions += [PathGlob(path)] if path else []
    return Query(
        tuple(parts),
        tuple(map(modality_named, targets)) if targets else None,
        k,
        offset,
        And(tuple(conditions)) if conditions else None,
        named(GroupBy, group_by, "group_by"),
        named(Score, score, "score"),
        named(Mode, mode, "mode"),
        min_score,
        exact,
        explain,
        hybrid,
        dedup if dedup is True else _amount(dedup),
        VARIED if diverse is True else _amount(diverse),
    )


def _amount(given: float | bool | None) -> float | None:
    return None if given is None or given is False else float(given)


def _spread(spans: Sequence[Span | None]) -> list[Span | None]:
    if len(spans) <= MAX_SEGMENTS:
        return list(spans)
    return [spans[i * len(spans) // MAX_SEGMENTS] for i in range(MAX_SEGMENTS)]
