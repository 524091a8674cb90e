"""A library folder: the door to everything kept."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from searchengine.errors import StoreError
from searchengine.store import database
from searchengine.store.catalog import Catalog
from searchengine.store.jobs import Jobs
from searchengine.store.keys import Keys
from searchengine.store.schema import check_schema, revision
from searchengine.store.snapshot import Snapshot, open_snapshot
from searchengine.store.vectors.recipe import RECIPE, Recipe
from searchengine.store.writer import Writer
from searchengine.types import Collection


class Library:
    """Reads at any time, writes through one ``writer`` at a time. Threads may share it.

    ``database_url`` is the PostgreSQL that keeps the catalog; empty is SQLite in the folder, and
    None is what the environment says.
    ``scanned_on`` is a device of torch, such as ``cuda``, that holds all vectors and compares
    every one; None searches indexes on the processor.

    Raises StoreError when there is no library and ``create`` is False, the folder cannot be used,
    or its catalog is elsewhere; SchemaOutdated when another version made it; StoreCorrupt when
    its catalog is broken.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool = False,
        recipe: Recipe = RECIPE,
        scanned_on: str | None = None,
        database_url: str | None = None,
    ) -> None:
        self.path = path.resolve()
        self.recipe = recipe
        self._scanned_on = scanned_on
        self._snapshots: dict[int, Snapshot] = {}
        self._opening = threading.Lock()
        if not self.exists(self.path):
            if not create:
                raise StoreError(f"{path}: no library here; `searchengine index FOLDER` makes one")
            _make(self.path, database_url)
        self._database = database.find(self.path, database_url)
        self._engine = self._database.connect()
        self.catalog = Catalog(self._engine)
        self.keys = Keys(self._engine)
        self.jobs = Jobs(self._engine)
        try:
            if create and revision(self._engine) is None:  # its making was cut off
                _make(self.path, database_url)
            check_schema(self._database, self._engine)
        except DatabaseError as error:
            self.close()
            raise self._database.explain(error) from error
        except BaseException:
            self.close()
            raise

    @staticmethod
    def exists(path: Path) -> bool:
        """Whether there is a library in that folder."""
        return database.exists(path)

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._snapshots.clear()
        self.catalog.close()
        self._engine.dispose()

    def writer(self, *, check: bool = True) -> Writer:
        """Become the one writer; see ``Writer``."""
        return Writer(self._database, self._engine, recipe=self.recipe, check=check)

    def damage(self) -> list[str]:
        """What the catalog's database itself finds wrong with it."""
        with self._engine.connect() as connection:
            return self._database.damage(connection)

    def snapshot(self, collection: Collection) -> Snapshot:
        """The newest generation, kept open until a newer one is asked for."""
        with self._opening:
            pinned = self._snapshots.get(collection.id)
            newest = self.catalog.generation(collection)
            if pinned is None or pinned.generation != newest:
                pinned = open_snapshot(
                    self.path, self.catalog, collection, pinned, self.recipe, self._scanned_on
                )
                self._snapshots[collection.id] = pinned
            return pinned


def _make(path: Path, database_url: str | None) -> None:
    """Make a library's folder and tables."""
    from searchengine.store.migrate import upgrade  # Alembic is slow to load, and seldom needed

    upgrade(path, url=database_url)
