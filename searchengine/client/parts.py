"""What is searched by, as a server takes it: JSON, and files to go with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchengine.client.steps import sent_name
from searchengine.errors import QueryError
from searchengine.media.files import check_file
from searchengine.media.options import of_row
from searchengine.query.given import Given, GivenPart, file_part, given_parts, row_beside, words


@dataclass(frozen=True, slots=True)
class Parts:
    """``query`` of a request; ``files`` by the names it has for them, their places in it."""

    query: list[dict[str, Any]]
    files: dict[str, Path]


def parts_of(
    given: Mapping[str, Given],
    weights: Mapping[str, float] | None = None,
    negative: Mapping[str, Given] | None = None,
    like: int | Sequence[int] | None = None,
    not_like: int | Sequence[int] | None = None,
) -> Parts:
    """Keywords of ``Engine.search``. Raises QueryError, and MediaError for a file not here."""
    query: list[dict[str, Any]] = []
    files: dict[str, Path] = {}
    for one in given_parts(given, weights or {}, negative or {}):
        part = {"modality": one.modality.value, "weight": one.weight}
        if one.is_words:
            query.append({**part, "text": words(one.value)})
        else:
            name = str(len(query))
            more, files[name] = _file(one)
            query.append({**part, "file": name, **more})
    query += [{"id": item_id} for item_id in _ids(like)]
    query += [{"id": item_id, "weight": -1.0} for item_id in _ids(not_like)]
    return Parts(query, files)


def _file(one: GivenPart) -> tuple[dict[str, Any], Path]:
    """What is said of a file, and where it is. Its name may decide how it is read."""
    if not isinstance(one.value, str | Path):
        raise QueryError(
            f"{one.modality} that is decoded already cannot be sent to a server; give a path"
        )
    path, span = file_part(one.value)
    check_file(path)
    said: dict[str, Any] = {"name": sent_name(path)}
    if span:
        said |= {"start": span.start, "end": span.end}
    if row := of_row(row_beside(path, one.modality)):
        said["metadata"] = row
    return said, path


def _ids(like: int | Sequence[int] | None) -> Iterable[int]:
    return [like] if isinstance(like, int) else like or []
