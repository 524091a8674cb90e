"""``serve``: the library over HTTP, and a page."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

import typer

from searchengine.cli.render import say
from searchengine.cli.session import session_of
from searchengine.errors import ConfigError


def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port.")] = 8765,
    root: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="A folder that may be indexed from the page. Repeatable."),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST", help="A host name it answers to, which then needs keys. Repeatable."
        ),
    ] = None,
    worker: Annotated[
        bool,
        typer.Option(
            help="Do index jobs here; else `python -m indexer --worker` must run somewhere."
        ),
    ] = True,
    deadline_s: Annotated[
        float, typer.Option(min=1, help="How long an answer may take to begin, in seconds.")
    ] = 30.0,
    ssl_certfile: Annotated[Path | None, typer.Option(metavar="FILE", help="For https.")] = None,
    ssl_keyfile: Annotated[Path | None, typer.Option(metavar="FILE", help="For https.")] = None,
) -> None:
    """Serve the library on this machine: a page to search with, and an API for programs.

    Beyond the loopback address, and under any name, a key is needed: see `searchengine key
    create`.
    """
    from searchengine.server.app import create_app
    from searchengine.server.house import ServerSettings
    from searchengine.server.serving import serve as run
    from searchengine.server.serving import settle

    settings = session_of(ctx).settings
    alone = _is_loopback(host) and not name  # a name is for others, who come through a proxy
    app = create_app(
        ServerSettings(
            settings.library,
            settings.device,
            settings.encoder,
            roots=tuple(root or ()),
            keys_required=not alone,
            names=frozenset(one.lower() for one in name or ())
            | ({_shown(host)} if alone else set()),
            deadline_s=deadline_s,
            worker=worker,
        ),
        settle,
    )
    if not alone and not app.state.house.library.keys.all():
        raise ConfigError(
            f"{host if not name else name[0]} can be reached by others, so a key is needed: run "
            "`searchengine key create NAME` first, or serve on 127.0.0.1 without --name"
        )
    scheme = "https" if ssl_certfile else "http"
    say(f"searchengine at {scheme}://{_shown(host)}:{port}/  (stop with Ctrl-C)")
    run(app, host, port, ssl_certfile, ssl_keyfile)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(host: str) -> str:
    """As URLs have it."""
    return f"[{host}]" if ":" in host else host.lower()
