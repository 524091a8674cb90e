"""The catalog's schema: which revision it is at, and how it gets to ours.

Migrations come inside the wheel as ``searchengine/store/migrations``; a checkout uses its own
``alembic/`` folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from alembic import command
from searchengine.errors import SchemaOutdated, StoreError
from searchengine.store.database import Database, exists, find
from searchengine.store.lock import claim, lock_folder


def head() -> str:
    """The revision this program works with."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise StoreError(f"no migrations in {_scripts()}; install searchengine again")
    return revision


def current(library: Path) -> str | None:
    """The revision of a library's catalog; None when it has no tables yet."""
    if not exists(library):
        return None
    database = find(library)
    engine = database.connect()
    try:
        with engine.connect() as connection:
            database.check(connection)
        return revision(engine)
    finally:
        engine.dispose()


def revision(engine: Engine) -> str | None:
    """The revision of the tables there; None when there are none."""
    with engine.connect() as connection:
        return _revision(connection)


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
    _refuse_newer(database.library, _revision(connection))
    command.upgrade(_config(connection=connection), to)
    database.settle(connection)


def check_schema(database: Database, engine: Engine) -> None:
    """Raise SchemaOutdated unless the catalog is at exactly our revision, and StoreError when it
    is not this library's."""
    with engine.connect() as connection:
        database.check(connection)
        found = _revision(connection)
    if found == head():
        return
    _refuse_newer(database.library, found)
    raise SchemaOutdated(
        f"{database.library}: made by an older version of searchengine; "
        "run `searchengine db upgrade`"
    )


def _refuse_newer(library: Path, found: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is not None and found not in known:
        raise SchemaOutdated(
            f"{library}: made by a newer version of searchengine (schema {found}); "
            "update searchengine to read it"
        )


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(**attributes: Any) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes.update(attributes)
    return config


def _scripts() -> Path:
    installed = Path(__file__).with_name("migrations")
    return installed if installed.exists() else Path(__file__).parents[2] / "alembic"
