"""The app: its routes, its guard, its page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from searchengine.server import openapi, problems
from searchengine.server.asking import Asking
from searchengine.server.guard import Guard
from searchengine.server.house import House, ServerSettings
from searchengine.server.routes import items, jobs, library, presence, previews, search
from searchengine.server.sessions import Sessions

WEB = Path(__file__).with_name("web")

#: Requests that are no searches and are answered side by side.
THREADS = 64


class Modules(StaticFiles):
    """The page's files; asked for anew each time, so that none is older than another."""

    def file_response(self, *given: Any, **named: Any) -> Response:
        response = super().file_response(*given, **named)
        response.headers["Cache-Control"] = "no-cache"
        return response


def create_app(settings: ServerSettings, when_loaded: Callable[[], None] = lambda: None) -> FastAPI:
    """One library, served. Models load in the background; ``/readyz`` says when, after
    ``when_loaded`` was called."""
    house = House(settings)
    left: set[asyncio.Task[None]] = set()

    def warm() -> None:
        try:
            house.warm()
            when_loaded()
        finally:
            app.state.ready.set()

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = THREADS
        threading.Thread(target=warm, daemon=True).start()
        yield
        if left:
            await asyncio.wait(left, timeout=settings.deadline_s)
        app.state.asking.close()
        house.close()

    app = FastAPI(title="searchengine", version="1", lifespan=living, docs_url=None, redoc_url=None)
    app.state.house, app.state.ready, app.state.sessions = house, threading.Event(), Sessions()
    app.state.asking = Asking(house)
    app.state.leaving = threading.Event()  # set when the server was told to stop
    problems.install(app)
    for room in (search, previews, items, library, jobs, presence):
        app.include_router(room.router)
    app.mount("/static", Modules(directory=WEB), name="static")

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(WEB / "index.html", headers={"Cache-Control": "no-cache"})

    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    app.add_middleware(Guard, house=house, sessions=app.state.sessions, left=left)
    return app
