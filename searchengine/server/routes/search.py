"""Asking: search, similar, embed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi import Query as InQuery
from starlette.concurrency import run_in_threadpool

from searchengine.server.answers import written
from searchengine.server.asking import Answer, asking_of
from searchengine.server.house import engine_of, house_of
from searchengine.server.openapi import body, body_or_form
from searchengine.server.problems import Problem, document
from searchengine.server.reading import (
    MAX_FILTER,
    MAX_ID,
    Asked,
    BatchIn,
    SearchIn,
    read_json,
    read_search,
    validated,
)
from searchengine.server.schemas import BatchOut, ResultOut, VectorOut

router = APIRouter(prefix="/v1/collections/{collection}", tags=["search"])


@router.post("/search", openapi_extra=body_or_form(SearchIn), responses={200: {"model": ResultOut}})
async def search(collection: str, request: Request) -> Response:
    """Neighbours of words, files and items. A form may have a file a modality instead of JSON."""
    async with read_search(request, house_of(request).settings.max_parts) as asked:
        (answer,) = await asking_of(request).search(collection, [asked])
    return _sent(answer)


@router.post("/search:batch", openapi_extra=body(BatchIn), responses={200: {"model": BatchOut}})
async def search_batch(collection: str, request: Request) -> Response:
    """Many searches in one request, which costs less than one by one. Of one that cannot be
    answered the problem stands in its place."""
    batch = await read_json(request, BatchIn)
    read = [_read(one) for one in batch.queries]
    asked = [one for one in read if isinstance(one, Asked)]
    found = iter(await asking_of(request).search(collection, asked))
    answers = (next(found) if isinstance(one, Asked) else one for one in read)
    return _json(b'{"results":[' + b",".join(map(_in_place, answers)) + b"]}")


@router.get("/similar/{item_id}", responses={200: {"model": ResultOut}})
async def similar(
    collection: str,
    item_id: Annotated[int, Path(ge=1, le=MAX_ID)],
    request: Request,
    k: Annotated[int, InQuery(ge=1, le=1_000)] = 10,
    offset: Annotated[int, InQuery(ge=0, le=9_000)] = 0,
    targets: Annotated[
        str | None, InQuery(max_length=100, description="modalities, with commas")
    ] = None,
    filter: Annotated[str | None, InQuery(max_length=MAX_FILTER)] = None,
) -> Response:
    """Neighbours of an item, without the item itself."""
    await run_in_threadpool(lambda: engine_of(request, collection).show(item_id))
    chosen = targets.split(",") if targets else None
    wanted = {"query": [{"id": item_id}], "targets": chosen, "filter": filter}
    asked = Asked(validated(SearchIn, {**wanted, "k": k, "offset": offset}))
    (answer,) = await asking_of(request).search(collection, [asked])
    return _sent(answer)


@router.post("/embed", openapi_extra=body_or_form(SearchIn), responses={200: {"model": VectorOut}})
async def embed(collection: str, request: Request) -> Response:
    """The unit vector of one text or file; of what is sent only ``query`` matters."""
    async with read_search(request, house_of(request).settings.max_parts) as asked:
        if len(asked.search.query) != 1 or asked.search.query[0].id is not None:
            raise Problem(422, "InvalidRequest", "embed takes exactly one text or file")
        return _sent(await asking_of(request).embed(collection, asked))


def _read(given: dict[str, Any]) -> Asked | Problem:
    try:
        return Asked(validated(SearchIn, given))
    except Problem as problem:
        return problem


def _sent(answer: Answer) -> Response:
    if isinstance(answer, Problem):
        raise answer
    return _json(answer)


def _in_place(answer: Answer) -> bytes:
    if isinstance(answer, bytes):
        return answer
    problem = answer
    return written(document(problem.status_code, problem.title, problem.detail, **problem.more))


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
