"""A real server on a free port, for browsers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from indexer.worker import Worker
from searchengine.encoders import registry
from searchengine.server.app import create_app
from searchengine.server.house import ServerSettings
from searchengine.store.library import Library


@contextmanager
def served(library: Path, **settings: Any) -> Iterator[str]:
    """The address of a server that is ready; index jobs are left to whoever takes them."""
    app = create_app(ServerSettings(library, worker=False, **settings))
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=2, access_log=False)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        assert app.state.ready.wait(120)
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        bound.close()


@contextmanager
def worked(library: Path) -> Iterator[None]:
    """Somebody does the index jobs of a library meanwhile."""
    with Library(library) as opened:
        worker = Worker(opened, load=registry.load)
        thread = threading.Thread(target=worker.work)
        thread.start()
        try:
            yield
        finally:
            worker.stop()
            thread.join()
