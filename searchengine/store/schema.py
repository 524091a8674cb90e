"""The revision of a catalog's tables, and whether it is ours; nothing here changes them.

Every library that is opened is asked, so that Alembic, which is slow to load, is left to
``migrate``, which needs it.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection, Engine, column, select, table

from searchengine.errors import SchemaOutdated, StoreError
from searchengine.store.database import Database, exists, find

#: Where Alembic keeps the revision (its tutorial, "Running our First Migration").
_VERSION = table("alembic_version", column("version_num"))


def scripts() -> Path:
    """The folder of the migrations: inside the wheel, or a checkout's own."""
    installed = Path(__file__).with_name("migrations")
    return installed if installed.exists() else Path(__file__).parents[2] / "alembic"


def revisions() -> list[str]:
    """All there are, the oldest first: the names of their files begin with them."""
    found = sorted(path.name[:4] for path in (scripts() / "versions").glob("[0-9]*.py"))
    if not found:
        raise StoreError(f"no migrations in {scripts()}; install searchengine again")
    return found


def head() -> str:
    """The revision this program works with."""
    return revisions()[-1]


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
        return revision_at(connection)


def revision_at(connection: Connection) -> str | None:
    """The same, over a connection."""
    if not sqlalchemy.inspect(connection).has_table(_VERSION.name):
        return None
    found = connection.execute(select(_VERSION.c.version_num)).scalar()
    return None if found is None else str(found)


def check_schema(database: Database, engine: Engine) -> None:
    """Raise SchemaOutdated unless the catalog is at exactly our revision, and StoreError when it
    is not this library's."""
    with engine.connect() as connection:
        database.check(connection)
        found = revision_at(connection)
    if found == head():
        return
    refuse_newer(database.library, found)
    raise SchemaOutdated(
        f"{database.library}: made by an older version of searchengine; "
        "run `searchengine db upgrade`"
    )


def refuse_newer(library: Path, found: str | None) -> None:
    """Raise SchemaOutdated for a revision that only a newer version of this program knows."""
    if found is not None and found not in revisions():
        raise SchemaOutdated(
            f"{library}: made by a newer version of searchengine (schema {found}); "
            "update searchengine to read it"
        )
