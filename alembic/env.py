"""Runs migrations on the connection that ``searchengine.store.migrate`` hands over."""

from __future__ import annotations

from alembic import context
from searchengine.store.tables import Base


def ours(_object: object, name: str | None, *_: object) -> bool:
    """Not what SQLite and PostgreSQL keep for their full text."""
    return not str(name).startswith(("passages_index", "index_"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    include_object=ours,
)
with context.begin_transaction():
    context.run_migrations()
