"""What is asked of the database costs once what it costs, not once for every item."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.dialects import sqlite

from searchengine.query.filters import parse_filter
from searchengine.store import words
from searchengine.store.conditions import compile_condition
from searchengine.store.library import Library
from searchengine.store.tables import ItemRow
from tests.integration.store.shelf import open_library


def test_a_filter_reads_what_fits_once(tmp_path: Path) -> None:
    fits = compile_condition(parse_filter("year >= 1990 and not (tag = night or place ~ sea)"))
    question = select(ItemRow.id).where(ItemRow.collection_id == 1, fits)
    said = question.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with open_library(tmp_path) as library, library._engine.connect() as connection:
        plan = [str(row[-1]) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {said}"))]
    assert any("ix_fields_name" in step for step in plan), plan
    assert not any("CORRELATED" in step for step in plan), plan


def test_postgresql_counts_the_passages_of_a_word_once(
    tmp_path: Path, postgresql_server: str
) -> None:
    given = {"words": "dog night", "collection": 1, "count": 10}
    asked = text(f"EXPLAIN {words._TSVECTOR.text}")
    with (
        Library(tmp_path, create=True, database_url=postgresql_server) as library,
        library._engine.connect() as connection,
    ):
        plan = "\n".join(connection.execute(asked, given).scalars())
    assert all(f"CTE {step}" in plan for step in ("total", "counted", "weighed", "said")), plan
