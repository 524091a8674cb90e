"""What there is to narrow a search by."""

from __future__ import annotations

import sqlalchemy
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from searchengine.store.conditions import compile_condition
from searchengine.store.tables import FieldRow, ItemRow, SegmentRow
from searchengine.types import Collection, Condition, Facets, Modality

#: Fields, and values of each, that are offered as filters; longer values are prose, and a field
#: with more values than FACET_VALUES tells items apart rather than sorts them.
FACETS, FACET_VALUES, FACET_LENGTH = 20, 200, 60


Items = sqlalchemy.Select[int]


def facets(session: Session, collection: Collection, condition: Condition | None) -> Facets:
    """See ``Catalog.facets``."""
    items = select(ItemRow.id).where(ItemRow.collection_id == collection.id)
    if condition is not None:
        items = items.where(compile_condition(condition))
    modalities = {Modality(m): n for m, n in session.execute(_kinds(items))}
    fields: dict[str, list[tuple[str, int]]] = {}
    for name, value, count in session.execute(_values(items)):
        fields.setdefault(name, []).append((value, count))
    common = {n: v for n, v in fields.items() if v[0][1] > 1 and len(v) <= FACET_VALUES}
    chosen = sorted(common, key=lambda n: -sum(count for _, count in common[n]))[:FACETS]
    return Facets(modalities, {name: tuple(common[name][:FACETS]) for name in chosen})


def _kinds(items: Items) -> sqlalchemy.Select[str, int]:
    """Modalities, each with how many items have a segment of it."""
    return (
        select(SegmentRow.modality, func.count(SegmentRow.item_id.distinct()))
        .where(SegmentRow.item_id.in_(items))
        .group_by(SegmentRow.modality)
    )


def _values(items: Items) -> sqlalchemy.Select[str, str, int]:
    """Fields and their values, the commonest first, each with how many items have it."""
    return (
        select(FieldRow.name, FieldRow.text, func.count())
        .where(FieldRow.item_id.in_(items))
        .where(func.length(FieldRow.text) <= FACET_LENGTH)
        .group_by(FieldRow.name, FieldRow.text)
        .order_by(func.count().desc(), FieldRow.text)
    )
