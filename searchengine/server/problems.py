"""Errors as RFC 9457 problem documents, with the same text as the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from searchengine.errors import (
    CheckpointError,
    CollectionExists,
    CollectionNotFound,
    ConfigError,
    EncoderError,
    EncoderMismatch,
    InvalidFilter,
    ItemNotFound,
    MediaError,
    NothingPublished,
    QueryError,
    SearchEngineError,
    StoreError,
    StoreLocked,
    UnsupportedMedia,
)
from searchengine.server.answers import Json

MEDIA_TYPE = "application/problem+json"


class Problem(HTTPException):
    """What the server refuses by itself. ``headers`` go with the answer, ``more`` into it.

    It is of Starlette's tree so that what reads a body lets it pass as it is.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(status, detail, headers)
        self.title = title
        self.more = more


class Busy(SearchEngineError):
    """More is waiting than will be done in time."""


#: The first class that fits decides.
STATUS: dict[type[Exception], int] = {
    Busy: 503,
    ItemNotFound: 404,
    QueryError: 400,
    ConfigError: 400,
    CollectionNotFound: 404,
    CollectionExists: 409,
    NothingPublished: 409,
    EncoderMismatch: 409,
    StoreLocked: 423,
    StoreError: 500,
    UnsupportedMedia: 415,
    MediaError: 422,
    CheckpointError: 503,
    EncoderError: 422,
}

#: What may well be over in a second.
RETRIED = (423, 503)


def document(status: int, title: str, detail: str, **more: Any) -> dict[str, Any]:
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}


def answer(
    status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Json:
    return Json(document(status, title, detail, **more), status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Every error of the app becomes a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(SearchEngineError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _problem(_: Request, error: Exception) -> Json:
    assert isinstance(error, Problem)
    return answer(error.status_code, error.title, error.detail, error.headers, **error.more)


def problem_of(error: SearchEngineError, **more: Any) -> Problem:
    """An error of ours, with the data it carries."""
    status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    headers = {"Retry-After": "1"} if status in RETRIED else None
    carried = vars(error) if isinstance(error, InvalidFilter | MediaError) else {}
    return Problem(status, type(error).__name__, str(error), headers, **carried, **more)


async def _ours(request: Request, error: Exception) -> Json:
    assert isinstance(error, SearchEngineError)
    return await _problem(request, problem_of(error))


async def _invalid(_: Request, error: Exception) -> Json:
    assert isinstance(error, RequestValidationError)
    faults = [
        {"where": ".".join(map(str, fault["loc"])), "what": fault["msg"]}
        for fault in error.errors()
    ]
    said = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults)
    return answer(422, "InvalidRequest", said, errors=faults)


async def _http(_: Request, error: Exception) -> Json:
    assert isinstance(error, HTTPException)
    return answer(error.status_code, "HTTPError", str(error.detail), error.headers)
