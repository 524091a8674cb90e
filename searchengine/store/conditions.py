"""Filters to SQL. Values are always bound, never pasted.

Letters A to Z are the same as a to z where a text is looked for within another, and in globs;
all other comparisons are by code point. So it is on every database.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    String,
    Text,
    and_,
    cast,
    false,
    literal,
    not_,
    or_,
    select,
    true,
)

from searchengine.store.tables import FieldRow, ItemRow
from searchengine.types import And, Comparison, Condition, Not, Operator, Or, PathGlob

#: SQLite takes ``a or b or c ...`` for a tree as deep as it is long, and refuses one of 1,000.
CHAINED = 50

#: ``and_`` or ``or_``.
Join: TypeAlias = Callable[..., ColumnElement[bool]]
#: Bytes of UTF-8 that are kept of a metadata field's name, and of a value of it: PostgreSQL's
#: indexes take rows of up to 2,704.
MAX_NAME_BYTES, MAX_TEXT_BYTES = 200, 1_000

#: Whole numbers below this are compared as such; beyond, a float has long lost the last digits.
MAX_INT = 2**63

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
    operator, value = comparison.operator, comparison.value
    if operator is Operator.NE:
        return not_(_comparison(Comparison(comparison.field, Operator.EQ, value)))
    column = COLUMNS.get(comparison.field)
    if column is not None:
        return and_(column.is_not(None), _compare(column, operator, value))
    numeric = isinstance(value, int | float) and operator is not Operator.CONTAINS
    found = select(FieldRow.item_id).where(
        FieldRow.name == _name(comparison.field),
        _compare(FieldRow.number if numeric else FieldRow.text, operator, value),
    )
    # with EXISTS, SQLite looks through all that fit once for each item
    return ItemRow.id.in_(found)


def _compare(column: Any, operator: Operator, value: str | float | bool) -> ColumnElement[bool]:
    """Numbers with numbers, texts with texts; a text that is no number is equal to none."""
    if operator is Operator.CONTAINS:
        held: ColumnElement[bool] = cast(column, Text).icontains(_text(value), autoescape=True)
        return held
    if isinstance(column.type, String):
        return _ordered(column, operator, literal(_text(value), String))
    number = _number(value)
    if number is None:
        return false()
    whole = number.is_integer() and abs(number) < MAX_INT  # or PostgreSQL uses no index of ids
    bound = literal(int(number), BigInteger) if whole else literal(number, Double)
    return _ordered(column, operator, bound)


def _ordered(column: Any, operator: Operator, value: Any) -> ColumnElement[bool]:
    match operator:
        case Operator.LT:
            compared = column < value
        case Operator.LE:
            compared = column <= value
        case Operator.GT:
            compared = column > value
        case Operator.GE:
            compared = column >= value
        case _:
            compared = column == value
    result: ColumnElement[bool] = compared
    return result


def _like(pattern: str) -> ColumnElement[bool]:
    """``*`` and ``?`` of a glob as LIKE's ``%`` and ``_``, everything else literally."""
    escaped = storable(pattern).replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return ItemRow.path.ilike(escaped.replace("*", "%").replace("?", "_"), escape="!")


def field_rows(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    """The ``fields`` rows of an item: one a value, with a number beside the text where it is one.

    Booleans are also 1 and 0, ISO dates are texts, which sort as they should. Objects inside
    metadata can be read back but not filtered by.
    """
    rows = []
    for name, value in metadata.items():
        for single in value if isinstance(value, list) else [value]:
            if isinstance(single, str | int | float | bool):
                rows.append({"name": _name(name), "text": _text(single), "number": _number(single)})
    return rows


def storable(text: str) -> str:
    """The text without NUL, which PostgreSQL cannot keep."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _name(field: str) -> str:
    return _cut(field, MAX_NAME_BYTES)


def _text(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _cut(str(value), MAX_TEXT_BYTES)


def _cut(text: str, most_bytes: int) -> str:
    encoded = storable(text).encode("utf-8", "surrogatepass")
    return encoded[:most_bytes].decode("utf-8", "ignore")


def _number(value: str | float | bool) -> float | None:
    """The value as a number, also of ``"2020"``, so that ``year > 2019`` finds either spelling."""
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
