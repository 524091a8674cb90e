"""SQLite as the catalog: a file in the library folder."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError

from searchengine.errors import StoreCorrupt, StoreError
from searchengine.store.layout import CATALOG

#: How long a reader or the writer waits for SQLite's own short locks.
BUSY_TIMEOUT_MS = 30_000


class SQLite:
    """The catalog of ``library`` in WAL mode, synced at every commit: what was committed survives
    a power cut."""

    def __init__(self, library: Path) -> None:
        self.library = library

    def connect(self) -> sqlalchemy.Engine:
        url = sqlalchemy.URL.create("sqlite", database=str(self.library / CATALOG))
        engine = sqlalchemy.create_engine(url, pool_size=0)  # no limit: a reader a thread
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
        return engine

    def make(self, connection: sqlalchemy.Connection) -> None:
        """Nothing: connecting has made the file."""

    def check(self, connection: sqlalchemy.Connection) -> None:
        """Nothing: it is what is in the folder."""

    def settle(self, connection: sqlalchemy.Connection) -> None:
        """Nothing: texts sort by code point."""

    def name(self) -> None:
        """Nothing: the file in the folder says it."""

    def claim(self, connection: sqlalchemy.Connection) -> bool:
        """True: only the machine that holds the folder can write, and its lock file sees to it."""
        return True

    def release(self, connection: sqlalchemy.Connection) -> None:
        """Nothing, as nothing was claimed."""

    def damage(self, connection: sqlalchemy.Connection) -> list[str]:
        """What SQLite itself finds wrong with the catalog."""
        found = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        return [line for line in found if line != "ok"]

    def explain(self, error: DatabaseError) -> StoreError:
        code = getattr(error.orig, "sqlite_errorcode", None)
        place = self.library / CATALOG
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return StoreCorrupt(str(place), f"{error.orig}; restore it from a backup")
        return StoreError(f"{place}: {error.orig}; check the folder's permissions")


def _configure(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: DDL is then transactional
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sqlalchemy.Connection) -> None:
    """One that ``writes`` takes SQLite's lock at once: it would be refused, not made to wait, if
    it had read before and another process wrote in between, such as a worker its heartbeat."""
    options = connection.get_execution_options()
    if options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")
