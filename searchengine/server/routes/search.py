"""Asking: search, similar, embed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from searchengine.documents import hit_dict, result_dict
from searchengine.engine import Engine
from searchengine.query.embed import embed_media
from searchengine.server.house import House, engine_of, house_of
from searchengine.server.problems import Problem
from searchengine.server.reading import Asked, SearchIn, echo, parts_of, read_search
from searchengine.types import Hit, Modality, SearchResult

router = APIRouter(prefix="/v1/collections/{collection}", tags=["search"])

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": SearchIn.model_json_schema()},
            "multipart/form-data": {"schema": {"type": "object"}},
        },
    }
}


@router.post("/search", openapi_extra=_BODY)
async def search(collection: str, request: Request) -> dict[str, Any]:
    """Neighbours of words, files and items. A form may have a file a modality instead of JSON."""
    house = house_of(request)
    async with read_search(request, house.settings.max_parts) as asked:
        return await run_in_threadpool(_answer, house, collection, asked)


@router.get("/similar/{item_id}")
def similar(
    collection: str,
    item_id: int,
    request: Request,
    k: Annotated[int, Query(ge=1, le=1_000)] = 10,
    offset: Annotated[int, Query(ge=0, le=9_000)] = 0,
    targets: str | None = None,
    filter: str | None = None,
) -> dict[str, Any]:
    """Neighbours of an item, without the item itself."""
    engine = engine_of(request, collection)
    chosen = targets.split(",") if targets else None
    result = engine.similar(item_id, k=k, offset=offset, targets=chosen, filter=filter)
    return _document(engine, collection, result, [{"id": item_id}])


@router.post("/embed", openapi_extra=_BODY)
async def embed(collection: str, request: Request) -> dict[str, Any]:
    """The unit vector of one part."""
    house = house_of(request)
    async with read_search(request, house.settings.max_parts) as asked:
        if len(asked.search.query) != 1 or asked.search.query[0].id is not None:
            raise Problem(422, "InvalidRequest", "embed takes exactly one text or file")
        return await run_in_threadpool(_embed, house, collection, asked)


def _answer(house: House, collection: str, asked: Asked) -> dict[str, Any]:
    engine = house.engine(collection)
    with parts_of(asked, engine) as parts:
        result = engine.answer(parts, **asked.search.how())
    return _document(engine, collection, result, echo(asked.search))


def _embed(house: House, collection: str, asked: Asked) -> dict[str, Any]:
    engine = house.engine(collection)
    with parts_of(asked, engine) as (part,):
        vector = embed_media(part, engine.encoder())
    return {
        "embedding": vector.tolist(),
        "dim": len(vector),
        "encoder": engine.encoder().identity,
        "modality": part.modality,
    }


def _document(
    engine: Engine, collection: str, result: SearchResult, asked: list[dict[str, Any]]
) -> dict[str, Any]:
    """As ``query --json`` prints it; of each hit also where its media and preview are."""
    texts = [hit.segment.id for hit in result if hit.segment.modality is Modality.TEXT]
    said = engine.passages(texts)
    hits = [{**hit_dict(hit), **_links(collection, hit, said)} for hit in result]
    return {**result_dict(result, asked), "hits": hits}


def _links(collection: str, hit: Hit, said: dict[int, str]) -> dict[str, Any]:
    item = f"/v1/collections/{collection}/items/{hit.item.id}"
    links: dict[str, Any] = {
        "item_modality": hit.item.modality.value,
        "mime_type": hit.item.mime_type,
        "duration_s": hit.item.duration_s,
        "media_url": f"{item}/media",
        "preview_url": f"{item}/preview?segment={hit.segment.id}",
    }
    if hit.segment.id in said:
        links["text"] = said[hit.segment.id]
    return links
