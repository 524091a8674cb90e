"""The OpenAPI document: bodies that routes read by themselves, problems, keys, examples."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from searchengine.server.problems import MEDIA_TYPE
from searchengine.server.reading import (
    BatchIn,
    CollectionIn,
    DeleteIn,
    Described,
    JobIn,
    Login,
    SearchIn,
)
from searchengine.server.schemas import ProblemOut
from searchengine.types import Modality

_REFERENCE = "#/components/schemas/{model}"
_PROBLEM = {"content": {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="ProblemOut")}}}}
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "searchengine"},
}
#: Bodies that routes read by themselves, and the answer that any of them may give.
_OWN: tuple[type[BaseModel], ...] = (
    *(SearchIn, BatchIn, CollectionIn, Described, DeleteIn, JobIn, Login, ProblemOut),
)
_FILE = {"type": "string", "format": "binary"}
_PARTS = {m.value: {"type": "string"} if m is Modality.TEXT else _FILE for m in Modality}

#: Of parameters, by name.
EXAMPLES: dict[str, Any] = {
    "collection": "default",
    "item_id": 1,
    "job_id": 1,
    "segment": 1,
    "path": "*/photos/*",
    "filter": "year >= 2020",
    "targets": "image,text",
    "kind": "thumb",
    "size": 320,
    "modality": "image",
    "after": 0,
    "limit": 50,
    "k": 10,
    "offset": 0,
}


def body(model: type[BaseModel]) -> dict[str, Any]:
    """``openapi_extra`` of a route that reads JSON by itself."""
    return {"requestBody": {"required": True, "content": {"application/json": _schema(model)}}}


def body_or_form(model: type[BaseModel]) -> dict[str, Any]:
    """As ``body``, or a form: a file (or words) a modality, or JSON in the field ``request``."""
    form = {"type": "object", "properties": {"request": {"type": "string"}, **_PARTS}}
    content = {
        "application/json": _schema(model),
        "multipart/form-data": {"schema": form, "example": {"text": "a dog"}},
    }
    return {"requestBody": {"required": True, "content": content}}


def upload() -> dict[str, Any]:
    """``openapi_extra`` of a route that takes a file."""
    properties = {
        "file": _FILE,
        "metadata": {"type": "string", "description": "a JSON object"},
        "modality": {"type": "string", "enum": [m.value for m in Modality]},
    }
    form = {"type": "object", "properties": properties, "required": ["file"]}
    example = {"file": "the words of a text", "metadata": '{"year": 2021}', "modality": "text"}
    content = {"multipart/form-data": {"schema": form, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def describe(app: FastAPI) -> dict[str, Any]:
    """The document of ``/openapi.json``, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            routes=app.routes,
            summary="Find anything with anything: one library over HTTP.",
        )
        components = document.setdefault("components", {})
        _, extra = models_json_schema(
            [(model, "validation") for model in _OWN],
            ref_template=_REFERENCE,
        )
        components["schemas"] = {**components.get("schemas", {}), **extra["$defs"]}
        components["securitySchemes"] = _KEYS
        document["security"] = [{}, *({name: []} for name in _KEYS)]
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                for parameter in operation.get("parameters", ()):
                    parameter["example"] = EXAMPLES[parameter["name"]]
                operation["responses"]["default"] = {"description": "A problem", **_PROBLEM}
        app.openapi_schema = document
    return app.openapi_schema


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}}
