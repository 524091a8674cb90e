"""How much, how fast, how long and how many at once."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import anyio
from starlette.datastructures import Headers
from starlette.types import Message, Receive

from searchengine.server.problems import Busy, Problem

#: Clients whose rate is remembered.
REMEMBERED = 10_000

#: How long nothing may come of a body that is awaited.
IDLE_S = 20.0

_RETRY = {"Retry-After": "1"}

T = TypeVar("T")


class Rates:
    """A bucket a client: it holds a tenth of a minute's requests and fills evenly."""

    def __init__(self, a_minute: int) -> None:
        self._a_second = a_minute / 60
        self._most = max(1.0, a_minute / 10)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, client: str) -> None:
        """Raises Problem when the client has nothing left."""
        now = time.monotonic()
        left, then = self._buckets.pop(client, (self._most, now))
        left = min(self._most, left + (now - then) * self._a_second)
        self._buckets[client] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        if left < 1:
            raise Problem(429, "TooManyRequests", "too many requests; slow down", _RETRY)


class Places:
    """For so many at once of ``what`` goes on; the event loop's thread alone counts them."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self.taken = 0

    def take(self) -> Place:
        """Raises Problem when all are taken."""
        if self.taken >= self._most:
            said = f"{self._most} {self._what}; try again in a moment"
            raise Problem(503, "Busy", said, _RETRY)
        return Place(self)


class Place:
    """Taken until it is left."""

    def __init__(self, places: Places) -> None:
        self._places: Places | None = places
        places.taken += 1

    def leave(self) -> None:
        if self._places:
            self._places.taken -= 1
            self._places = None


class Threads:
    """Threads for one kind of work, so that no other kind has to wait for it."""

    def __init__(self, count: int, waiting: int, what: str) -> None:
        self._limiter = anyio.CapacityLimiter(count)
        self._most_waiting = waiting
        self._what = what

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` returns. Raises Busy at once when too many wait for a thread already."""
        if self._limiter.statistics().tasks_waiting >= self._most_waiting:
            raise Busy(f"too many requests wait for {self._what}; try again in a moment")
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)


class Body:
    """What a client sends: all of it within ``seconds``, and no more than ``most``, which are
    bytes and the way out."""

    def __init__(
        self, receive: Receive, headers: Headers, most: tuple[int, str], seconds: float
    ) -> None:
        self._receive = receive
        self._most = most
        self._left = most[0]
        self._deadline = time.monotonic() + seconds
        self._unread = _is_empty(headers)
        self.whole = asyncio.Event()
        if self._unread:
            self.whole.set()

    async def __call__(self) -> Message:
        if self._unread:
            self._unread = False
            return {"type": "http.request", "body": b"", "more_body": False}
        message = await (self._receive() if self.whole.is_set() else self._in_time())
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise too_large(*self._most)
        if not message.get("more_body", False):
            self.whole.set()
        return message

    async def gone(self) -> None:
        """Until the client goes away; for when the body is whole."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _in_time(self) -> Message:
        seconds = min(IDLE_S, self._deadline - time.monotonic())
        try:
            async with asyncio.timeout(seconds):
                return await self._receive()
        except TimeoutError:
            raise Problem(408, "TooSlow", "the request was not sent in time") from None


def _is_empty(headers: Headers) -> bool:
    return "transfer-encoding" not in headers and headers.get("content-length", "0") == "0"


def too_large(most_bytes: int, way_out: str = "") -> Problem:
    """The body is longer than that."""
    return Problem(413, "TooLarge", f"at most {most_bytes} bytes can be sent{way_out}")
