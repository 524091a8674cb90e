"""A query's parts to one vector, as ImageBind composes (Girdhar et al. 2023, section 4.3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from searchengine.encoders.encoder import Encoder
from searchengine.errors import EmptyQuery, EncoderMismatch, QueryError
from searchengine.store.catalog import Catalog
from searchengine.store.snapshot import Snapshot
from searchengine.types import Collection, FloatArray, Modality, QueryPart


def embed_parts(
    parts: Sequence[QueryPart], encoder: Encoder, catalog: Catalog, snapshot: Snapshot
) -> tuple[FloatArray, frozenset[Modality]]:
    """Unit vector float32 (d,), and the modalities it came from.

    Each part is normalised, weighted, summed, and the sum normalised. Raises EmptyQuery when
    there is nothing to sum or the parts cancel out.
    """
    if not parts:
        raise EmptyQuery("nothing to search for: give some text, a file or an item")
    total = np.zeros(snapshot.collection.dim, np.float32)
    modalities: set[Modality] = set()
    for part in parts:
        vector, of = _stored(part.like, catalog, snapshot) if part.like else _encoded(part, encoder)
        total += np.float32(part.weight) * vector
        modalities.add(of)
    return _unit(total), frozenset(modalities)


def embed_media(part: QueryPart, encoder: Encoder) -> FloatArray:
    """Unit vector float32 (d,) of one part: its segments' vectors, averaged."""
    return _encoded(part, encoder)[0]


def check_encoder(encoder: Encoder, collection: Collection) -> None:
    """Raise EncoderMismatch when the collection's vectors are from elsewhere."""
    if (encoder.identity, encoder.dim) != (collection.identity, collection.dim):
        raise EncoderMismatch(
            f"collection {collection.name!r} was made by {collection.identity}, not "
            f"{encoder.identity}; use --encoder {collection.encoder}, or another --collection"
        )


def _encoded(part: QueryPart, encoder: Encoder) -> tuple[FloatArray, Modality]:
    if part.modality is None or not part.media:
        raise EmptyQuery("a part of the query is empty")
    prepared = [encoder.preprocess(media, part.modality) for media in part.media]
    vectors = encoder.encode(prepared, part.modality)
    return _unit(vectors.mean(axis=0)), part.modality


def _stored(item_id: int, catalog: Catalog, snapshot: Snapshot) -> tuple[FloatArray, Modality]:
    try:
        item, segments = catalog.item(snapshot.collection, item_id)
    except KeyError:
        raise QueryError(f"no item {item_id} in collection {snapshot.collection.name!r}") from None
    ids = np.array([s.id for s in segments if s.modality == item.modality], np.int64)
    table = snapshot.tables.get(item.modality)
    vectors = table.vectors(ids) if table else np.empty((0, 0), np.float32)
    if not len(vectors):
        raise QueryError(f"item {item_id} has no vectors; index it again")
    return _unit(vectors.mean(axis=0)), item.modality


def _unit(vector: FloatArray) -> FloatArray:
    length = float(np.linalg.norm(vector))
    if length < 1e-6:
        raise EmptyQuery("the parts of the query cancel out; change a weight")
    return (vector / length).astype(np.float32)
