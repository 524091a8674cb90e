"""What a client sends as a query, to parts: JSON with base64, or a form with files."""

from __future__ import annotations

import base64
import binascii
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile

from searchengine.engine import Engine
from searchengine.media.modality import decide
from searchengine.server.problems import Problem
from searchengine.types import Modality, QueryPart

MAX_TEXT = 20_000


class PartIn(BaseModel):
    """One thing to search by: ``text``, a ``file`` (base64, or the name of a form field), or the
    ``id`` of an item. A negative ``weight`` moves away from it."""

    model_config = ConfigDict(extra="forbid")
    modality: Modality | None = None
    text: str | None = Field(None, max_length=MAX_TEXT)
    file: str | None = None
    name: str | None = Field(None, max_length=255)
    id: int | None = Field(None, ge=1, le=2**62)
    weight: float = Field(1.0, allow_inf_nan=False, ge=-100, le=100)


class SearchIn(BaseModel):
    """What is asked; see ``Engine.search``."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"query": [{"modality": "text", "text": "a dog"}], "k": 5}},
    )
    query: list[PartIn] = Field(min_length=1, max_length=64)
    targets: list[Modality] | None = None
    filter: str | None = Field(None, max_length=5_000)
    path: str | None = Field(None, max_length=1_000)
    k: int = Field(10, ge=1, le=1_000)
    offset: int = Field(0, ge=0, le=9_000)
    group_by: Literal["item", "none"] = "item"
    score: Literal["calibrated", "rank", "cosine"] = "calibrated"
    mode: Literal["sum", "all"] = "sum"
    min_score: float | None = Field(None, allow_inf_nan=False)
    exact: bool = False
    explain: bool = False
    hybrid: bool = False

    def how(self) -> dict[str, Any]:
        """Keywords of ``Engine.answer``."""
        return self.model_dump(exclude={"query"})


@dataclass(slots=True)
class Asked:
    """A request with the files it came with, by the name of their field."""

    search: SearchIn
    files: dict[str, UploadFile] = field(default_factory=dict)


@asynccontextmanager
async def read_search(request: Request, most: int) -> AsyncIterator[Asked]:
    """JSON as it is, or a form, whose files are there for that long.

    Raises Problem for what cannot be meant.
    """
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_files=most, max_fields=most) as form:
            yield _from_form(form)
    else:
        yield Asked(_validated(await request.body()))


def _from_form(form: FormData) -> Asked:
    """With a field ``request``, files by their field's name; else each field is a part, named
    after its modality."""
    files = {name: value for name, value in form.multi_items() if isinstance(value, UploadFile)}
    said = form.get("request")
    if isinstance(said, str):
        return Asked(_validated(said.encode()), files)
    parts: list[dict[str, Any]] = []
    for name, value in form.multi_items():
        own = {"text": value} if isinstance(value, str) else {"file": name, "name": value.filename}
        parts.append({"modality": name, **own})
    return Asked(_validated(json.dumps({"query": parts}).encode()), files)


def _validated(body: bytes) -> SearchIn:
    try:
        return SearchIn.model_validate_json(body)
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}"
            for fault in error.errors()
        )
        raise Problem(422, "InvalidRequest", said) from None


@contextmanager
def parts_of(asked: Asked, engine: Engine) -> Iterator[list[QueryPart]]:
    """The parts, decoded; files lie in a folder of their own for that long."""
    with tempfile.TemporaryDirectory(prefix="searchengine-query-") as folder:
        yield [
            _part(part, number, Path(folder), asked.files, engine)
            for number, part in enumerate(asked.search.query)
        ]


def _part(
    part: PartIn, number: int, folder: Path, files: Mapping[str, UploadFile], engine: Engine
) -> QueryPart:
    if sum(given is not None for given in (part.text, part.file, part.id)) != 1:
        raise Problem(422, "InvalidRequest", f"query.{number}: give one of text, file and id")
    if part.id is not None:
        return QueryPart(like=part.id, weight=part.weight)
    if part.text is not None:
        return engine.part(Modality.TEXT, part.text, part.weight)
    path = folder / f"{number}{_suffix(part, files)}"
    path.write_bytes(_content(part, number, files))
    modality = part.modality or decide(path).modality
    return engine.part(modality, path, part.weight)


def _suffix(part: PartIn, files: Mapping[str, UploadFile]) -> str:
    """Of the name it was sent under: decoders go by it. Nothing else of a name is used."""
    upload = files.get(part.file or "")
    suffix = Path(part.name or (upload.filename if upload else "") or "").suffix.lower()
    return suffix if suffix[1:].isalnum() and len(suffix) < 10 else ""


def _content(part: PartIn, number: int, files: Mapping[str, UploadFile]) -> bytes:
    upload = files.get(part.file or "")
    if upload is not None:
        return upload.file.read()
    try:
        return base64.b64decode(part.file or "", validate=True)
    except (binascii.Error, ValueError):
        raise Problem(
            422, "InvalidRequest", f"query.{number}.file: neither base64 nor a file of the form"
        ) from None


def echo(search: SearchIn) -> list[dict[str, Any]]:
    """The query as the answer repeats it, without bytes."""
    return [part.model_dump(exclude={"file"}, exclude_none=True) for part in search.query]
