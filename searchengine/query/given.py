"""What callers write to ask with, before any file is opened.

The engine and the client of a server read it alike; importing this loads no decoder.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from searchengine.errors import ConfigError, EmptyQuery, QueryError
from searchengine.media.metadata import read_metadata
from searchengine.types import Modality, Span

#: One thing to search by: words, a path, ``FILE@start-end``, or media already decoded. Of a text,
#: only a ``Path`` is a file: a ``str`` is the words.
Given: TypeAlias = Any

#: Characters of a text query; encoders read a few hundred words at most.
MAX_TEXT = 20_000

#: Queries of a batch that are answered together.
BLOCK = 256

#: Whose files need not say their own scale or rate.
_SENSORS = (Modality.DEPTH, Modality.THERMAL, Modality.IMU)

Choice = TypeVar("Choice", bound=StrEnum)

_SPANNED = re.compile(r"(?P<path>.+)@(?P<start>\d+(\.\d+)?)-(?P<end>\d+(\.\d+)?)")


@dataclass(frozen=True, slots=True, eq=False)
class GivenPart:
    """One thing, what it is, and how much it counts; a negative weight moves away from it."""

    value: Given
    modality: Modality
    weight: float

    @property
    def is_words(self) -> bool:
        return self.modality is Modality.TEXT and not isinstance(self.value, Path)


@dataclass(frozen=True, slots=True, eq=False)
class GivenQuery:
    """One query of a batch: keywords of ``search``, by what they are; ``how`` are all others."""

    parts: Mapping[str, Given]
    weights: Mapping[str, float]
    negative: Mapping[str, Given]
    like: int | Sequence[int]
    not_like: int | Sequence[int]
    how: Mapping[str, Any]


def blocks(queries: Iterable[Mapping[str, Any]], size: int) -> Iterator[list[Any]]:
    """So many queries at a time. Raises QueryError for a size that nobody can mean."""
    if not isinstance(size, int) or size < 1:
        raise QueryError(f"block must be a whole number from 1 on, not {size!r}")
    waiting = iter(queries)
    while some := list(islice(waiting, size)):
        yield some


def given_query(given: Any) -> GivenQuery:
    """Names given None are as if they were not there. Raises QueryError for what is no mapping."""
    if not isinstance(given, Mapping):
        said = given if isinstance(given, str) else "it is no object of names and values"
        raise QueryError(f"not a query: {said}")
    how = {name: value for name, value in given.items() if value is not None}
    parts = {name: how.pop(name) for name in list(how) if name in tuple(Modality)}
    weights, negative = how.pop("weights", {}), how.pop("negative", {})
    if not isinstance(weights, Mapping) or not isinstance(negative, Mapping):
        raise QueryError("not a query: weights and negative are values by modality")
    like, not_like = how.pop("like", ()), how.pop("not_like", ())
    return GivenQuery(parts, weights, negative, like, not_like, how)


def given_parts(
    given: Mapping[str, Given], weights: Mapping[str, float], negative: Mapping[str, Given]
) -> list[GivenPart]:
    """Parts by modality name; each value is one thing or a list, None is nothing.

    Raises QueryError for a name that is no modality, and a weight that is none or is for nothing.
    """
    counted = {name: _weight(name, weight) for name, weight in weights.items()}
    parts = [
        GivenPart(one, modality_named(name), counted.get(name, 1.0))
        for name, value in given.items()
        for one in _each(value)
    ]
    parts += [
        GivenPart(one, modality_named(name), -1.0)
        for name, value in negative.items()
        for one in _each(value)
    ]
    for name in weights:
        if modality_named(name) not in {part.modality for part in parts}:
            raise QueryError(f"a weight for {name}, but the query has no {name}")
    return parts


def words(given: Given) -> str:
    """The text of a query, as much as is read. Raises EmptyQuery."""
    if not isinstance(given, str) or not given.strip():
        raise EmptyQuery("the text of the query is empty")
    return given[:MAX_TEXT]


def file_part(given: str | Path) -> tuple[Path, Span | None]:
    """``x.wav@2-5`` is seconds 2 to 5 of x.wav, unless a file has that very name."""
    name = str(given)
    spanned = _SPANNED.fullmatch(name)
    if spanned is None or Path(name).exists():
        return Path(name), None
    span = Span(float(spanned["start"]), float(spanned["end"]))
    if span.end <= span.start:
        raise ConfigError(f"{name}: the part ends before it starts")
    return Path(spanned["path"]), span


def row_beside(path: Path, modality: Modality) -> dict[str, Any]:
    """What a ``metadata.jsonl`` beside a sensor's file says of it, as when indexing."""
    if modality not in _SENSORS:
        return {}
    return read_metadata(path.parent).rows.get(path.name, {})


def modality_named(name: str) -> Modality:
    """Raises QueryError for a name that is no modality."""
    return named(Modality, name, "modality")


def named(kind: type[Choice], name: str, setting: str) -> Choice:
    """The choice of that name. Raises QueryError that says which there are."""
    try:
        return kind(name)
    except ValueError:
        known = ", ".join(choice.value for choice in kind)
        raise QueryError(f"{setting} {name!r} does not exist; choose from {known}") from None


def _each(value: Given) -> Iterable[Given]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def _weight(name: str, value: Any) -> float:
    try:
        weight = float(value)
    except (TypeError, ValueError):
        weight = math.nan
    if not math.isfinite(weight):
        raise QueryError(f"the weight of {name} is {value!r}, which is not a finite number")
    return weight
