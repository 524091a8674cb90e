"""The part of the order that was asked for, with what is known of each hit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from searchengine.query.explain import explain
from searchengine.query.hunt import Allowed
from searchengine.query.merge import Ranked
from searchengine.query.question import Question
from searchengine.store.catalog import Catalog
from searchengine.store.nouns import Found
from searchengine.store.snapshot import Snapshot
from searchengine.types import Hit, Query


def page(
    query: Query,
    question: Question,
    ranked: Sequence[Ranked],
    found: Mapping[int, Found],
    catalog: Catalog,
    snapshot: Snapshot,
    allowed: Allowed,
) -> tuple[Hit, ...]:
    """Its hits, of which most are ``found`` already; what was deleted since the generation was
    pinned is passed over."""
    shown = ranked[query.offset : query.offset + query.k]
    while lost := {hit.id for hit in shown} - found.keys():
        ranked = [hit for hit in ranked if hit.id not in lost]
        shown = ranked[query.offset : query.offset + query.k]
        found = catalog.hydrate([hit.id for hit in shown])
    why = explain(query, question, shown, snapshot, allowed) if query.explain else {}
    return tuple(
        Hit(
            rank,
            hit.score,
            hit.similarity,
            found[hit.id].item,
            found[hit.id].segment,
            question.aims[hit.modality].percentile(hit.closeness),
            why.get(hit.id),
        )
        for rank, hit in enumerate(shown, start=query.offset + 1)
    )
