"""One answer on its way out: its headers, its line in the access log, its place in the metrics."""

from __future__ import annotations

import json
import logging
import time
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from searchengine.server import metrics
from searchengine.server.problems import MEDIA_TYPE, answer

log = logging.getLogger("searchengine.access")

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

#: Of answers that say by themselves what went wrong.
KNOWN = (MEDIA_TYPE, "application/json")

#: nginx's name for a client that went away before there was an answer.
CLIENT_GONE = 499


class Visit:
    """An ASGI ``send``. ``key`` is the name of the key that was shown."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._start = time.perf_counter()
        self._replaced = False
        self.status = 0
        self.key = ""

    @property
    def begun(self) -> bool:
        return self.status != 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif not self._replaced:
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        self.status = message["status"]
        said = Headers(raw=message.get("headers", []))
        if self.status >= 400 and said.get("content-type") not in KNOWN:
            await self._replace(said)
            return
        headers = MutableHeaders(scope=message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        await self._send(message)

    async def _replace(self, said: Headers) -> None:
        """Files and folders refuse in their own words (a range, say); all else are documents."""
        self._replaced = True
        phrase = HTTPStatus(self.status).phrase
        kept = {name: said[name] for name in ("content-range", "allow") if name in said}
        document = answer(self.status, "HTTPError", phrase, {**HEADERS, **kept})
        await document(self._scope, self._receive, self._send)

    def over(self) -> None:
        """Count it, and log it where a log is kept."""
        seconds = time.perf_counter() - self._start
        route = getattr(self._scope.get("route"), "path", "-")
        metrics.note(self._scope["method"], route, self.status, seconds)
        if log.isEnabledFor(logging.INFO):
            self._log(route, seconds)

    def _log(self, route: str, seconds: float) -> None:
        """No query, no header and no body is logged: these may hold secrets."""
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "client": (self._scope.get("client") or ("",))[0],
            "key": self.key,
            "method": self._scope["method"],
            "path": self._scope["path"],
            "route": route,
            "status": self.status,
            "seconds": round(seconds, 4),
        }
        log.info("%s", json.dumps(line))
