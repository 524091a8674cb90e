"""PostgreSQL as the catalog: a schema of a database, which the library folder names.

One database may hold the schemas of many libraries. The folder's file ``catalog.postgresql``
says which is its own; the address of the server is never written down, for it holds a password.
"""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import BinaryIO

import sqlalchemy
from sqlalchemy import event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, DatabaseError

from searchengine.errors import ConfigError, StoreCorrupt, StoreError
from searchengine.store.layout import SCHEMA, write_file

VARIABLE = "SEARCHENGINE_DATABASE_URL"

#: The oldest whose SQL functions know what they name (``RETURN``, in migration 0002).
OLDEST = 14

#: Of a server that is asked for a connection.
CONNECT_TIMEOUT_S = 10

#: How long a writer that was just killed may still be known to the server.
CLAIM_TIMEOUT_MS = 500

#: What each connection asks of the server. A machine that vanished is noticed within 25 s, so that
#: its lock is free; compiling costs more than any query here.
ASKED = (
    "tcp_keepalives_idle=10",
    "tcp_keepalives_interval=5",
    "tcp_keepalives_count=3",
    "jit=off",
)

#: Errors that are neither ours nor the user's query: no permission, a read-only server, values
#: that cannot be kept (postgresql.org/docs/current/errcodes-appendix.html).
_REFUSED = ("42501", "25006", "22")

_NAME = re.compile(r"searchengine_[0-9a-f]{32}")

_ABOUT = text(
    "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding')"
)

#: One ALTER TABLE for each table with texts that sort as the server's language has it.
_SORT = text(
    "SELECT format('ALTER TABLE %I ', relname) || string_agg(format('ALTER %I TYPE %s COLLATE "
    "\"C\"', attname, format_type(atttypid, atttypmod)), ', ') "
    "FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
    "WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND attnum > 0 "
    "AND NOT attisdropped AND attcollation = 'pg_catalog.\"default\"'::regcollation "
    "GROUP BY relname"
)


class PostgreSQL:
    """The catalog of ``library`` in a schema of the database at ``url``.

    Raises ConfigError for an address that is none, or without psycopg; StoreCorrupt when the
    folder's file is damaged.
    """

    def __init__(self, library: Path, url: str) -> None:
        self.library = library
        self._url = _address(url)
        self._named = (library / SCHEMA).exists()
        self.schema = _read(library / SCHEMA) if self._named else f"searchengine_{uuid.uuid4().hex}"
        self._key = f"hashtextextended('{self.schema}', 0)"

    def connect(self) -> sqlalchemy.Engine:
        options = " ".join(f"-c {setting}" for setting in (f"search_path={self.schema}", *ASKED))
        given = self._url.query.get("options")
        arguments = {
            "options": f"{given} {options}" if isinstance(given, str) else options,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "searchengine",
        }
        url = self._url.difference_update_query(["options"])
        engine = sqlalchemy.create_engine(
            url, pool_size=0, pool_pre_ping=True, connect_args=arguments
        )
        event.listen(engine, "handle_error", self._explain)
        return engine

    def make(self, connection: sqlalchemy.Connection) -> None:
        """Make the schema of a new library."""
        if not self._named:
            connection.exec_driver_sql(f"CREATE SCHEMA {self.schema}")

    def check(self, connection: sqlalchemy.Connection) -> None:
        """Raise StoreError when the library's schema is not here, or the server is too old."""
        version, encoding = connection.execute(_ABOUT).one()
        if version < OLDEST:
            raise StoreError(f"{self}: PostgreSQL {version} is too old; {OLDEST} or later works")
        if encoding != "UTF8":
            raise StoreError(f"{self}: its encoding is {encoding}; create one with ENCODING 'UTF8'")
        there = text("SELECT 1 FROM pg_namespace WHERE nspname = :name")
        if not connection.scalar(there, {"name": self.schema}):
            raise StoreError(
                f"{self.library}: its catalog, schema {self.schema}, is not in {self}; "
                f"set {VARIABLE} to the database that the library was made with, or restore it"
            )

    def settle(self, connection: sqlalchemy.Connection) -> None:
        """Make every text sort by code point, whatever the server's language: so filters, globs
        and ranges mean the same as everywhere."""
        for statement in connection.scalars(_SORT).all():
            connection.exec_driver_sql(statement)

    def name(self) -> None:
        """Write down whose schema it is, once it is whole."""
        if not self._named:
            write_file(self.library, SCHEMA, self._write)
            self._named = True

    def _write(self, file: BinaryIO) -> None:
        file.write(f"{self.schema}\n".encode())

    def claim(self, connection: sqlalchemy.Connection) -> bool:
        """Become the one writer among all machines, as long as ``connection`` lasts: who writes
        through it cannot have lost the claim."""
        with connection.begin():
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {CLAIM_TIMEOUT_MS}")
            try:
                connection.exec_driver_sql(f"SELECT pg_advisory_lock({self._key})")
            except _Claimed:
                return False
        return True

    def release(self, connection: sqlalchemy.Connection) -> None:
        with connection.begin():
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({self._key})")

    def damage(self, connection: sqlalchemy.Connection) -> list[str]:
        """Nothing: PostgreSQL has checksums and tools of its own."""
        return []

    def explain(self, error: DatabaseError) -> StoreError:
        return StoreError(f"{self}: {_one_line(error.orig)}")

    def __str__(self) -> str:
        return f"PostgreSQL at {self._url.host or 'its local socket'}/{self._url.database or ''}"

    def _explain(self, context: ExceptionContext) -> None:
        """What no code here can help is one clear error, wherever it happens."""
        import psycopg

        error = context.original_exception
        if isinstance(error, psycopg.errors.LockNotAvailable):
            raise _Claimed from error
        code = getattr(error, "sqlstate", None) or ""
        if isinstance(error, psycopg.OperationalError) or code.startswith(_REFUSED):
            raise StoreError(f"{self}: {_one_line(error)}; check the server and {VARIABLE}") from (
                error
            )


class _Claimed(Exception):
    """The lock is another connection's."""


def _address(url: str) -> sqlalchemy.URL:
    try:
        parsed = sqlalchemy.make_url(url)
    except ArgumentError:
        raise ConfigError(f"{VARIABLE} is no address; {_EXAMPLE}") from None
    if parsed.drivername.split("+")[0] not in ("postgresql", "postgres"):
        raise ConfigError(f"{VARIABLE} names {parsed.drivername!r}, not PostgreSQL; {_EXAMPLE}")
    try:
        import psycopg  # noqa: F401 - an extra, so it may not be there
    except ImportError as error:
        raise ConfigError(
            f"PostgreSQL needs psycopg ({error}); pip install 'searchengine[postgres]'"
        ) from error
    return parsed.set(drivername="postgresql+psycopg")


_EXAMPLE = "such as postgresql://user:password@host/database; without it, SQLite is used"


def _read(path: Path) -> str:
    schema = path.read_text("utf-8", "replace").strip()
    if not _NAME.fullmatch(schema):
        raise StoreCorrupt(str(path), "does not name a schema; restore it from a backup")
    return schema


def _one_line(error: object) -> str:
    return " ".join(str(error).split())
