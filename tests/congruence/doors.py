"""Three doors to a library: an Engine, a Client and an AsyncClient of a real server."""

from __future__ import annotations

import functools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from anyio.from_thread import BlockingPortal, start_blocking_portal

from searchengine import AsyncClient, Client, Engine
from searchengine.server.app import create_app
from searchengine.server.house import ServerSettings

DOORS = ("Engine", "Client", "AsyncClient")


class Awaited:
    """An AsyncClient whose methods are awaited in a loop of its own."""

    def __init__(self, client: AsyncClient, portal: BlockingPortal) -> None:
        self._client, self._portal = client, portal

    def batch(self, queries: Any, **how: Any) -> list[Any]:
        async def gathered() -> list[Any]:
            return [answer async for answer in self._client.batch(queries, **how)]

        found: list[Any] = self._portal.call(gathered)
        return found

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        return lambda *args, **how: self._portal.call(functools.partial(method, *args, **how))


@contextmanager
def served(library: Path, **settings: Any) -> Iterator[str]:
    """The address of a server that is ready."""
    app = create_app(ServerSettings(library, **settings))
    config = uvicorn.Config(app, log_level="critical", access_log=False, ws="none")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            while not (server.started and app.state.ready.is_set()):
                assert thread.is_alive()
                time.sleep(0.01)
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def opened(door: str, library: Path, url: str, collection: str = "default") -> Iterator[Any]:
    with ExitStack() as stack:
        if door == "Engine":
            engine = Engine(library, encoder="starter", collection=collection)
            yield stack.enter_context(engine)
        elif door == "Client":
            yield stack.enter_context(Client(url, collection=collection))
        else:
            portal = stack.enter_context(start_blocking_portal())
            client = AsyncClient(url, collection=collection)
            stack.callback(portal.call, client.close)
            yield Awaited(client, portal)
