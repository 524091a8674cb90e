"""What programs read: JSON, JSON lines, CSV, and bare paths."""

from __future__ import annotations

import csv
import enum
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from searchengine.documents import hit_dict, result_dict
from searchengine.types import SearchResult


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
