"""A SQLAlchemy engine on a library's catalog."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import event

from searchengine.store.layout import CATALOG

#: How long a reader or the writer waits for SQLite's own short locks.
BUSY_TIMEOUT_MS = 30_000


def connect(library: Path) -> sqlalchemy.Engine:
    """SQLite in WAL mode, synced at every commit: what was committed survives a power cut."""
    url = sqlalchemy.URL.create("sqlite", database=str(library / CATALOG))
    engine = sqlalchemy.create_engine(url, pool_size=0)  # no limit: a reader a thread
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


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
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN")


class Readers:
    """One connection a thread for single statements, each of which sees the newest commit.

    Kept open, because taking one from the pool costs more than the statement.
    """

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._mine = threading.local()
        self._all: weakref.WeakSet[sqlalchemy.Connection] = weakref.WeakSet()

    def get(self) -> sqlalchemy.Connection:
        """This thread's connection. It goes back to the pool when the thread ends."""
        connection: sqlalchemy.Connection | None = getattr(self._mine, "connection", None)
        if connection is None or connection.closed:
            connection = self._mine.connection = self._engine.connect()
            self._all.add(connection)
        return connection

    def close(self) -> None:
        """Give back every connection; no thread may be reading."""
        for connection in list(self._all):
            connection.close()
