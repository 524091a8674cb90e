"""Bringing a catalog's tables from one revision to another, by Alembic.

Migrations come inside the wheel as ``searchengine/store/migrations``; a checkout uses its own
``alembic/`` folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.config import Config
from sqlalchemy import Connection

from alembic import command
from searchengine.store.database import Database, find
from searchengine.store.lock import claim, lock_folder
from searchengine.store.schema import refuse_newer, revision_at, scripts


def upgrade(library: Path, to: str = "head", *, url: str | None = None) -> None:
    """Bring a library's catalog to the revision ``to``, making the folder if need be.

    Raises StoreLocked while another process writes to it, and SchemaOutdated when a newer
    version of this program made it.
    """
    with lock_folder(library):
        database = find(library, url)
        engine = database.connect()
        try:
            with claim(database, engine) as connection, connection.begin():
                _run(database, connection, to)
            database.name()
        finally:
            engine.dispose()


def _run(database: Database, connection: Connection, to: str) -> None:
    database.make(connection)
    database.check(connection)
    refuse_newer(database.library, revision_at(connection))
    command.upgrade(_config(connection=connection), to)
    database.settle(connection)


def _config(**attributes: Any) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes.update(attributes)
    return config
