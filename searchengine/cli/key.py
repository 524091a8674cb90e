"""``key``: who may use a server that others can reach."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from searchengine.cli.render import print_table, say, tell
from searchengine.cli.session import Session, session_of

if TYPE_CHECKING:
    from searchengine.store.library import Library

app = typer.Typer(help="Keys for a server that others can reach.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose it is.")]


@app.command()
def create(
    ctx: typer.Context,
    name: Name,
    write: Annotated[
        bool, typer.Option("--write", metavar="", help="It may change things.")
    ] = False,
) -> None:
    """Make a key and print it, this once."""
    from searchengine.store.keys import Scope

    with _library(session_of(ctx)) as library:
        tell(library.keys.create(name, Scope.WRITE if write else Scope.READ))
    say("keep it: only its digest is stored")


@app.command("list")
def list_keys(ctx: typer.Context) -> None:
    """Show whose keys there are."""
    with _library(session_of(ctx)) as library:
        keys = library.keys.all()
    rows = [
        (key.name, key.scope.value, time.strftime("%Y-%m-%d", time.localtime(key.created_at)))
        for key in keys
    ]
    print_table(("name", "may", "made"), rows)


@app.command()
def revoke(ctx: typer.Context, name: Name) -> None:
    """Make a key worthless; pages it opened live until the server ends."""
    with _library(session_of(ctx)) as library:
        library.keys.revoke(name)
    say(f"{name} is out")


def _library(session: Session) -> Library:
    from searchengine.store.library import Library

    return Library(session.settings.library, create=True)
