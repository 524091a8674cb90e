"""Filters to SQL. Values are always bound, never pasted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, and_, exists, not_, or_, true

from searchengine.store.tables import FieldRow, ItemRow
from searchengine.types import And, Comparison, Condition, Not, Operator, Or, PathGlob

#: SQLite takes ``a or b or c ...`` for a tree as deep as it is long, and refuses one of 1,000.
CHAINED = 50

#: ``and_`` or ``or_``.
Join: TypeAlias = Callable[..., ColumnElement[bool]]

#: Fields every item has; anything else is looked up in its metadata.
COLUMNS: dict[str, Any] = {
    "id": ItemRow.id,
    "path": ItemRow.path,
    "modality": ItemRow.modality,
    "mime_type": ItemRow.mime_type,
    "size_bytes": ItemRow.size_bytes,
    "duration_s": ItemRow.duration_s,
    "sha256": ItemRow.sha256,
}


def compile_condition(condition: Condition) -> ColumnElement[bool]:
    """An expression over ``items`` that holds where the filter does."""
    match condition:
        case Comparison():
            return _comparison(condition)
        case PathGlob(pattern):
            return or_(_like(pattern), _like(f"*/{pattern}"))
        case Not(Not(inner)):
            return compile_condition(inner)
        case Not(inner):
            return not_(compile_condition(inner))
        case And(parts):
            return _joined(and_, [compile_condition(part) for part in parts])
        case Or(parts):
            return _joined(or_, [compile_condition(part) for part in parts])


def _joined(join: Join, parts: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """A chain, cut into pieces, of which SQLAlchemy makes no chain again; none is ever null."""
    while len(parts) > CHAINED:
        pieces = [parts[start : start + CHAINED] for start in range(0, len(parts), CHAINED)]
        parts = [join(*piece).is_(true()) for piece in pieces]
    return join(*parts)


def _comparison(comparison: Comparison) -> ColumnElement[bool]:
    """A built-in column, or any value of a metadata field; ``!=`` holds where ``=`` does not."""
    if comparison.operator is Operator.NE:
        return not_(_comparison(Comparison(comparison.field, Operator.EQ, comparison.value)))
    column = COLUMNS.get(comparison.field)
    if column is not None:
        value = comparison.value
        return and_(column.is_not(None), _compare(column, comparison.operator, value))
    value = comparison.value
    numeric = isinstance(value, int | float) and comparison.operator is not Operator.CONTAINS
    side = FieldRow.number if numeric else FieldRow.text
    return exists().where(
        FieldRow.item_id == ItemRow.id,
        FieldRow.name == comparison.field,
        _compare(side, comparison.operator, float(value) if numeric else str(value)),
    )


def _compare(column: Any, operator: Operator, value: str | float | bool) -> ColumnElement[bool]:
    match operator:
        case Operator.EQ:
            compared = column == value
        case Operator.LT:
            compared = column < value
        case Operator.LE:
            compared = column <= value
        case Operator.GT:
            compared = column > value
        case Operator.GE:
            compared = column >= value
        case _:
            compared = column.contains(str(value), autoescape=True)
    result: ColumnElement[bool] = compared
    return result


def _like(pattern: str) -> ColumnElement[bool]:
    """``*`` and ``?`` of a glob as LIKE's ``%`` and ``_``, everything else literally."""
    escaped = pattern.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return ItemRow.path.like(escaped.replace("*", "%").replace("?", "_"), escape="!")


def field_rows(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    """The ``fields`` rows of an item: one a value, with a number beside the text where it is one.

    Booleans are also 1 and 0, ISO dates are texts, which sort as they should. Objects inside
    metadata can be read back but not filtered by.
    """
    rows = []
    for name, value in metadata.items():
        for single in value if isinstance(value, list) else [value]:
            if isinstance(single, str | int | float | bool):
                rows.append({"name": name, "text": _text(single), "number": _number(single)})
    return rows


def _text(value: str | float | bool) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)[:1000]


def _number(value: str | float | bool) -> float | None:
    """The value as a number, also of ``"2020"``, so that ``year > 2019`` finds either spelling."""
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
