"""Words as words: passages of texts, names of files and what metadata says, by full text.

SQLite's FTS5 with Porter stems (docs: sqlite.org/fts5.html); ranks are BM25.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import sqlalchemy
from sqlalchemy import text

from searchengine.types import Collection, Modality

#: Of one item, so that a file of words about a file is not a book.
MAX_ABOUT = 4_000

#: Words of a query that are looked for; more say nothing new.
MAX_WORDS = 64

_WORD = re.compile(r"\w+", re.UNICODE)

_FIND = text(
    "SELECT segments.modality, segments.id FROM passages_index "
    "JOIN segments ON segments.id = passages_index.rowid "
    "JOIN items ON items.id = segments.item_id "
    "WHERE passages_index MATCH :words AND items.collection_id = :collection "
    "ORDER BY bm25(passages_index), segments.id LIMIT :count"
)


def about(path: str, metadata: Mapping[str, Any]) -> str:
    """What is said of an item: its name, and every text in its metadata."""
    name = PurePath(path).stem.replace("_", " ").replace("-", " ")
    said = dict.fromkeys([name, *_texts(metadata)])  # a tag may be said twice
    return "\n".join(said)[:MAX_ABOUT].encode("utf-8", "replace").decode()


def passage_rows(
    path: str,
    metadata: Mapping[str, Any],
    row: str,
    segment_ids: Sequence[int],
    passages: Sequence[str | None],
) -> Iterator[dict[str, Any]]:
    """One for each passage of a text, and one that also holds what is said of the item."""
    said = about(path, {**metadata, **json.loads(row)})
    for ordinal, (segment_id, passage) in enumerate(zip(segment_ids, passages, strict=True)):
        if ordinal == 0 or passage:
            clean = (passage or "").encode("utf-8", "replace").decode()
            about_it = said if ordinal == 0 else ""
            yield {"segment_id": segment_id, "passage": clean, "about": about_it}


def find_words(
    connection: sqlalchemy.Connection, collection: Collection, words: str, count: int
) -> list[tuple[Modality, int]]:
    """Segments with any of the words, best first, at most ``count``, with their modality."""
    tokens = _WORD.findall(words)[:MAX_WORDS]
    if not tokens:
        return []
    wanted = " OR ".join(f'"{token}"' for token in dict.fromkeys(tokens))
    given = {"words": wanted, "collection": collection.id, "count": count}
    return [(Modality(modality), segment) for modality, segment in connection.execute(_FIND, given)]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
