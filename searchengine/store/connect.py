"""Connections to a library's catalog, for those who read it."""

from __future__ import annotations

import threading
import weakref

import sqlalchemy

#: A transaction sees one commit. SQLite's do anyway.
_ONE_COMMIT = {"postgresql": "REPEATABLE READ"}


def snapshots(engine: sqlalchemy.Engine) -> sqlalchemy.Engine:
    """The same database, each of whose transactions sees one commit and nothing of a later one."""
    level = _ONE_COMMIT.get(engine.dialect.name)
    return engine.execution_options(isolation_level=level) if level else engine


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

    def close(self) -> None:
        """Give back every connection; no thread may be reading."""
        for connection in list(self._all):
            connection.close()
