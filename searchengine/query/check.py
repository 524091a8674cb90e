"""What nobody can mean, said before any work is done."""

from __future__ import annotations

import math

from searchengine.encoders.encoder import Encoder
from searchengine.errors import EmptyQuery, EncoderMismatch, QueryError
from searchengine.types import Collection, Query

#: Hits that can be paged through; deeper than this is an export.
MAX_DEPTH = 10_000


def check_query(query: Query) -> None:
    """Raise QueryError for a page, a weight or a threshold that nobody can mean."""
    if not 1 <= query.k <= MAX_DEPTH:
        raise QueryError(f"k must be from 1 to {MAX_DEPTH}, not {query.k}")
    if query.offset < 0 or query.offset + query.k > MAX_DEPTH:
        raise QueryError(
            f"offset {query.offset} with k {query.k} is outside the first {MAX_DEPTH} hits; "
            "use export for all of a collection"
        )
    _check_number("min_score", query.min_score, -math.inf, math.inf)
    _check_number("dedup", query.dedup, -1.0, 1.0)
    _check_number("diverse", query.diverse, 0.0, 1.0)
    _check_weights(query)


def check_encoder(encoder: Encoder, collection: Collection) -> None:
    """Raise EncoderMismatch when the collection's vectors are from elsewhere."""
    if (encoder.identity, encoder.dim) != (collection.identity, collection.dim):
        raise EncoderMismatch(
            f"collection {collection.name!r} was made by {collection.identity}, not "
            f"{encoder.identity}; use --encoder {collection.encoder}, or another --collection"
        )


def _check_weights(query: Query) -> None:
    weights = [part.weight for part in query.parts]
    if wrong := [weight for weight in weights if not math.isfinite(weight)]:
        raise QueryError(f"a weight is a number, such as 0.5, not {wrong[0]}")
    if weights and not any(weights):
        raise EmptyQuery("every part of the query has the weight 0; give one of them more")
    if weights and max(weights) <= 0:
        raise EmptyQuery("the query only says what to move away from; say what to look for, too")


def _check_number(name: str, value: float | None, least: float, most: float) -> None:
    if value is None or (math.isfinite(value) and least <= value <= most):
        return
    if math.isinf(most):
        raise QueryError(f"{name} must be a number, not {value}")
    raise QueryError(f"{name} must be from {least:g} to {most:g}, not {value}")
