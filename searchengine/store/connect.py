"""Connections to a library's catalog, for those who read it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import weakref
from collections.abc import Mapping
from typing import Any

import sqlalchemy
from sqlalchemy import Executable
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from searchengine.errors import StoreError

#: A transaction sees one commit. SQLite's do anyway.
_ONE_COMMIT = {"postgresql": "REPEATABLE READ"}


def snapshots(engine: sqlalchemy.Engine) -> sqlalchemy.Engine:
    """The same database, each of whose transactions sees one commit and nothing of a later one."""
    level = _ONE_COMMIT.get(engine.dialect.name)
    return engine.execution_options(isolation_level=level) if level else engine


class Prepared:
    """A statement put into SQLite's own words once: SQLAlchemy takes five times as long over a page
    of hits as the database. Values must need no conversion."""

    def __init__(self, statement: sqlalchemy.Select[*tuple[Any, ...]]) -> None:
        self.statement = statement
        made = statement.compile(dialect=sqlite.dialect())
        self._sql, self._names = str(made), made.positiontup or []

    def rows(self, connection: Any, values: Mapping[str, Any]) -> list[Any]:
        """Asked of the driver itself."""
        return list(connection.execute(self._sql, [values[name] for name in self._names]))


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
        if connection is None or connection.closed or connection.invalidated:
            connection = self._mine.connection = self._engine.connect()
            self._all.add(connection)
        return connection

    def rows(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Any]:
        """What it gives, as tuples. What SQLite refuses is asked again through SQLAlchemy, which
        raises its own errors; PostgreSQL, which takes longer itself, is always asked through it."""
        connection = self.get()
        if connection.dialect.name == "sqlite":
            with contextlib.suppress(sqlite3.Error):
                return prepared.rows(connection.connection, values)
        return self.execute(prepared.statement, values)

    def execute(self, statement: Executable, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Its rows. One whose connection broke meanwhile is asked again, on a new one."""
        connection = self.get()
        try:
            return list(connection.execute(statement, values))
        except (DBAPIError, StoreError):
            if not connection.invalidated:
                raise
            return list(self.get().execute(statement, values))

    def close(self) -> None:
        """Give back every connection; no thread may be reading."""
        for connection in list(self._all):
            connection.close()
