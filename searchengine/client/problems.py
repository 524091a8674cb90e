"""What went wrong, as the errors that an Engine would have raised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from searchengine import errors
from searchengine.client.steps import Call, Outcome
from searchengine.errors import (
    InvalidFilter,
    MediaError,
    QueryError,
    SearchEngineError,
    ServerError,
    StoreCorrupt,
)

#: The server's name for what is of no shape that it reads.
INVALID = "InvalidRequest"

_WAY_OUT = {
    401: "; give an api_key, or set SEARCHENGINE_API_KEY (`searchengine key create` makes one)",
}


def problem_of(call: Call, outcome: Outcome) -> SearchEngineError | None:
    """The error that an outcome is; None when the call was answered."""
    if isinstance(outcome, httpx.Response):
        return None if outcome.is_success else _said(call, outcome)
    assert outcome is not None, "a call has an outcome"
    late = isinstance(outcome, httpx.TimeoutException)
    reason = "no answer in time" if late else str(outcome) or type(outcome).__name__
    return ServerError(_server(outcome.request), f"{reason}; is a server running there?")


def _said(call: Call, response: httpx.Response) -> SearchEngineError:
    """The error of a problem document (RFC 9457), by its title."""
    server, status = _server(response.request), response.status_code
    try:
        return error_of(server, status, response.json(), call.files)
    except (ValueError, KeyError, TypeError):
        reason = f"answered {status} {response.reason_phrase}, not as searchengine does"
        return ServerError(server, reason, status)


def error_of(
    server: str, status: int, document: Mapping[str, Any], files: Mapping[str, Path]
) -> SearchEngineError:
    """Of a problem document, by its title. Raises KeyError or TypeError for what is none."""
    title, detail = str(document["title"]), str(document["detail"])
    kind = QueryError if title == INVALID else _KINDS.get(title, ServerError)
    if issubclass(kind, ServerError):
        return ServerError(server, detail + _WAY_OUT.get(status, ""), status)
    if issubclass(kind, MediaError):
        return kind(_path(files, document), str(document.get("reason", detail)))
    if issubclass(kind, InvalidFilter):
        return _filter(document)
    return _plain(kind, detail)


def _filter(document: Mapping[str, Any]) -> InvalidFilter:
    text, reason = str(document.get("text", "")), str(document.get("reason", ""))
    return InvalidFilter(text, int(document.get("position", 0)), reason)


def _path(sent: Mapping[str, Path], document: Mapping[str, Any]) -> str:
    """The file as it was given here: the one that is named by its part, or the only one."""
    files = [str(path) for path in sent.values()]
    named = sent.get(str(document.get("part")))
    return str(named) if named else files[0] if len(files) == 1 else str(document.get("path"))


def _plain(kind: type[SearchEngineError], detail: str) -> SearchEngineError:
    """``detail`` is all the text, also of errors that make theirs of a path and a reason."""
    if issubclass(kind, StoreCorrupt):
        path, _, reason = detail.partition(": ")
        return kind(path, reason)
    return kind(detail)


def _server(request: httpx.Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc.decode()}"


#: Of errors.py alone: what else is loaded in this process, such as a server, has no say.
_KINDS: dict[str, type[SearchEngineError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, SearchEngineError)
}
