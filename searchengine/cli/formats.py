"""What programs read: JSON, JSON lines, CSV, and bare paths."""

from __future__ import annotations

import csv
import enum
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import typer

from searchengine.types import Hit, MediaItem, SearchResult, Segment, Span


class Format(enum.Enum):
    """How hits are written."""

    TABLE = "a table"
    JSON = "--json"
    JSONL = "--jsonl"
    CSV = "--csv"
    PATHS = "--paths"
    ZERO = "-0"


def chosen_format(flags: Mapping[Format, bool]) -> Format:
    """The one that was asked for; a table when none was, a usage error for two."""
    asked = [form for form, given in flags.items() if given]
    if len(asked) > 1:
        names = " and ".join(form.value for form in asked)
        raise typer.BadParameter(f"{names} exclude each other; give one of them")
    return asked[0] if asked else Format.TABLE


def write_json(document: Any) -> None:
    """One document, indented."""
    print(_json(document, indent=2))


def write_jsonl(row: Any) -> None:
    """One object on one line."""
    print(_json(row))


def write_hits(result: SearchResult, asked: Sequence[Mapping[str, Any]], form: Format) -> None:
    """All hits in a format for programs; ``asked`` is the query as the result repeats it."""
    if form is Format.JSON:
        write_json(result_dict(result, asked))
    elif form is Format.JSONL:
        for hit in result:
            write_jsonl(hit_dict(hit))
    elif form is Format.CSV:
        _write_csv(result)
    else:
        _write_paths(result, b"\0" if form is Format.ZERO else b"\n")


def result_dict(result: SearchResult, asked: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The document of ``--json``."""
    return {
        "query": list(asked),
        "hits": [hit_dict(hit) for hit in result],
        "generation": result.generation,
        "seconds": result.seconds,
        "complete": result.complete,
        "relevant": result.relevant,
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


_COLUMNS = ("rank", "score", "similarity", "modality", "id", "path")


def _write_csv(result: SearchResult) -> None:
    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow([*_COLUMNS, "start", "end", "unit", "metadata"])
    for hit in result:
        row, span = hit_dict(hit), hit.segment.span
        place = [span.start, span.end, span.unit.value] if span else ["", "", ""]
        writer.writerow([*(row[name] for name in _COLUMNS), *place, _json(hit.item.metadata)])


def _write_paths(result: SearchResult, end: bytes) -> None:
    """Paths as the file system has them: bytes, which need not be UTF-8."""
    sys.stdout.flush()
    for hit in result:
        sys.stdout.buffer.write(os.fsencode(hit.item.path) + end)


def _json(document: Any, indent: int | None = None) -> str:
    """JSON that every reader takes: no NaN, and no character the stream cannot carry."""
    plain = sys.stdout.encoding.lower().replace("-", "") != "utf8"
    try:
        return json.dumps(document, ensure_ascii=plain, indent=indent, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(document), ensure_ascii=plain, indent=indent)


def _finite(value: Any) -> Any:
    """A metadata row may hold NaN or infinity, which JSON has not: they become null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value
