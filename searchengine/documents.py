"""Results as JSON documents, the same from the command line, over HTTP and in the client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from searchengine.types import Hit, MediaItem, SearchResult, Segment, Span


def result_dict(result: SearchResult, asked: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The document of ``--json``."""
    return {
        "query": list(asked),
        "hits": [hit_dict(hit) for hit in result],
        "generation": result.generation,
        "seconds": result.seconds,
        "complete": result.complete,
        "relevant": result.relevant,
        "reason": result.reason,
    }


def hit_dict(hit: Hit) -> dict[str, Any]:
    """One hit; ``segment`` is null when the whole item is what was found."""
    span = hit.segment.span
    document = {
        "rank": hit.rank,
        "score": hit.score,
        "similarity": hit.similarity,
        "percentile": hit.percentile,
        "modality": hit.segment.modality.value,
        "id": hit.item.id,
        "path": hit.item.path,
        "segment": {"id": hit.segment.id, **span_dict(span)} if span else None,
        "metadata": hit.item.metadata,
    }
    return {**document, "explain": asdict(hit.explain)} if hit.explain else document


def item_dict(item: MediaItem, segments: Sequence[Segment]) -> dict[str, Any]:
    """All that is kept of one item, but its vectors."""
    return {
        "id": item.id,
        "path": item.path,
        "modality": item.modality.value,
        "mime_type": item.mime_type,
        "size_bytes": item.size_bytes,
        "modified_ns": item.modified_ns,
        "sha256": item.sha256,
        "duration_s": item.duration_s,
        "metadata": item.metadata,
        "segments": [segment_dict(segment) for segment in segments],
    }


def segment_dict(segment: Segment) -> dict[str, Any]:
    """One segment; ``span`` is null when it is the whole item."""
    span = segment.span
    return {
        "id": segment.id,
        "modality": segment.modality.value,
        "span": span_dict(span) if span else None,
    }


def span_dict(span: Span) -> dict[str, Any]:
    """``unit`` is ``s`` or ``chars``."""
    return {"start": span.start, "end": span.end, "unit": span.unit.value}
