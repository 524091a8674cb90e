"""What a server answers, made into the nouns of ``types``.

Fields that are not known here are passed over: a server may be newer than its client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from searchengine.types import (
    Background,
    Collection,
    CollectionStatus,
    EncoderInfo,
    Explanation,
    Facets,
    Failure,
    FloatArray,
    Hit,
    IndexReport,
    IndexStatus,
    MediaItem,
    Modality,
    OperatingPoint,
    PartMatch,
    Progress,
    SearchResult,
    Segment,
    Span,
    SpanUnit,
)

#: JSON, as the server's ``schemas.py`` describes it.
Document = Mapping[str, Any]

Noun = TypeVar("Noun")


def result(document: Document) -> SearchResult:
    hits = tuple(_hit(each) for each in document["hits"])
    return _made(SearchResult, document, hits=hits)


def vector(document: Document) -> FloatArray:
    """float32 (dim,), exactly as the server has it."""
    return np.array(document["embedding"], np.float32)


def item(document: Document) -> MediaItem:
    return _made(MediaItem, document, modality=Modality(document["modality"]))


def segments(document: Document) -> tuple[Segment, ...]:
    """Of an item's document."""
    return tuple(
        _made(
            Segment,
            each,
            item_id=document["id"],
            modality=Modality(each["modality"]),
            span=_span(each),
        )
        for each in document["segments"]
    )


def facets(document: Document) -> Facets:
    return Facets(
        {Modality(name): count for name, count in document["modality"].items()},
        {name: tuple(map(_pair, values)) for name, values in document["fields"].items()},
    )


def background(document: Document) -> Background:
    return _made(
        Background,
        document,
        asked=Modality(document["asked"]),
        target=Modality(document["target"]),
        percentiles=tuple(document["percentiles"]),
    )


def collection(document: Document) -> Collection:
    return _made(Collection, document)


def collection_status(document: Document) -> CollectionStatus:
    indexes = tuple(_index(name, share) for name, share in document["modalities"].items())
    return _made(
        CollectionStatus,
        document,
        collection=collection(document),
        indexes=indexes,
        roots=tuple(document["roots"]),
    )


def model(document: Document) -> EncoderInfo:
    modalities = tuple(map(Modality, document["modalities"]))
    return _made(EncoderInfo, document, modalities=modalities)


def report(document: Document) -> IndexReport:
    failures = tuple(_made(Failure, each) for each in document["failures"])
    return _made(IndexReport, document, failures=failures)


def progress(document: Document) -> Progress:
    return _made(Progress, document)


def _index(modality: str, document: Document) -> IndexStatus:
    points = tuple(
        _made(OperatingPoint, each, asked=Modality(each["asked"])) for each in document["points"]
    )
    return _made(IndexStatus, document, modality=Modality(modality), points=points)


def _hit(document: Document) -> Hit:
    """The item and the segment lie flat in it."""
    found = Segment(
        id=document["segment_id"],
        item_id=document["id"],
        ordinal=document["ordinal"],
        modality=Modality(document["modality"]),
        span=_span(document["segment"] or {}),
    )
    of = _made(MediaItem, document, modality=Modality(document["item_modality"]))
    why = document.get("explain")
    return _made(Hit, document, item=of, segment=found, explain=_explanation(why) if why else None)


def _explanation(document: Document) -> Explanation:
    parts = tuple(
        _made(PartMatch, part, modality=Modality(part["modality"])) for part in document["parts"]
    )
    return _made(Explanation, document, parts=parts)


def _span(document: Document) -> Span | None:
    """None for the whole item."""
    if document.get("unit") is None:
        return None
    return _made(Span, document, unit=SpanUnit(document["unit"]))


def _pair(value: list[Any]) -> tuple[str, int]:
    name, count = value
    return name, count


def _made(noun: type[Noun], document: Document, **made: Any) -> Noun:
    """The noun with the fields that the document has; ``made`` go before them."""
    known = {field.name for field in fields(noun)}  # type: ignore[arg-type]
    return noun(**{name: value for name, value in document.items() if name in known} | made)
