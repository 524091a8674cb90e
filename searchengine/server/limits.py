"""How much, how fast, how long and how many at once."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Message, Receive

from searchengine.server.problems import Problem

#: Clients whose rate is remembered.
REMEMBERED = 10_000

#: How long nothing may come of a body that is awaited.
IDLE_S = 20.0

_RETRY = {"Retry-After": "1"}


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
    """Requests that are worked on; the event loop's thread alone counts them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.taken = 0

    @contextmanager
    def one(self) -> Iterator[Place]:
        """Raises Problem when all are taken."""
        if self.taken >= self._most:
            raise Problem(
                503,
                "Busy",
                f"{self._most} requests are being worked on; try again in a moment",
                _RETRY,
            )
        place = Place(self)
        try:
            yield place
        finally:
            place.leave()


class Place:
    """Taken until the work is done, which is before a slow client has read the answer."""

    def __init__(self, places: Places) -> None:
        self._places: Places | None = places
        places.taken += 1

    def leave(self) -> None:
        if self._places:
            self._places.taken -= 1
            self._places = None


class Body:
    """What a client sends: no more than ``most_bytes``, all of it within ``seconds``."""

    def __init__(self, receive: Receive, most_bytes: int, seconds: float) -> None:
        self._receive = receive
        self._left = self._most = most_bytes
        self._deadline = time.monotonic() + seconds
        self._whole = False

    async def __call__(self) -> Message:
        message = await (self._receive() if self._whole else self._in_time())
        if message["type"] == "http.request":
            self._whole = not message.get("more_body", False)
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise too_large(self._most)
        return message

    async def _in_time(self) -> Message:
        seconds = min(IDLE_S, self._deadline - time.monotonic())
        try:
            return await asyncio.wait_for(self._receive(), max(seconds, 0))
        except TimeoutError:
            raise Problem(408, "TooSlow", "the request was not sent in time") from None


def too_large(most_bytes: int, way_out: str = "") -> Problem:
    """The body is longer than that."""
    return Problem(413, "TooLarge", f"at most {most_bytes} bytes can be sent{way_out}")
