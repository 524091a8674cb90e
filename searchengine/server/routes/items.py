"""Items: what is kept of them, their media, their previews."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field

from searchengine.documents import item_dict
from searchengine.server.house import engine_of, house_of
from searchengine.server.preview import preview_of
from searchengine.server.problems import Problem
from searchengine.types import Modality

router = APIRouter(prefix="/v1/collections/{collection}/items", tags=["items"])

#: Types that a browser shows and cannot run; anything else is downloaded. SVG is none of them.
SHOWN = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/avif", "audio/", "video/")


class Described(BaseModel):
    """A merge patch: names given null are forgotten."""

    metadata: dict[str, Any] = Field(max_length=200)


@router.get("")
def items(
    collection: str,
    request: Request,
    path: str | None = None,
    filter: str | None = None,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> dict[str, Any]:
    """Items by id, a page at a time; ``next`` is the ``after`` of the next page."""
    engine = engine_of(request, collection)
    found = engine.items(filter=filter, path=path, after=after, limit=limit)
    following = found[-1].id if len(found) == limit else None
    return {"items": [item_dict(item, ()) for item in found], "next": following}


@router.get("/{item_id}")
def item(collection: str, item_id: int, request: Request) -> dict[str, Any]:
    """All that is kept of an item, but its vectors."""
    return item_dict(*engine_of(request, collection).show(_known(item_id)))


@router.patch("/{item_id}")
def describe(
    collection: str, item_id: int, described: Described, request: Request
) -> dict[str, Any]:
    """Change what is said of an item."""
    engine = engine_of(request, collection)
    with house_of(request).writing:
        engine.describe(_known(item_id), described.metadata)
    return item_dict(*engine.show(item_id))


@router.delete("/{item_id}", status_code=204)
def delete(collection: str, item_id: int, request: Request) -> None:
    """Forget an item; its file stays."""
    with house_of(request).writing:
        engine_of(request, collection).delete(ids=[_known(item_id)])


@router.get("/{item_id}/media")
def media(collection: str, item_id: int, request: Request) -> Response:
    """The file itself; ranges of it may be asked for."""
    found, _ = engine_of(request, collection).show(_known(item_id))
    path = house_of(request).inside(found.path)
    if not path.is_file():
        raise Problem(410, "FileGone", f"{found.path} is no longer there")
    kind = "text/plain; charset=utf-8" if found.modality is Modality.TEXT else found.mime_type
    shown = kind.startswith((*SHOWN, "text/plain"))
    return FileResponse(
        path,
        media_type=kind if shown else "application/octet-stream",
        filename=Path(found.path).name,
        content_disposition_type="inline" if shown else "attachment",
        headers={"Content-Security-Policy": "default-src 'none'; sandbox"},
    )


@router.get("/{item_id}/preview")
def preview(
    collection: str, item_id: int, request: Request, segment: int | None = None
) -> Response:
    """What a person can see of an item, or of one segment: a picture, or the passage of a text."""
    engine = engine_of(request, collection)
    found, segments = engine.show(_known(item_id))
    chosen = next((s for s in segments if segment in (None, s.id)), None)
    if chosen is None:
        raise Problem(404, "NoSegment", f"item {item_id} has no segment {segment}")
    tag = f'"{found.sha256[:16]}-{chosen.id}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304)
    headers = {"ETag": tag, "Cache-Control": "private, max-age=3600"}
    if chosen.modality is Modality.TEXT:
        said = engine.passages([chosen.id]).get(chosen.id, "")
        return Response(said, media_type="text/plain; charset=utf-8", headers=headers)
    house_of(request).inside(found.path)
    picture = preview_of(engine.decode(found, chosen))
    return Response(picture, media_type="image/webp", headers=headers)


def _known(item_id: int) -> int:
    if not 1 <= item_id <= 2**62:
        raise Problem(404, "NoItem", f"no item {item_id}")
    return item_id
