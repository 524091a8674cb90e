"""``Client`` and ``AsyncClient``: they carry out the steps of their methods."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import anyio
import httpx

from searchengine.client.methods import TOGETHER, Methods
from searchengine.client.steps import Call, Outcome, Pause, Steps
from searchengine.errors import ConfigError, SearchEngineError
from searchengine.query.given import BLOCK, blocks
from searchengine.types import SearchResult

R = TypeVar("R")

#: A server is there at once or not at all.
CONNECT_S = 5.0


class Client(Methods):
    """A collection of a server, with the methods of ``Engine``. Threads may share it.

    ``timeout_s`` is how long the server may be silent. ``retries`` are for what is safe to ask
    again; see ``trying.py``. ``verify`` False takes any certificate, an SSLContext those it
    trusts. ``transport`` is for tests and for proxies of a kind that httpx has no setting for.

    Raises ConfigError for a URL that is none.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        collection: str = "default",
        timeout_s: float = 60.0,
        retries: int = 3,
        verify: bool | ssl.SSLContext = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, collection, retries)
        settings = _settings(url, api_key, timeout_s)
        self._http = httpx.Client(**settings, verify=verify, transport=transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def batch(
        self, queries: Iterable[Mapping[str, Any]], *, block: int = BLOCK
    ) -> Iterator[SearchResult | SearchEngineError]:
        """See ``Engine.batch``; at most ``TOGETHER`` are sent at once. A ServerError ends it."""
        for some in blocks(queries, min(block, TOGETHER)):
            yield from self.run(self._block(some))

    def run(self, steps: Steps[R]) -> R:
        """Carry out the steps of a method; an interrupt goes through them, and they end well."""
        try:
            step = next(steps)
            while True:
                try:
                    outcome = self._outcome(step)
                except BaseException as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(outcome)
        except StopIteration as end:
            result: R = end.value
            return result

    def _outcome(self, step: Call | Pause) -> Outcome:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        with step.opened() as request:
            try:
                return self._http.request(**request)
            except httpx.RequestError as failure:
                return failure


class AsyncClient(Methods):
    """As ``Client``, for asyncio and trio: every method is to be awaited, and ``batch`` iterated
    with ``async for``."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        collection: str = "default",
        timeout_s: float = 60.0,
        retries: int = 3,
        verify: bool | ssl.SSLContext = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(url, collection, retries)
        settings = _settings(url, api_key, timeout_s)
        self._http = httpx.AsyncClient(**settings, verify=verify, transport=transport)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def batch(
        self, queries: Iterable[Mapping[str, Any]], *, block: int = BLOCK
    ) -> AsyncIterator[SearchResult | SearchEngineError]:
        """See ``Client.batch``: ``async for answer in client.batch(queries)``."""
        for some in blocks(queries, min(block, TOGETHER)):
            for answer in await self.run(self._block(some)):
                yield answer

    async def run(self, steps: Steps[R]) -> R:
        """See ``Client.run``."""
        try:
            step = next(steps)
            while True:
                try:
                    outcome = await self._outcome(step)
                except BaseException as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(outcome)
        except StopIteration as end:
            result: R = end.value
            return result

    async def _outcome(self, step: Call | Pause) -> Outcome:
        if isinstance(step, Pause):
            await anyio.sleep(step.seconds)
            return None
        with step.opened() as request:
            try:
                return await self._http.request(**request)
            except httpx.RequestError as failure:
                return failure


def _settings(url: str, api_key: str | None, timeout_s: float) -> dict[str, Any]:
    """Of either httpx client."""
    try:
        base = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ConfigError(f"server {url!r}: {error}") from error
    if base.scheme not in ("http", "https") or not base.host:
        raise ConfigError(f"server {url!r} is no URL such as http://127.0.0.1:8765")
    return {
        "base_url": base,
        "headers": {"authorization": f"Bearer {api_key}"} if api_key else {},
        "timeout": httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_S)),
    }
