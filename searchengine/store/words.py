"""Words as words: passages of texts, names of files and what metadata says, by full text.

Porter's stems, ranked by BM25 with k1 = 1.2 and b = 0.75, as SQLite's FTS5 does it
(sqlite.org/fts5.html#the_bm25_function). PostgreSQL's own ranks know nothing of how rare a word
is, so there the same formula is said in SQL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any
from unicodedata import normalize

import sqlalchemy
from sqlalchemy import text

from searchengine.store.conditions import storable
from searchengine.types import Collection, Modality

#: Of one item, so that a file of words about a file is not a book.
MAX_ABOUT = 4_000

#: Words of a query that are looked for; more say nothing new.
MAX_WORDS = 64

_WORD = re.compile(r"[^\W_]+", re.UNICODE)

_FTS5 = text(
    "SELECT segments.modality, segments.id FROM passages_index "
    "JOIN segments ON segments.id = passages_index.rowid "
    "JOIN items ON items.id = segments.item_id "
    "WHERE passages_index MATCH :words AND items.collection_id = :collection "
    "ORDER BY bm25(passages_index), segments.id LIMIT :count"
)

#: Each step is kept (MATERIALIZED), or PostgreSQL counts a word's passages again for every passage.
_TSVECTOR = text(
    "WITH wanted AS (SELECT lexeme, quote_literal(lexeme)::tsquery AS query "
    "FROM unnest(to_tsvector('passages_words', passages_plain(:words)))), "
    "total AS MATERIALIZED "
    "(SELECT count(*) AS passages, avg(index_length) AS length FROM passages), "
    "counted AS MATERIALIZED (SELECT lexeme, query, "
    "(SELECT count(*) FROM passages WHERE index_words @@ query) AS found FROM wanted), "
    "weighed AS MATERIALIZED (SELECT lexeme, query, "
    "greatest(ln((passages - found + 0.5) / (found + 0.5)), 1e-6)::float8 AS idf, "
    "length::float8 FROM counted, total WHERE found > 0), "
    "said AS MATERIALIZED (SELECT segment_id, idf, index_length / length AS longer, "
    "cardinality((SELECT positions FROM unnest(index_words) AS one "
    "WHERE one.lexeme = weighed.lexeme))::float8 AS often "
    "FROM weighed JOIN passages ON index_words @@ query) "
    "SELECT segments.modality, segments.id FROM said "
    "JOIN segments ON segments.id = said.segment_id JOIN items ON items.id = segments.item_id "
    "WHERE items.collection_id = :collection GROUP BY segments.id, segments.modality "
    "ORDER BY sum(idf * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * longer))) DESC, segments.id "
    "LIMIT :count"
)


def about(path: str, metadata: Mapping[str, Any]) -> str:
    """What is said of an item: its name, and every text in its metadata."""
    name = PurePath(path).stem.replace("_", " ").replace("-", " ")
    said = dict.fromkeys([name, *_texts(metadata)])  # a tag may be said twice
    return _clean("\n".join(said)[:MAX_ABOUT])


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
            about_it = said if ordinal == 0 else ""
            yield {"segment_id": segment_id, "passage": _clean(passage or ""), "about": about_it}


def find_words(
    connection: sqlalchemy.Connection, collection: Collection, words: str, count: int
) -> list[tuple[Modality, int]]:
    """Segments with any of the words, best first, at most ``count``, with their modality."""
    tokens = dict.fromkeys(_WORD.findall(normalize("NFC", words)))
    wanted = list(tokens)[:MAX_WORDS]
    if not wanted:
        return []
    if connection.dialect.name == "sqlite":
        find, said = _FTS5, " OR ".join(f'"{token}"' for token in wanted)
    else:
        find, said = _TSVECTOR, " ".join(wanted)
    given = {"words": said, "collection": collection.id, "count": count}
    return [(Modality(modality), segment) for modality, segment in connection.execute(find, given)]


def _clean(said: str) -> str:
    """Without half a character, which no database keeps."""
    return storable(said.encode("utf-8", "replace").decode())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
