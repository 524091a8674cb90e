"""Who may come in: host names, origins, keys, sizes, rates.

Plain ASGI, so that bodies and events are passed on as they come.
"""

from __future__ import annotations

import asyncio
import logging
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from searchengine.server.house import House
from searchengine.server.limits import Body, Places, Rates, too_large
from searchengine.server.problems import Problem, answer
from searchengine.server.sessions import Sessions
from searchengine.server.visit import CLIENT_GONE, Visit
from searchengine.server.work import End, Work
from searchengine.store.keys import AccessKey
from searchengine.store.keys import Scope as KeyScope

log = logging.getLogger(__name__)

COOKIE = "searchengine"
#: What anyone may see: the page itself, which holds nothing, and whether the server lives.
OPEN = ("/", "/healthz", "/readyz", "/v1/session")
#: What is asked without end, by what looks after the server: no rate holds for it.
PROBES = ("/healthz", "/readyz")
#: What needs no work worth counting, and must be answered however busy the server is.
LIGHT = ("/", "/healthz", "/readyz", "/metrics")
STATIC = "/static/"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})
#: Asking is reading, though files are sent with it.
ASKING = ("/search", "/search:batch", "/embed", "/v1/preview")


class Guard:
    """Stands before the app. ``left`` is work that goes on though its client got no answer."""

    def __init__(
        self, app: ASGIApp, house: House, sessions: Sessions, left: set[asyncio.Task[None]]
    ) -> None:
        self._app = app
        self._left = left
        self._house = house
        self._settings = house.settings
        self._sessions = sessions
        self._rates = Rates(house.settings.requests_a_minute)
        self._places = Places(house.settings.max_requests, "requests are being worked on")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = Visit(scope, receive, send)
        try:
            await self._let(scope, receive, visit)
        except Problem as problem:
            if visit.begun:
                raise
            refusal = answer(problem.status_code, problem.title, problem.detail, problem.headers)
            await refusal(scope, receive, visit)
        except ClientDisconnect:
            visit.status = visit.status or CLIENT_GONE
        except Exception:
            if visit.begun:
                raise
            log.exception("a defect of searchengine")
            said = "a defect of searchengine; the server's log has the traceback"
            await answer(500, "Defect", said)(scope, receive, visit)
        finally:
            visit.over()

    async def _let(self, scope: Scope, receive: Receive, visit: Visit) -> None:
        """Raises the Problem for which this request is refused."""
        headers = Headers(scope=scope)
        self._check_host(headers)
        _check_origin(headers, scope)
        most = self._most_bytes(headers)
        _check_length(headers.get("content-length", "0"), *most)
        visit.key = await self._identify(headers, scope)
        body = Body(receive, headers, most, self._settings.max_body_s)
        if _is_light(scope["path"]):
            await self._app(scope, body, visit)
        else:
            await self._work(scope, body, visit)

    async def _work(self, scope: Scope, body: Body, visit: Visit) -> None:
        """Pass it to the app, within its time. What cannot be stopped keeps its place; an answer
        that is on its way to a slow client does not."""
        place = self._places.take()
        work = Work(visit, place.leave)
        task = work.start(self._app, scope, body)
        reads = _only_reads(scope["method"], scope["path"])
        seconds = self._settings.deadline_s if reads else self._settings.change_s
        try:
            end = await work.awaited(body, seconds)
        except asyncio.CancelledError:
            work.give_up()
            raise
        if end is End.ANSWERED:
            await task
            return
        self._left.add(task)
        task.add_done_callback(self._end)
        if end is End.GONE:
            raise ClientDisconnect
        raise Problem(504, "DeadlineExceeded", f"not answered within {seconds:g} s")

    def _end(self, task: asyncio.Task[None]) -> None:
        self._left.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.info("of a request that was given up: %s", error)

    def _most_bytes(self, headers: Headers) -> tuple[int, str]:
        """Of a body, and the way out; forms go to disk as they come, all else is kept whole."""
        if headers.get("content-type", "").lower().startswith("multipart/form-data"):
            return self._settings.max_body_bytes, ""
        most = min(self._settings.max_json_bytes, self._settings.max_body_bytes)
        return most, "; send larger files as multipart/form-data"

    def _check_host(self, headers: Headers) -> None:
        """A page elsewhere may have its own name point here (DNS rebinding)."""
        host = headers.get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        anyone = self._settings.keys_required and not self._settings.names
        if not anyone and name.lower() not in LOOPBACK | self._settings.names:
            raise Problem(421, "WrongHost", f"this server does not answer to the name {name!r}")

    async def _identify(self, headers: Headers, scope: Scope) -> str:
        """The name of the key shown, empty where none is needed; its rate is charged."""
        address = str((scope.get("client") or ("",))[0])
        path = scope["path"]
        if not self._settings.keys_required or path in PROBES:
            return ""
        if path in OPEN or path.startswith(STATIC):
            self._rates.spend(f"address {address}")
            return ""
        key = await run_in_threadpool(self._key, headers)
        if key is None:
            self._rates.spend(f"address {address}")
            raise Problem(401, "KeyNeeded", "a key is needed", {"WWW-Authenticate": "Bearer"})
        self._rates.spend(f"key {key.name}")
        if key.scope is KeyScope.READ and not _only_reads(scope["method"], path):
            raise Problem(403, "ReadOnly", f"the key {key.name!r} may only read")
        return key.name

    def _key(self, headers: Headers) -> AccessKey | None:
        secret, keys = _secret(headers), self._house.library.keys
        if secret is not None:
            return keys.find(secret)
        shown = self._sessions.find(_cookie(headers))
        return shown if shown in keys.all() else None


def _check_origin(headers: Headers, scope: Scope) -> None:
    """What a browser sends from a page of somebody else's is refused."""
    origin = headers.get("origin")
    if origin is not None and _place(origin) != headers.get("host"):
        raise Problem(403, "ForeignOrigin", f"requests from {origin} are not answered")
    site = headers.get("sec-fetch-site", "none")
    going_there = scope["method"] == "GET" and scope["path"] == "/"
    if site not in ("none", "same-origin") and not going_there:
        raise Problem(403, "ForeignOrigin", "requests from other sites are not answered")


def _place(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _check_length(said: str, most: int, way_out: str) -> None:
    if not said.isascii() or not said.isdigit() or len(said) > 18 or int(said) > most:
        raise too_large(most, way_out)


def _is_light(path: str) -> bool:
    return path in LIGHT or path.startswith(STATIC)


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
