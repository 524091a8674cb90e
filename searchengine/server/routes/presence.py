"""Whether the server is well, and who is logged in."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from searchengine.server import metrics
from searchengine.server.answers import Json
from searchengine.server.asking import asking_of
from searchengine.server.guard import COOKIE
from searchengine.server.house import house_of
from searchengine.server.openapi import body
from searchengine.server.problems import Problem
from searchengine.server.reading import Login, read_json
from searchengine.server.schemas import HealthOut, ReadyOut

router = APIRouter(tags=["presence"])


@router.get("/healthz", responses={200: {"model": HealthOut}})
async def health() -> Json:
    """Whether the process answers."""
    return Json({"status": "ok"})


@router.get("/readyz", responses={200: {"model": ReadyOut}, 503: {"model": ReadyOut}})
async def ready(request: Request) -> Json:
    """Whether the models are loaded. ``broken`` are collections whose model cannot be."""
    if not request.app.state.ready.is_set():
        return Json({"status": "loading"}, 503)
    broken = house_of(request).broken
    return Json({"status": "ready", **({"broken": broken} if broken else {})})


@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}}, response_class=Response)
async def counted(request: Request) -> Response:
    """For Prometheus."""
    page = metrics.page(asking_of(request).waiting)
    return Response(page, media_type="text/plain; version=0.0.4")


@router.post("/v1/session", status_code=204, openapi_extra=body(Login))
async def open_session(request: Request) -> Response:
    """A cookie for a key: media elements of a page cannot send headers."""
    login = await read_json(request, Login)
    key = await run_in_threadpool(house_of(request).library.keys.find, login.key)
    if key is None:
        raise Problem(401, "WrongKey", "no such key")
    token = request.app.state.sessions.open(key)
    response = Response(status_code=204)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure)
    return response


@router.delete("/v1/session", status_code=204)
async def close_session(request: Request) -> Response:
    """Log out."""
    request.app.state.sessions.close(request.cookies.get(COOKIE, ""))
    response = Response(status_code=204)
    response.delete_cookie(COOKIE)
    return response
