"""Pictures of items, and of files that somebody is about to ask with."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi import Path as InPath
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from searchengine.errors import MediaError
from searchengine.media.modality import decide
from searchengine.media.options import MediaOptions
from searchengine.server.house import House, house_of
from searchengine.server.limits import Threads
from searchengine.server.previews.cache import key_of
from searchengine.server.previews.gallery import WORKERS, Gallery
from searchengine.server.previews.kinds import (
    KINDS,
    LARGEST_PX,
    SMALLEST_PX,
    USUAL_PX,
    Kind,
    kind_for,
)
from searchengine.server.previews.passage import passage
from searchengine.server.previews.sheet import Preview
from searchengine.server.previews.source import Source
from searchengine.server.problems import Problem
from searchengine.server.reading import suffixes
from searchengine.types import MediaItem, Modality, Segment, Span

#: Part of every key: to be raised when previews come to look different.
LOOK = 1

#: Requests that may wait for a picture; a page of hits asks for twenty at once.
MOST_WAITING = 200

#: Of a whole text, more than can be shown.
MOST_PASSAGES = 50

#: Which modality an uploaded file was taken for.
MODALITY_HEADER = "Searchengine-Modality"

KindIn = Annotated[Kind, Query(description="thumb is what suits the modality best")]
SizeIn = Annotated[int, Query(ge=SMALLEST_PX, le=LARGEST_PX, description="pixels across")]
IdIn = Annotated[int, InPath(ge=1, le=2**62)]
SegmentIn = Annotated[int | None, Query(ge=1, le=2**62)]


@asynccontextmanager
async def _living(app: FastAPI) -> AsyncIterator[None]:
    gallery = Gallery(app.state.house.library.path)
    app.state.studio = Studio(gallery, Threads(2 * WORKERS, MOST_WAITING, "a preview"))
    yield
    gallery.close()


router = APIRouter(prefix="/v1", tags=["previews"], lifespan=_living)


@dataclass(frozen=True, slots=True)
class Studio:
    """The gallery, and the threads that work for it."""

    gallery: Gallery
    threads: Threads


@router.get(
    "/collections/{collection}/items/{item_id}/preview",
    responses={200: {"content": {"image/webp": {}, "text/plain": {}}}},
    response_class=Response,
)
async def of_item(
    collection: str,
    item_id: IdIn,
    request: Request,
    segment: SegmentIn = None,
    kind: KindIn = Kind.THUMB,
    size: SizeIn = USUAL_PX,
) -> Response:
    """What a person can see of an item, or of one segment: a picture, or the passage of a text."""
    studio: Studio = request.app.state.studio

    def work() -> Response:
        house = house_of(request)
        item, segments = _found(house, collection, item_id)
        modality, span = _shown(item, segments, segment, kind)
        chosen = kind_for(modality, kind)
        if modality is Modality.TEXT:
            wanted = [one.id for one in segments if segment in (None, one.id)][:MOST_PASSAGES]
            return _answer(request, *_words(house, wanted))
        source = _source(house, item, modality, span)
        key = _key(item, source, chosen, size)
        if _known(request, key):
            return _answer(request, key)
        return _answer(request, key, studio.gallery.kept(key, source, chosen, size))

    return await studio.threads.run(work)


@router.post(
    "/preview",
    responses={200: {"content": {"image/webp": {}, "text/plain": {}}}},
    response_class=Response,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {"file": {"type": "string", "format": "binary"}},
                        "required": ["file"],
                    },
                    "example": {"file": "the words of a text"},
                }
            },
        }
    },
)
async def of_file(
    request: Request,
    modality: Modality | None = None,
    kind: KindIn = Kind.THUMB,
    size: SizeIn = USUAL_PX,
) -> Response:
    """The preview of a file that is not indexed, and is not kept.

    ``modality`` may also be the name of its field; without, it is decided as for a query. The
    header ``Searchengine-Modality`` says what it was taken for.
    """
    studio: Studio = request.app.state.studio
    async with request.form(max_files=1, max_fields=1) as form:
        sent = [(name, value) for name, value in form.items() if isinstance(value, UploadFile)]
        if not sent:
            raise Problem(422, "InvalidRequest", "send one file as multipart/form-data")
        name, file = sent[0]
        declared = modality or (Modality(name) if name in set(Modality) else None)
        return await studio.threads.run(
            lambda: _of_upload(studio.gallery, file, declared, kind, size)
        )


def _of_upload(
    gallery: Gallery, sent: UploadFile, declared: Modality | None, kind: Kind, size: int
) -> Response:
    with tempfile.TemporaryDirectory(prefix="searchengine-preview-") as folder:
        path = Path(folder, f"file{suffixes(sent.filename or '')}")
        with path.open("wb") as file:
            shutil.copyfileobj(sent.file, file)
        try:
            modality = declared or decide(path).modality
            drawn = gallery.drawn(Source(path, modality), kind_for(modality, kind), size)
        except MediaError as error:
            raise type(error)(sent.filename or "the file", error.reason) from error
    headers = {MODALITY_HEADER: modality.value, "Cache-Control": "no-store"}
    return Response(drawn.content, media_type=drawn.mime_type, headers=headers)


def _found(house: House, name: str, item_id: int) -> tuple[MediaItem, tuple[Segment, ...]]:
    """From the catalog: no encoder is needed to look."""
    catalog = house.library.catalog
    collection = catalog.collection(name)
    try:
        return catalog.item(collection, item_id)
    except KeyError:
        raise Problem(404, "NoItem", f"no item {item_id} in {name!r}") from None


def _shown(
    item: MediaItem, segments: Sequence[Segment], segment_id: int | None, kind: Kind
) -> tuple[Modality, Span | None]:
    """A segment; or the whole item, as the modality of it that has such a preview."""
    if segment_id is None:
        both = (item.modality, *(segment.modality for segment in segments))
        return next((one for one in both if kind in KINDS[one]), item.modality), None
    for segment in segments:
        if segment.id == segment_id:
            return segment.modality, segment.span
    raise Problem(404, "NoSegment", f"item {item.id} has no segment {segment_id}")


def _words(house: House, segment_ids: Sequence[int]) -> tuple[str, Preview]:
    """Of texts, what was found in them when they were indexed."""
    said = house.library.catalog.passages(segment_ids)
    words = passage("\n\n".join(said[one] for one in segment_ids if one in said))
    return key_of(words.content), words


def _source(house: House, item: MediaItem, modality: Modality, span: Span | None) -> Source:
    """Raises Problem for a file outside the roots or gone."""
    path = house.inside(item.path)
    if not path.is_file():
        raise Problem(410, "FileGone", f"{item.path} is no longer there")
    return Source(path, modality, span, MediaOptions().with_row(item.metadata))


def _key(item: MediaItem, source: Source, kind: Kind, size: int) -> str:
    """Everything that decides how it looks: the bytes, or when these have changed since."""
    status = source.path.stat()
    indexed = (item.size_bytes, item.modified_ns) == (status.st_size, status.st_mtime_ns)
    content = item.sha256 if indexed else (item.path, status.st_size, status.st_mtime_ns)
    options = source.options.recipe()
    return key_of(LOOK, content, source.modality, source.span, options, kind, size)


def _known(request: Request, key: str) -> bool:
    """Whether the client has it, by what it says."""
    return f'"{key}"' in request.headers.get("if-none-match", "")


def _answer(request: Request, key: str, preview: Preview | None = None) -> Response:
    headers = {"ETag": f'"{key}"', "Cache-Control": "private, max-age=3600"}
    if preview is None or _known(request, key):
        return Response(status_code=304, headers=headers)
    return Response(preview.content, media_type=preview.mime_type, headers=headers)
