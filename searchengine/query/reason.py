"""Why there is nothing to show, in one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from searchengine.query.hunt import Allowed
from searchengine.query.merge import Ranked
from searchengine.store.catalog import Catalog
from searchengine.store.conditions import COLUMNS
from searchengine.store.snapshot import Snapshot
from searchengine.types import And, Comparison, Condition, Not, Or, PathGlob, Query

#: Names of fields that are told.
SHOWN = 20


def why_nothing(
    query: Query, ranked: Sequence[Ranked], snapshot: Snapshot, allowed: Allowed, catalog: Catalog
) -> str:
    """Of a page without hits: ``ranked`` is all there was to choose from."""
    targets = query.targets or tuple(snapshot.modalities)
    if not set(targets) & set(snapshot.modalities):
        there = ", ".join(snapshot.modalities) or "nothing"
        return f"no {' or '.join(targets) or 'item'} in the collection; there is: {there}"
    if query.where is not None and not any(len((allowed or {}).get(t, ())) for t in targets):
        return _nothing_fits(query.where, snapshot, catalog)
    if ranked:
        return f"only {len(ranked)} hits, and the first {query.offset} were to be left out"
    if query.min_score is not None:
        return f"no similarity reaches {query.min_score:g}"
    return "nothing there but what was asked with"


def _nothing_fits(where: Condition, snapshot: Snapshot, catalog: Catalog) -> str:
    known = catalog.fields(snapshot.collection)
    unknown = [name for name in dict.fromkeys(_fields(where)) if name not in {*known, *COLUMNS}]
    if not unknown:
        return "no item fits the filter"
    names = [*known[:SHOWN], *(["..."] if len(known) > SHOWN else []), *COLUMNS]
    return f"no item has a field {unknown[0]!r}; there are: {', '.join(names)}"


def _fields(condition: Condition) -> Iterator[str]:
    match condition:
        case Comparison(field):
            yield field
        case Not(inner):
            yield from _fields(inner)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _fields(part)
        case PathGlob():
            return
