"""An app at work on one request, while its client waits, and for as long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto

import anyio
from starlette.types import ASGIApp, Message, Scope, Send

from searchengine.server.limits import Body


class End(Enum):
    """How the wait for an answer ends."""

    ANSWERED = auto()
    LATE = auto()
    GONE = auto()


class Work:
    """A task of its own: a thread cannot be stopped, and a client shall not wait until it ends.

    It is the ``send`` of the app, of which nothing is passed on once the work was given up.
    ``done`` is called when the answer begins, or when nothing of the work goes on any more.
    """

    def __init__(self, send: Send, done: Callable[[], None]) -> None:
        self._send = send
        self._done = done
        self._scope = anyio.CancelScope()
        self._end: asyncio.Future[End] = asyncio.get_running_loop().create_future()

    def start(self, app: ASGIApp, scope: Scope, body: Body) -> asyncio.Task[None]:
        return asyncio.create_task(self._run(app, scope, body))

    async def awaited(self, body: Body, seconds: float) -> End:
        """Until the answer begins, or the work is over; at most ``seconds`` from when the body
        was there, and only while the client is. Otherwise the work is given up."""
        watch = asyncio.create_task(self._watch(body, seconds))
        try:
            end = await self._end
        finally:
            watch.cancel()
        if end is not End.ANSWERED:
            self.give_up()
        return end

    def give_up(self) -> None:
        """Stop what can be stopped."""
        self._scope.cancel()

    async def __call__(self, message: Message) -> None:
        self._say(End.ANSWERED)
        self._done()
        if self._end.result() is End.ANSWERED:
            await self._send(message)

    async def _run(self, app: ASGIApp, scope: Scope, body: Body) -> None:
        try:
            with self._scope:
                await app(scope, body, self)
        finally:
            self._done()
            self._say(End.ANSWERED)

    async def _watch(self, body: Body, seconds: float) -> None:
        await body.whole.wait()
        try:
            async with asyncio.timeout(seconds):
                await body.gone()
            self._say(End.GONE)
        except TimeoutError:
            self._say(End.LATE)

    def _say(self, end: End) -> None:
        if not self._end.done():
            self._end.set_result(end)
