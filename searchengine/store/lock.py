"""One writer a library, by locks that die with its process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy
from filelock import FileLock, Timeout

from searchengine.errors import StoreError, StoreLocked
from searchengine.store.database import Database
from searchengine.store.layout import LOCK


class WriteLock:
    """Held from construction to ``release``. What goes through ``connection`` is safe from writers
    on other machines: when it breaks, the lock is lost, and the commit under way with it.

    Raises StoreLocked at once when another process, or another engine here, is writing, and
    StoreError when the folder cannot be written.
    """

    def __init__(self, database: Database, engine: sqlalchemy.Engine) -> None:
        with contextlib.ExitStack() as held:
            held.enter_context(lock_folder(database.library))
            self._connection = held.enter_context(claim(database, engine))
            self._held = held.pop_all()
        self._library = database.library

    @property
    def connection(self) -> sqlalchemy.Connection:
        """Raises StoreError once it has broken, for it would be made anew without the lock."""
        if self._connection.invalidated:
            raise StoreError(f"{self._library}: lost its catalog's server while writing; run again")
        return self._connection

    def release(self) -> None:
        self._held.close()


@contextlib.contextmanager
def lock_folder(library: Path) -> Iterator[None]:
    """Be the only one on this machine who writes to ``library``; raises as WriteLock does."""
    lock = FileLock(library / LOCK, thread_local=False)
    try:
        library.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise _locked(library) from error
    except OSError as error:
        raise StoreError(
            f"{library}: cannot be written ({error.strerror}); "
            "choose another folder with --library or change its permissions"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def claim(database: Database, engine: sqlalchemy.Engine) -> Iterator[sqlalchemy.Connection]:
    """The one connection, of all machines, that may write."""
    with engine.connect().execution_options(writes=True) as connection:
        if not database.claim(connection):
            raise _locked(database.library)
        try:
            yield connection
        finally:
            with contextlib.suppress(StoreError):  # one that broke holds nothing any more
                database.release(connection)


def _locked(library: Path) -> StoreLocked:
    return StoreLocked(
        f"{library}: another process is writing to this library; wait until it has finished"
    )
