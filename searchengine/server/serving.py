"""The app on a socket: uvicorn, with clients that dawdle and a farewell that waits."""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI
from threadpoolctl import ThreadpoolController
from uvicorn.protocols.http.h11_impl import H11Protocol

#: How long a client may take from its first byte to the end of its headers.
HEADERS_S = 10.0

#: How long a connection is kept for the next request; longer than clients keep theirs (httpx:
#: 5 s), or these would be closed in the moment they are used.
KEEP_S = 30

#: What an answer under way may take, beyond its deadline, once the server is told to stop.
STOPPING_S = 5


#: How long a thread may keep the interpreter's lock when the event loop wants it, too, which it
#: does a few times a request; Python's usual 5 ms each time are what clients would wait for.
SWITCH_S = 0.0005


class Protocol(H11Protocol):
    """Hangs up on a connection that has begun no request; uvicorn would keep it for ever."""

    _hanging_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_asking():
            self._stop_waiting()
        elif self._hanging_up is None:
            self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_asking(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _await_headers(self) -> None:
        self._hanging_up = self.loop.call_later(HEADERS_S, self._hang_up)

    def _stop_waiting(self) -> None:
        if self._hanging_up:
            self._hanging_up.cancel()
            self._hanging_up = None

    def _hang_up(self) -> None:
        self._hanging_up = None
        if not self._is_asking():
            self.transport.close()


class Server(uvicorn.Server):
    """Tells the app of the first signal to stop, so that streams end and the rest is finished."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = app.state.leaving

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._leaving.set()
        super().handle_exit(sig, frame)


def settle() -> None:
    """To be called once models are loaded: what is there stays, so the collector need not look at
    it again, for which all threads would stop (0.12 s). Products of a search are too small to be
    shared out, and threads that wait for their part burn the time of others."""
    gc.collect()
    gc.freeze()
    ThreadpoolController().select(user_api="blas").limit(limits=1)


def serve(
    app: FastAPI,
    host: str,
    port: int,
    ssl_certfile: Path | None = None,
    ssl_keyfile: Path | None = None,
) -> None:
    """Until SIGINT or SIGTERM; what was being answered then is finished first."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Protocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        ssl_certfile=ssl_certfile,
        ssl_keyfile=ssl_keyfile,
        timeout_keep_alive=KEEP_S,
        timeout_graceful_shutdown=round(app.state.house.settings.deadline_s) + STOPPING_S,
    )
    sys.setswitchinterval(SWITCH_S)
    Server(app, config).run()
