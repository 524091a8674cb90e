"""What is asked: parts, filters as trees, and how hits are chosen and ordered."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias

from searchengine.types.media import Media, Modality


class Operator(enum.StrEnum):
    """How a filter compares a field with a value. ``CONTAINS`` is a part of a text."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    CONTAINS = "~"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field of an item beside a value; of a field with several values, any one suffices."""

    field: str
    operator: Operator
    value: str | float | bool


@dataclass(frozen=True, slots=True)
class PathGlob:
    """The item's path, or its end after a ``/``, matches the pattern; ``*`` crosses folders."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class And:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    conditions: tuple[Condition, ...]


#: A filter as a tree: written by ``query.filters``, compiled to SQL by the store.
Condition: TypeAlias = Comparison | PathGlob | Not | And | Or


@dataclass(frozen=True, slots=True, eq=False)
class QueryPart:
    """One thing to search by: decoded ``media`` of a modality, or an item already indexed.

    ``media`` holds one or more segments, whose vectors are averaged. A negative ``weight``
    moves away from the part.
    """

    media: tuple[Media, ...] = ()
    modality: Modality | None = None
    like: int | None = None
    weight: float = 1.0


class GroupBy(enum.StrEnum):
    """Whether an item shows once, by its best segment, or every segment is a hit."""

    ITEM = "item"
    NONE = "none"


class Score(enum.StrEnum):
    """What orders hits of different modalities.

    How far above the background of their modality they are, in deviations; their rank within
    their own modality; or raw cosine.
    """

    CALIBRATED = "calibrated"
    RANK = "rank"
    COSINE = "cosine"


class Mode(enum.StrEnum):
    """How several parts make one query: their sum, or every one of them must match."""

    SUM = "sum"
    ALL = "all"


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is asked. ``targets`` None searches every modality that has something in it.

    Hits of a similarity below ``min_score`` are left out. ``explain`` says of every hit which
    part matched how much. ``hybrid`` also looks for the very words of the query. ``dedup`` is the
    cosine, -1 to 1, from which on a hit is a copy of an earlier one and left out (True: a usual
    one); ``diverse``, 0 to 1, how much being unlike the earlier ones counts. None: not done.
    """

    parts: tuple[QueryPart, ...]
    targets: tuple[Modality, ...] | None = None
    k: int = 10
    offset: int = 0
    where: Condition | None = None
    group_by: GroupBy = GroupBy.ITEM
    score: Score = Score.CALIBRATED
    mode: Mode = Mode.SUM
    min_score: float | None = None
    exact: bool = False
    explain: bool = False
    hybrid: bool = False
    dedup: float | bool | None = None
    diverse: float | None = None
