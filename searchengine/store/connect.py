"""Connections to a library's catalog, for those who read it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from typing import Any

import sqlalchemy

#: A transaction sees one commit. SQLite's do anyway.
_ONE_COMMIT = {"postgresql": "REPEATABLE READ"}


def snapshots(engine: sqlalchemy.Engine) -> sqlalchemy.Engine:
    """The same database, each of whose transactions sees one commit and nothing of a later one."""
    level = _ONE_COMMIT.get(engine.dialect.name)
    return engine.execution_options(isolation_level=level) if level else engine


class Prepared:
    """A statement in the words of a database's driver, put into them once: SQLAlchemy takes five
    times as long over a page of hits as the database. Values must need no conversion."""

    def __init__(self, statement: sqlalchemy.Select[*tuple[Any, ...]]) -> None:
        self.statement = statement
        self._worded: dict[str, tuple[str, list[str] | None]] = {}

    def worded(self, dialect: sqlalchemy.Dialect) -> tuple[str, list[str] | None]:
        """The SQL, and the names of its values in order, or None where it names them itself."""
        if dialect.name not in self._worded:
            made = self.statement.compile(dialect=dialect)
            self._worded[dialect.name] = str(made), getattr(made, "positiontup", None)
        return self._worded[dialect.name]


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
        """What it gives, as tuples. What the driver refuses is asked again through SQLAlchemy,
        which raises its own errors and parts with a connection that broke."""
        connection = self.get()
        sql, names = prepared.worded(connection.dialect)
        try:
            cursor = connection.connection.cursor()
            cursor.execute(sql, dict(values) if names is None else [values[n] for n in names])
            return list(cursor.fetchall())
        except connection.dialect.loaded_dbapi.Error:
            return list(connection.execute(prepared.statement, values).all())

    def close(self) -> None:
        """Give back every connection; no thread may be reading."""
        for connection in list(self._all):
            connection.close()
