"""Asking: search, similar, embed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi import Query as InQuery

from searchengine.documents import hit_dict, result_dict
from searchengine.engine import Engine
from searchengine.errors import SearchEngineError
from searchengine.query.check import check_query
from searchengine.query.embed import embed_media
from searchengine.query.parse import build_query
from searchengine.server.answers import Json
from searchengine.server.errand import GivenUp
from searchengine.server.house import House, engine_of, house_of
from searchengine.server.limits import Threads
from searchengine.server.openapi import body, body_or_form
from searchengine.server.problems import Busy, Problem, document, problem_of
from searchengine.server.reading import (
    MAX_FILTER,
    MAX_ID,
    Asked,
    BatchIn,
    SearchIn,
    echo,
    parts_of,
    read_json,
    read_search,
    validated,
)
from searchengine.server.routes.items import place_of
from searchengine.server.schemas import BatchOut, ResultOut, VectorOut
from searchengine.types import Hit, Modality, Query, SearchResult

router = APIRouter(prefix="/v1/collections/{collection}", tags=["search"])


@router.post("/search", openapi_extra=body_or_form(SearchIn), responses={200: {"model": ResultOut}})
async def search(collection: str, request: Request) -> Json:
    """Neighbours of words, files and items. A form may have a file a modality instead of JSON."""
    house = house_of(request)
    async with read_search(request, house.settings.max_parts) as asked:
        return await _threads(house, asked).run(lambda: Json(_answer(house, collection, asked)))


@router.post("/search:batch", openapi_extra=body(BatchIn), responses={200: {"model": BatchOut}})
async def search_batch(collection: str, request: Request) -> Json:
    """Many searches in one request, which costs less than one by one. Of one that cannot be
    answered the problem stands in its place."""
    house = house_of(request)
    batch = await read_json(request, BatchIn)
    asked = [_read(one) for one in batch.queries]
    files = any(isinstance(one, SearchIn) and one.has_files for one in asked)
    threads = house.reading if files else house.asking
    return await threads.run(lambda: Json({"results": _answers(house, collection, asked)}))


@router.get("/similar/{item_id}", responses={200: {"model": ResultOut}})
def similar(
    collection: str,
    item_id: Annotated[int, Path(ge=1, le=MAX_ID)],
    request: Request,
    k: Annotated[int, InQuery(ge=1, le=1_000)] = 10,
    offset: Annotated[int, InQuery(ge=0, le=9_000)] = 0,
    targets: Annotated[
        str | None, InQuery(max_length=100, description="modalities, with commas")
    ] = None,
    filter: Annotated[str | None, InQuery(max_length=MAX_FILTER)] = None,
) -> Json:
    """Neighbours of an item, without the item itself."""
    engine = engine_of(request, collection)
    engine.show(item_id)
    chosen = targets.split(",") if targets else None
    result = engine.similar(item_id, k=k, offset=offset, targets=chosen, filter=filter)
    return Json(_document(engine, collection, result, [{"id": item_id, "weight": 1.0}]))


@router.post("/embed", openapi_extra=body_or_form(SearchIn), responses={200: {"model": VectorOut}})
async def embed(collection: str, request: Request) -> Json:
    """The unit vector of one text or file; of what is sent only ``query`` matters."""
    house = house_of(request)
    async with read_search(request, house.settings.max_parts) as asked:
        if len(asked.search.query) != 1 or asked.search.query[0].id is not None:
            raise Problem(422, "InvalidRequest", "embed takes exactly one text or file")
        return await _threads(house, asked).run(lambda: Json(_embed(house, collection, asked)))


def _threads(house: House, asked: Asked) -> Threads:
    """Who asks with words need not wait until the files of others are decoded."""
    return house.reading if asked.search.has_files else house.asking


def _answer(house: House, collection: str, asked: Asked) -> dict[str, Any]:
    engine = house.engine(collection)
    with parts_of(asked, engine) as parts:
        result = engine.answer(parts, **asked.search.how())
    return _document(engine, collection, result, echo(asked.search))


def _answers(
    house: House, collection: str, asked: Sequence[SearchIn | Problem]
) -> list[dict[str, Any]]:
    """Encoded and searched together. Raises what no other answer would escape."""
    engine = house.engine(collection)
    queries = [_query(one, engine) if isinstance(one, SearchIn) else one for one in asked]
    found = engine.answer_all([one for one in queries if isinstance(one, Query)])
    answers = [next(found) if isinstance(one, Query) else one for one in queries]
    return [
        _result(engine, collection, answer, one) for one, answer in zip(asked, answers, strict=True)
    ]


def _read(given: dict[str, Any]) -> SearchIn | Problem:
    try:
        return validated(SearchIn, given)
    except Problem as problem:
        return problem


def _query(search: SearchIn, engine: Engine) -> Query | Problem | SearchEngineError:
    try:
        with parts_of(Asked(search), engine) as parts:
            query = build_query(parts, **search.how())
        check_query(query)
        return query
    except (Problem, SearchEngineError) as error:
        return error


def _result(
    engine: Engine,
    collection: str,
    answer: SearchResult | Problem | SearchEngineError,
    asked: SearchIn | Problem,
) -> dict[str, Any]:
    if isinstance(answer, SearchResult):
        assert isinstance(asked, SearchIn)
        return _document(engine, collection, answer, echo(asked))
    if isinstance(answer, Busy | GivenUp):
        raise answer
    problem = answer if isinstance(answer, Problem) else problem_of(answer)
    return document(problem.status_code, problem.title, problem.detail, **problem.more)


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
    """As ``query --json`` prints it; of each hit also the rest of its item and segment."""
    texts = [hit.segment.id for hit in result if hit.segment.modality is Modality.TEXT]
    said = engine.passages(texts)
    hits = [{**hit_dict(hit), **_more(collection, hit, said)} for hit in result]
    return {**result_dict(result, asked), "hits": hits}


def _more(collection: str, hit: Hit, said: dict[int, str]) -> dict[str, Any]:
    item = place_of(collection, hit.item.id)
    more: dict[str, Any] = {
        "item_modality": hit.item.modality.value,
        "mime_type": hit.item.mime_type,
        "duration_s": hit.item.duration_s,
        "size_bytes": hit.item.size_bytes,
        "modified_ns": hit.item.modified_ns,
        "sha256": hit.item.sha256,
        "segment_id": hit.segment.id,
        "ordinal": hit.segment.ordinal,
        "media_url": f"{item}/media",
        "preview_url": f"{item}/preview?segment={hit.segment.id}",
    }
    if hit.segment.id in said:
        more["text"] = said[hit.segment.id]
    return more
