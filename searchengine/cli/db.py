"""``db``: the schema of a library, for the people who update it."""

from __future__ import annotations

import typer

from searchengine.cli.render import tell
from searchengine.cli.session import session_of
from searchengine.errors import SchemaOutdated

app = typer.Typer(help="Bring a library up to this version.", no_args_is_help=True)


@app.command()
def upgrade(ctx: typer.Context) -> None:
    """Bring the library's catalog to the schema of this version."""
    from searchengine.store import migrate, schema

    library = session_of(ctx).settings.library
    before = schema.current(library)
    migrate.upgrade(library)
    after = schema.current(library)
    tell(f"at {after}" if before == after else f"from {before or 'nothing'} to {after}")


@app.command()
def current(ctx: typer.Context) -> None:
    """Print the schema revision of the library."""
    from searchengine.store import schema

    tell(schema.current(session_of(ctx).settings.library) or "none")


@app.command()
def check(ctx: typer.Context) -> None:
    """Exit 5 unless the library is at the schema of this version."""
    from searchengine.store import schema

    library = session_of(ctx).settings.library
    found, wanted = schema.current(library), schema.head()
    if found != wanted:
        raise SchemaOutdated(
            f"{library}: at {found or 'no'} schema, this version works with {wanted}; "
            "run `searchengine db upgrade`"
        )
    tell(f"at {found}")
