"""Where a library's catalog is: SQLite in its folder, or PostgreSQL. Few places need to know."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import sqlalchemy
from sqlalchemy.exc import DatabaseError

from searchengine.config import database_url
from searchengine.errors import StoreError
from searchengine.store.layout import CATALOG, SCHEMA
from searchengine.store.postgresql import VARIABLE, PostgreSQL
from searchengine.store.sqlite import SQLite


class Database(Protocol):
    """What SQLite and PostgreSQL do differently."""

    library: Path

    def connect(self) -> sqlalchemy.Engine: ...

    def make(self, connection: sqlalchemy.Connection) -> None:
        """Make what the tables of a new library lie in, in the transaction that makes them."""

    def check(self, connection: sqlalchemy.Connection) -> None:
        """Raise StoreError unless the catalog of this very library is here."""

    def settle(self, connection: sqlalchemy.Connection) -> None:
        """Make the tables, which were just changed, mean the same as everywhere."""

    def name(self) -> None:
        """Let the folder say where its catalog is, now that it is there."""

    def claim(self, connection: sqlalchemy.Connection) -> bool:
        """Whether ``connection`` is the only one that may write, among all machines."""

    def release(self, connection: sqlalchemy.Connection) -> None: ...

    def damage(self, connection: sqlalchemy.Connection) -> list[str]:
        """What the database itself finds wrong with the catalog."""

    def explain(self, error: DatabaseError) -> StoreError: ...


def exists(library: Path) -> bool:
    """Whether there is a library in that folder."""
    return (library / CATALOG).exists() or (library / SCHEMA).exists()


def find(library: Path, url: str | None = None) -> Database:
    """The catalog of a library that is there, or would be made.

    ``url`` is the address of PostgreSQL; empty is SQLite, None is what the environment says.
    Raises StoreError when the library was made with the other one.
    """
    url = database_url() if url is None else url
    if url and (library / CATALOG).exists():
        raise StoreError(
            f"{library}: its catalog is SQLite, in the folder; unset {VARIABLE} to use it, "
            "or index into another folder (--library) to keep it in PostgreSQL"
        )
    if not url and (library / SCHEMA).exists():
        raise StoreError(
            f"{library}: its catalog is in PostgreSQL; "
            f"set {VARIABLE} to the database that it was made with"
        )
    return PostgreSQL(library, url) if url else SQLite(library)
