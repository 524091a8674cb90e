"""The front door of the read path: what the caller wrote, to a Query. Modality is decided here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from searchengine.encoders.encoder import Encoder
from searchengine.errors import ConfigError, EmptyQuery, QueryError, UnsupportedModality
from searchengine.media.decode import Wanted
from searchengine.media.metadata import read_metadata
from searchengine.media.options import MediaOptions
from searchengine.media.outline import Cutting
from searchengine.media.sandbox import Sandbox
from searchengine.query.filters import parse_filter
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

#: One thing to search by: words, a path, ``FILE@start-end``, or media already decoded. Of a text,
#: only a ``Path`` is a file: a ``str`` is the words.
Given: TypeAlias = Any

#: Segments of a long query file that are looked at, evenly spread.
MAX_SEGMENTS = 16

#: Characters of a text query; encoders read a few hundred words at most.
MAX_TEXT = 20_000

#: Whose files need not say their own scale or rate.
_SENSORS = (Modality.DEPTH, Modality.THERMAL, Modality.IMU)

Choice = TypeVar("Choice", bound=StrEnum)

_SPANNED = re.compile(r"(?P<path>.+)@(?P<start>\d+(\.\d+)?)-(?P<end>\d+(\.\d+)?)")


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
            return (_words(given),)
        if not isinstance(given, str | Path):
            return (given,)
        path, span = _file(str(given))
        options = self._options(path, modality)
        found = self.sandbox.outline(path, modality, options, self.cutting)
        spans = [span] if span else _spread(found.spans)
        wanted = [Wanted(one, self.encoder.sampling(found.info, one)) for one in spans]
        return tuple(self.sandbox.decode(path, modality, wanted, options))

    def _options(self, path: Path, modality: Modality) -> MediaOptions:
        """With what a ``metadata.jsonl`` beside a sensor's file says of it, as when indexing."""
        if modality not in _SENSORS:
            return self.options
        return self.options.with_row(read_metadata(path.parent).rows.get(path.name, {}))


def read_parts(
    reader: Reader,
    given: Mapping[str, Given],
    weights: Mapping[str, float],
    negative: Mapping[str, Given],
) -> list[QueryPart]:
    """Parts by modality name; each value is one thing or a list. Negatives count against."""
    parts = []
    for sign, things in ((1.0, given), (-1.0, negative)):
        for name, value in things.items():
            modality = modality_named(name)
            weight = sign * (float(weights.get(name, 1.0)) if sign > 0 else 1.0)
            parts += [reader.part(one, modality, weight) for one in _each(value)]
    for name in weights:
        if modality_named(name) not in {part.modality for part in parts}:
            raise QueryError(f"a weight for {name}, but the query has no {name}")
    return parts


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
) -> Query:
    """Raises QueryError for a name that does not exist, InvalidFilter for the filter."""
    conditions: list[Condition] = [parse_filter(filter)] if filter else []
    conditions += [PathGlob(path)] if path else []
    return Query(
        tuple(parts),
        tuple(map(modality_named, targets)) if targets else None,
        k,
        offset,
        And(tuple(conditions)) if conditions else None,
        _named(GroupBy, group_by, "group_by"),
        _named(Score, score, "score"),
        _named(Mode, mode, "mode"),
        min_score,
        exact,
        explain,
        hybrid,
    )


def modality_named(name: str) -> Modality:
    """Raises QueryError for a name that is no modality."""
    return _named(Modality, name, "modality")


def _named(kind: type[Choice], name: str, setting: str) -> Choice:
    try:
        return kind(name)
    except ValueError:
        known = ", ".join(choice.value for choice in kind)
        raise QueryError(f"{setting} {name!r} does not exist; choose from {known}") from None


def _each(value: Given) -> Iterable[Given]:
    return value if isinstance(value, list | tuple) else [value]


def _words(given: Given) -> str:
    if not isinstance(given, str) or not given.strip():
        raise EmptyQuery("the text of the query is empty")
    return given[:MAX_TEXT]


def _file(given: str) -> tuple[Path, Span | None]:
    """``x.wav@2-5`` is seconds 2 to 5 of x.wav, unless a file has that very name."""
    spanned = _SPANNED.fullmatch(given)
    if spanned is None or Path(given).exists():
        return Path(given), None
    span = Span(float(spanned["start"]), float(spanned["end"]))
    if span.end <= span.start:
        raise ConfigError(f"{given}: the part ends before it starts")
    return Path(spanned["path"]), span


def _spread(spans: Sequence[Span | None]) -> list[Span | None]:
    if len(spans) <= MAX_SEGMENTS:
        return list(spans)
    return [spans[i * len(spans) // MAX_SEGMENTS] for i in range(MAX_SEGMENTS)]
