"""A library at a glance."""

from __future__ import annotations

from searchengine.errors import NothingPublished
from searchengine.store.catalog import Manifest
from searchengine.store.library import Library
from searchengine.store.snapshot import VectorTable
from searchengine.types import (
    Collection,
    CollectionStatus,
    IndexStatus,
    Modality,
    OperatingPoint,
)


def status(library: Library) -> tuple[CollectionStatus, ...]:
    """Every collection: what it holds, how that is searched, what it costs on disk."""
    return tuple(_collection(library, one) for one in library.catalog.collections())


def _collection(library: Library, collection: Collection) -> CollectionStatus:
    manifest = library.catalog.manifest(collection)
    indexes = _indexes(library, collection, manifest)
    return CollectionStatus(
        collection=collection,
        items=library.catalog.item_count(collection),
        indexes=indexes,
        roots=library.catalog.roots(collection),
        size_bytes=sum(index.size_bytes for index in indexes),
        budget_bytes=manifest.budget_bytes,
    )


def _points(table: VectorTable) -> tuple[OperatingPoint, ...]:
    return tuple(
        OperatingPoint(asked, p.probed, p.rerank_factor, p.recall, p.queries)
        for asked, p in sorted(table.points.items())
    )


def _indexes(
    library: Library, collection: Collection, manifest: Manifest
) -> tuple[IndexStatus, ...]:
    counts = library.catalog.counts(collection)
    try:
        tables = library.snapshot(collection).tables
    except NothingPublished:
        return ()
    return tuple(
        IndexStatus(
            modality=modality,
            items=counts.get(modality, (0, 0))[0],
            segments=counts.get(modality, (0, 0))[1],
            method=tables[modality].method,
            delta=tables[modality].delta,
            tombstones=tables[modality].dead,
            size_bytes=sum(row.size_bytes for row in manifest.files if row.modality == modality),
            points=_points(tables[modality]),
            memory_bytes=tables[modality].memory_bytes,
        )
        for modality in Modality
        if modality in tables
    )
