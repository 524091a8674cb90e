"""Items: what is kept of them, and their media."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response
from starlette.datastructures import FormData, UploadFile

from searchengine.documents import item_dict
from searchengine.server import uploads
from searchengine.server.answers import Json
from searchengine.server.house import House, engine_of, house_of
from searchengine.server.openapi import body, upload
from searchengine.server.problems import Problem
from searchengine.server.reading import (
    MAX_FILTER,
    MAX_ID,
    MAX_PATH,
    DeleteIn,
    Described,
    read_form,
    read_json,
    validated,
)
from searchengine.server.results import place_of
from searchengine.server.schemas import DeletedOut, ItemOut, ItemsOut
from searchengine.types import MediaItem, Modality, Segment

#: Of a form that sends a file.
FIELDS = ("file", "modality", "metadata")

router = APIRouter(prefix="/v1/collections/{collection}/items", tags=["items"])

ItemId = Annotated[int, InPath(ge=1, le=MAX_ID)]

#: Types that a browser shows and cannot run; anything else is downloaded. SVG is none of them.
SHOWN = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/avif")
PLAYED = ("audio/", "video/")


@router.get("", responses={200: {"model": ItemsOut}})
def items(
    collection: str,
    request: Request,
    path: Annotated[str | None, Query(max_length=MAX_PATH)] = None,
    filter: Annotated[str | None, Query(max_length=MAX_FILTER)] = None,
    after: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> Json:
    """Items by id, a page at a time; ``next`` is the ``after`` of the next page."""
    engine = engine_of(request, collection)
    found = engine.items(filter=filter, path=path, after=after, limit=limit)
    following = found[-1].id if len(found) == limit else None
    return Json({"items": [_document(collection, item) for item in found], "next": following})


@router.post("", status_code=201, openapi_extra=upload(), responses={201: {"model": ItemOut}})
async def add(collection: str, request: Request) -> Json:
    """Send a file: it is kept in the library and indexed at once, the collection made if need be.

    ``metadata`` is a JSON object, ``modality`` says what no name can.
    """
    house = house_of(request)
    async with read_form(request, 2) as form:
        return await house.changing.run(lambda: _add(house, collection, form))


@router.get("/{item_id}", responses={200: {"model": ItemOut}})
def item(collection: str, item_id: ItemId, request: Request) -> Json:
    """All that is kept of an item, but its vectors."""
    return Json(_document(collection, *engine_of(request, collection).show(item_id)))


@router.patch("/{item_id}", openapi_extra=body(Described), responses={200: {"model": ItemOut}})
async def describe(collection: str, item_id: ItemId, request: Request) -> Json:
    """Change what is said of an item."""
    house, described = house_of(request), await read_json(request, Described)

    def change() -> Json:
        engine = house.engine(collection)
        with house.writing():
            engine.describe(item_id, described.metadata)
        return Json(_document(collection, *engine.show(item_id)))

    return await house.changing.run(change)


@router.delete("/{item_id}", status_code=204)
async def delete(collection: str, item_id: ItemId, request: Request) -> None:
    """Forget an item. Its file stays, unless it was sent to the server."""
    house = house_of(request)

    def change() -> None:
        engine = house.engine(collection)
        with house.writing():
            found, _ = engine.show(item_id)
            engine.delete(ids=[item_id])
        uploads.remove(house.uploads(engine.collection()), found.path)

    await house.changing.run(change)


@router.post(":delete", openapi_extra=body(DeleteIn), responses={200: {"model": DeletedOut}})
async def delete_many(collection: str, request: Request) -> Json:
    """Forget items by id and by path, or count them. Files stay, unless sent to the server."""
    house, wanted = house_of(request), await read_json(request, DeleteIn)
    count = await house.changing.run(lambda: _delete(house, collection, wanted))
    return Json({"items": count})


@router.get(
    "/{item_id}/media",
    response_class=FileResponse,
    responses={200: {"content": {"*/*": {}}}, 206: {"content": {"*/*": {}}}, 304: {}},
)
def media(collection: str, item_id: ItemId, request: Request) -> Response:
    """The file itself; ranges of it may be asked for."""
    found, _ = engine_of(request, collection).show(item_id)
    path = house_of(request).inside(found.path)
    if not path.is_file():
        raise Problem(410, "FileGone", f"{found.path} is no longer there")
    kind, shown = _served_as(found)
    response = FileResponse(
        path,
        media_type=kind,
        stat_result=path.stat(),
        filename=Path(found.path).name,
        content_disposition_type="inline" if shown else "attachment",
        headers={
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-cache",
        },
    )
    if response.headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={"ETag": response.headers["etag"]})
    return response


def _served_as(item: MediaItem) -> tuple[str, bool]:
    """The type, and whether a browser may show it; what is written in a file is never a page."""
    if item.modality is Modality.TEXT and item.mime_type.startswith("text/"):
        return "text/plain; charset=utf-8", True
    if item.mime_type in SHOWN or item.mime_type.startswith(PLAYED):
        return item.mime_type, True
    return "application/octet-stream", False


def _delete(house: House, collection: str, wanted: DeleteIn) -> int:
    engine = house.engine(collection)
    with house.writing():
        found = [engine.show(item_id)[0] for item_id in wanted.ids]
        found += engine.items(path=wanted.path, limit=MAX_ID) if wanted.path else []
        count = engine.delete(ids=wanted.ids, path=wanted.path, dry_run=wanted.dry_run)
    for one in found if not wanted.dry_run else ():
        uploads.remove(house.uploads(engine.collection()), one.path)
    return count


def _add(house: House, collection: str, form: FormData) -> Json:
    for name in form.keys() - FIELDS:
        raise Problem(422, "InvalidRequest", f"no field {name!r}; they are {', '.join(FIELDS)}")
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Problem(422, "InvalidRequest", "file: send the file in a field of that name")
    modality = _modality(form.get("modality"))
    metadata = _metadata(form.get("metadata"))
    engine = house.engine(collection, create=True)
    with house.writing():
        folder = house.uploads(engine.collection())
        found = uploads.add(engine, folder, file.filename or "", file.file, modality, metadata)
    document = _document(collection, *engine.show(found.id))
    return Json(document, 201, {"Location": place_of(collection, found.id)})


def _modality(said: Any) -> Modality | None:
    if said in (None, "", "auto"):
        return None
    if said not in list(Modality):
        raise Problem(422, "InvalidRequest", f"modality: none of {', '.join(Modality)}")
    return Modality(said)


def _metadata(said: Any) -> dict[str, Any]:
    if said in (None, ""):
        return {}
    if not isinstance(said, str):
        raise Problem(422, "InvalidRequest", "metadata: send a JSON object as text")
    return validated(Described, f'{{"metadata": {said}}}').metadata


def _document(collection: str, item: MediaItem, segments: Sequence[Segment] = ()) -> dict[str, Any]:
    """As ``show --json`` prints it, with spans laid out flat, and where its media is."""
    place = place_of(collection, item.id)
    links = {"media_url": f"{place}/media", "preview_url": f"{place}/preview"}
    return {**item_dict(item, ()), "segments": [*map(_segment, segments)], **links}


def _segment(segment: Segment) -> dict[str, Any]:
    span = segment.span
    return {
        "id": segment.id,
        "ordinal": segment.ordinal,
        "modality": segment.modality.value,
        "start": span.start if span else None,
        "end": span.end if span else None,
        "unit": span.unit.value if span else None,
    }
