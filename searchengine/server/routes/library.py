"""The library as a whole: collections, models, and whether the server is well."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from searchengine.encoders import registry
from searchengine.server import metrics
from searchengine.server.guard import COOKIE
from searchengine.server.house import House, engine_of, house_of
from searchengine.server.problems import Problem
from searchengine.types import Modality

router = APIRouter(tags=["library"])


class Login(BaseModel):
    key: Annotated[str, Field(max_length=200)]


@router.get("/healthz")
async def health() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def ready(request: Request) -> Response:
    """Whether the models are loaded."""
    if request.app.state.ready.is_set():
        return JSONResponse({"status": "ready"})
    return JSONResponse({"status": "loading"}, 503)


@router.get("/metrics")
def counted(request: Request) -> Response:
    """For Prometheus."""
    return Response(metrics.page(house_of(request).waiting), media_type="text/plain; version=0.0.4")


@router.get("/v1/models")
def models() -> dict[str, Any]:
    """Encoders, with the licences of their weights."""
    return {
        "models": [
            {
                "name": info.name,
                "dim": info.dim,
                "modalities": info.modalities,
                "licence": info.licence,
                "summary": info.summary,
            }
            for info in registry.describe()
        ]
    }


@router.get("/v1/collections")
def collections(request: Request) -> dict[str, Any]:
    """Every collection at a glance."""
    house = house_of(request)
    return {
        "collections": [_collection(house, c.name) for c in house.library.catalog.collections()]
    }


@router.get("/v1/collections/{collection}")
def collection(collection: str, request: Request) -> dict[str, Any]:
    """One collection at a glance."""
    return _collection(house_of(request), collection)


@router.get("/v1/collections/{collection}/facets")
def facets(collection: str, request: Request, filter: str | None = None) -> dict[str, Any]:
    """How many items there are of each modality, and with each of the commonest values."""
    found = engine_of(request, collection).facets(filter=filter)
    return {"modality": found.modalities, "fields": found.fields}


@router.post("/v1/session", status_code=204)
def open_session(login: Login, request: Request) -> Response:
    """A cookie for a key: media elements of a page cannot send headers."""
    key = house_of(request).library.keys.find(login.key)
    if key is None:
        raise Problem(401, "WrongKey", "no such key")
    token = request.app.state.sessions.open(key.name, key.scope)
    response = Response(status_code=204)
    response.set_cookie(
        COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return response


@router.delete("/v1/session", status_code=204)
def close_session(request: Request) -> Response:
    """Log out."""
    request.app.state.sessions.close(request.cookies.get(COOKIE, secrets.token_hex()))
    response = Response(status_code=204)
    response.delete_cookie(COOKIE)
    return response


def _collection(house: House, name: str) -> dict[str, Any]:
    catalog = house.library.catalog
    found = catalog.collection(name)
    counts: dict[Modality, tuple[int, int]] = catalog.counts(found)
    return {
        "name": name,
        "encoder": found.encoder,
        "dim": found.dim,
        "generation": found.generation,
        "items": catalog.item_count(found),
        "modalities": {m: {"items": i, "segments": s} for m, (i, s) in counts.items()},
        "roots": catalog.roots(found),
    }
