"""Errors as RFC 9457 problem documents, with the same text as the command line."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from searchengine.errors import (
    CheckpointError,
    CollectionExists,
    CollectionNotFound,
    ConfigError,
    EncoderError,
    EncoderMismatch,
    InvalidFilter,
    MediaError,
    NothingPublished,
    QueryError,
    SearchEngineError,
    StoreError,
    StoreLocked,
    UnsupportedMedia,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """What a route refuses by itself. ``headers`` go with the answer."""

    def __init__(
        self, status: int, title: str, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.headers = status, title, detail, headers


class Busy(SearchEngineError):
    """More is waiting for the encoder than will be done in time."""


#: The first class that fits decides.
STATUS: dict[type[Exception], int] = {
    Busy: 503,
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


def document(status: int, title: str, detail: str, **more: Any) -> dict[str, Any]:
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}


def answer(
    status: int, title: str, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    return JSONResponse(
        document(status, title, detail, **more), status, headers, media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Every error of the app becomes a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(SearchEngineError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _defect)


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return answer(error.status, error.title, error.detail, error.headers)


async def _ours(_: Request, error: Exception) -> JSONResponse:
    status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    more: dict[str, Any] = {}
    if isinstance(error, InvalidFilter):
        more = {"position": error.position}
    headers = {"Retry-After": "1"} if status == 503 else None
    detail = error.reason if isinstance(error, MediaError) else str(error)
    return answer(status, type(error).__name__, detail, headers, **more)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = [
        {"where": ".".join(map(str, fault["loc"])), "what": fault["msg"]}
        for fault in error.errors()
    ]
    said = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults)
    return answer(422, "InvalidRequest", said, errors=faults)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers) if error.headers else None
    return answer(error.status_code, "HTTPError", str(error.detail), headers)


async def _defect(_: Request, error: Exception) -> JSONResponse:
    log.error("a defect of searchengine", exc_info=error)
    return answer(500, "Defect", "a defect of searchengine; the server's log has the traceback")
