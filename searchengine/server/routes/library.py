"""The library as a whole: collections, models, roots."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from searchengine.encoders import registry
from searchengine.errors import CollectionNotFound
from searchengine.server.answers import Json
from searchengine.server.house import House, engine_of, house_of
from searchengine.server.openapi import body
from searchengine.server.reading import MAX_FILTER, CollectionIn, read_json
from searchengine.server.schemas import (
    CalibrationOut,
    CollectionOut,
    CollectionsOut,
    FacetsOut,
    ModelsOut,
    RootsOut,
)
from searchengine.store.status import status
from searchengine.types import CollectionStatus, IndexStatus

router = APIRouter(prefix="/v1", tags=["library"])


@router.get("/models", responses={200: {"model": ModelsOut}})
def models(request: Request) -> Json:
    """Encoders, with the licences of their weights; those that are ready answer at once."""
    loaded = {name.partition("?")[0] for name in house_of(request).loaded}
    return Json(
        {
            "models": [
                {
                    "name": info.name,
                    "dim": info.dim,
                    "modalities": info.modalities,
                    "licence": info.licence,
                    "summary": info.summary,
                    "ready": info.name in loaded,
                }
                for info in registry.describe()
            ]
        }
    )


@router.get("/roots", responses={200: {"model": RootsOut}})
def roots(request: Request) -> Json:
    """Folders and files that may be indexed: named with ``--root``, or indexed before."""
    return Json({"roots": [str(root) for root in house_of(request).roots()]})


@router.get("/collections", responses={200: {"model": CollectionsOut}})
def collections(request: Request) -> Json:
    """Every collection at a glance."""
    found = status(house_of(request).library)
    return Json({"collections": [_document(one) for one in found]})


@router.post(
    "/collections",
    status_code=201,
    openapi_extra=body(CollectionIn),
    responses={201: {"model": CollectionOut}},
)
async def create(request: Request) -> Json:
    """Make an empty collection."""
    house, wanted = house_of(request), await read_json(request, CollectionIn)

    def make() -> Json:
        house.create(wanted.name, wanted.encoder)
        return Json(_one(house, wanted.name), 201)

    return await house.changing.run(make)


@router.get("/collections/{collection}", responses={200: {"model": CollectionOut}})
def collection(collection: str, request: Request) -> Json:
    """One collection at a glance."""
    return Json(_one(house_of(request), collection))


@router.delete("/collections/{collection}", status_code=204)
async def drop(collection: str, request: Request) -> None:
    """Forget a collection with everything in it. Files stay, but those sent to the server."""
    house = house_of(request)
    await house.changing.run(lambda: house.drop(collection))


@router.get("/collections/{collection}/facets", responses={200: {"model": FacetsOut}})
def facets(
    collection: str,
    request: Request,
    filter: Annotated[str | None, Query(max_length=MAX_FILTER)] = None,
) -> Json:
    """How many items can be found by each modality, and have each of the commonest values."""
    found = engine_of(request, collection).facets(filter=filter)
    return Json({"modality": found.modalities, "fields": found.fields})


@router.get("/collections/{collection}/calibration", responses={200: {"model": CalibrationOut}})
def calibration(collection: str, request: Request) -> Json:
    """What cosines of strangers are like, for every pair of modalities."""
    return Json({"pairs": [asdict(one) for one in engine_of(request, collection).calibration()]})


def _one(house: House, name: str) -> dict[str, Any]:
    house.library.catalog.collection(name)  # says which there are
    for found in status(house.library):
        if found.collection.name == name:
            return _document(found)
    raise CollectionNotFound(f"collection {name!r} has been dropped")


def _document(found: CollectionStatus) -> dict[str, Any]:
    of = found.collection
    return {
        "id": of.id,
        "name": of.name,
        "encoder": of.encoder,
        "identity": of.identity,
        "options": of.options,
        "dim": of.dim,
        "generation": of.generation,
        "items": found.items,
        "modalities": {one.modality: _share(one) for one in found.indexes},
        "roots": found.roots,
        "size_bytes": found.size_bytes,
        "budget_bytes": found.budget_bytes,
    }


def _share(of: IndexStatus) -> dict[str, Any]:
    share = asdict(of)
    del share["modality"]
    return share
