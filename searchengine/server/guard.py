"""Who may come in: host names, origins, keys, sizes, rates; and what every answer carries.

Plain ASGI, so that bodies and events are passed on as they come.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from collections import OrderedDict
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from searchengine.server import metrics
from searchengine.server.house import House
from searchengine.server.problems import Problem, answer
from searchengine.store.keys import Scope as KeyScope

access = logging.getLogger("searchengine.access")

COOKIE = "searchengine"
#: What anyone may see: the page itself, which holds nothing, and whether the server lives.
OPEN = ("/", "/healthz", "/readyz", "/v1/session")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})
#: Asking is reading, though files are sent with it.
ASKING = ("/search", "/embed")

#: Clients whose rate is remembered.
REMEMBERED = 10_000

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; connect-src 'self'; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(self)",
}


class Guard:
    """Stands before the app."""

    def __init__(self, app: ASGIApp, house: House, sessions: Sessions) -> None:
        self._app = app
        self._house = house
        self._settings = house.settings
        self._sessions = sessions
        self._rates = Rates(house.settings.requests_a_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = Visit(scope, send)
        try:
            await self._admit(scope)
            limited = Limited(receive, self._settings.max_body_bytes)
            await self._app(scope, limited, visit)
        except Problem as problem:
            if not visit.begun:
                await _refuse(problem)(scope, receive, visit)
        finally:
            visit.over()

    async def _admit(self, scope: Scope) -> None:
        """Raise the Problem for which this request is refused."""
        headers = Headers(scope=scope)
        self._check_host(headers)
        _check_origin(headers, scope)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._settings.max_body_bytes:
            raise _too_large(self._settings.max_body_bytes)
        client = await self._identify(headers, scope)
        if not self._rates.allow(client):
            raise Problem(429, "TooManyRequests", "too many requests; slow down", _RETRY)

    def _check_host(self, headers: Headers) -> None:
        """A page elsewhere may have its own name point here (DNS rebinding)."""
        host = headers.get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        anyone = self._settings.keys_required and not self._settings.names
        if not anyone and name.lower() not in LOOPBACK | self._settings.names:
            raise Problem(421, "WrongHost", f"this server does not answer to the name {name!r}")

    async def _identify(self, headers: Headers, scope: Scope) -> str:
        """Who asks; a Problem when a key is needed and there is none that fits."""
        address = str((scope.get("client") or ("",))[0])
        path = scope["path"]
        if not self._settings.keys_required or path in OPEN or path.startswith("/static/"):
            return address
        secret = _secret(headers)
        known = self._sessions.find(_cookie(headers)) if secret is None else None
        if secret is not None:
            key = await run_in_threadpool(self._house.library.keys.find, secret)
            known = (key.name, key.scope) if key else None
        if known is None:
            raise Problem(401, "KeyNeeded", "a key is needed", {"WWW-Authenticate": "Bearer"})
        name, allowed = known
        if allowed is KeyScope.READ and not _only_reads(scope["method"], path):
            raise Problem(403, "ReadOnly", f"the key {name!r} may only read")
        return name


_RETRY = {"Retry-After": "1"}


def _check_origin(headers: Headers, scope: Scope) -> None:
    """What a browser sends from a page of somebody else's is refused."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        raise Problem(403, "ForeignOrigin", f"requests from {origin} are not answered")
    site = headers.get("sec-fetch-site", "none")
    going_there = scope["method"] == "GET" and scope["path"] == "/"
    if site not in ("none", "same-origin") and not going_there:
        raise Problem(403, "ForeignOrigin", "requests from other sites are not answered")


def _only_reads(method: str, path: str) -> bool:
    return method in READING or (method == "POST" and path.endswith(ASKING))


def _secret(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return headers.get("x-api-key")


def _cookie(headers: Headers) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _too_large(most: int) -> Problem:
    return Problem(413, "TooLarge", f"at most {most} bytes can be sent, with a Content-Length")


def _refuse(problem: Problem) -> Response:
    return answer(problem.status, problem.title, problem.detail, problem.headers)


class Sessions:
    """Cookies of pages that showed a key. They end with the server, and after HOURS."""

    HOURS = 12

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, str, KeyScope]] = {}

    def open(self, name: str, scope: KeyScope) -> str:
        token = secrets.token_urlsafe(32)
        self._known[_digest(token)] = (time.time() + self.HOURS * 3600, name, scope)
        return token

    def close(self, token: str) -> None:
        self._known.pop(_digest(token), None)

    def find(self, token: str) -> tuple[str, KeyScope] | None:
        digest = _digest(token)
        for known, (until, name, scope) in list(self._known.items()):
            if hmac.compare_digest(known, digest) and until > time.time():
                return name, scope
        return None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class Rates:
    """A bucket a client: it holds a tenth of a minute's requests and fills evenly."""

    def __init__(self, a_minute: int) -> None:
        self._a_second = a_minute / 60
        self._most = max(1.0, a_minute / 10)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allow(self, client: str) -> bool:
        now = time.monotonic()
        left, then = self._buckets.pop(client, (self._most, now))
        left = min(self._most, left + (now - then) * self._a_second)
        self._buckets[client] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return left >= 1


class Limited:
    """A body that may not be longer than was said."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._left = most
        self._most = most

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise _too_large(self._most)
        return message


class Visit:
    """One answer on its way: its headers, its line in the log, its place in the metrics."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._start = time.perf_counter()
        self.status = 0

    @property
    def begun(self) -> bool:
        return self.status != 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)

    def over(self) -> None:
        """No query, no header and no body is logged: these may hold secrets."""
        seconds = time.perf_counter() - self._start
        route = self._scope.get("route")
        name = getattr(route, "path", "-")
        metrics.note(self._scope["method"], name, self.status, seconds)
        access.info("%s %s %d %.4f s", self._scope["method"], name, self.status, seconds)
