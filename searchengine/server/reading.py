"""What a client sends, to nouns: JSON, with base64 for files, or a form with files."""

from __future__ import annotations

import base64
import binascii
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from searchengine.engine import Engine
from searchengine.errors import MediaError
from searchengine.media.metadata import NAME
from searchengine.media.modality import decide
from searchengine.media.outline import Cutting
from searchengine.query.given import MAX_TEXT, modality_named
from searchengine.server.problems import Problem, problem_of
from searchengine.types import GroupBy, Modality, Mode, QueryPart, Score

MAX_PARTS = 16
MAX_QUERIES = 100
MAX_FILTER = 5_000
MAX_PATH = 1_000
MAX_METADATA_BYTES = 100_000
MAX_ID = 2**62

#: A body of so many bytes is read sooner than handed to a thread.
SHORT_BYTES = 16_384

Model = TypeVar("Model", bound=BaseModel)

#: As a row of the catalog has it.
ItemNumber = Annotated[int, Field(ge=1, le=MAX_ID)]
Glob = Annotated[str, Field(min_length=1, max_length=1_000)]

#: Can be written into a URL.
CollectionName = partial(Field, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/\\]+$")


def one_of(names: type[StrEnum]) -> Any:
    """Of a string: the engine refuses other names, in the words that the command line has."""
    return WithJsonSchema({"type": "string", "enum": [name.value for name in names]})


ModalityName = Annotated[str, one_of(Modality)]


#: True is as much as usual.
Share = StrictBool | Annotated[float, Field(allow_inf_nan=False)]


class PartIn(BaseModel):
    """One thing to search by: ``text``, a ``file`` (base64, or the name of a form field), or the
    ``id`` of an item. A negative ``weight`` moves away from it. Of a file, ``start`` and ``end``
    (seconds) are the part that counts, and ``metadata`` what its ``metadata.jsonl`` row would say
    of a sensor's scale, rate and columns."""

    model_config = ConfigDict(extra="forbid")
    modality: ModalityName | None = None
    text: str | None = Field(None, max_length=MAX_TEXT)
    file: str | None = None
    name: str | None = Field(None, max_length=255)
    start: float | None = Field(None, allow_inf_nan=False, ge=0, le=1e9)
    end: float | None = Field(None, allow_inf_nan=False, gt=0, le=1e9)
    metadata: dict[str, Any] | None = Field(None, max_length=20)
    id: int | None = Field(None, ge=1, le=MAX_ID)
    weight: float = Field(1.0, allow_inf_nan=False, ge=-100, le=100)

    @model_validator(mode="after")
    def _has_sense(self) -> PartIn:
        if sum(given is not None for given in (self.text, self.file, self.id)) != 1:
            raise ValueError("give one of text, file and id")
        if (self.start, self.end) != (None, None):
            if self.file is None or self.start is None or self.end is None:
                raise ValueError("start and end are of a file, and go together")
            if self.end <= self.start:
                raise ValueError("the part ends before it starts")
        return self


class SearchIn(BaseModel):
    """What is asked; see ``Engine.search``."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"query": [{"modality": "text", "text": "a dog"}], "k": 5}},
    )
    query: list[PartIn] = Field(max_length=MAX_PARTS, json_schema_extra={"minItems": 1})
    targets: list[ModalityName] | None = Field(None, max_length=len(Modality))
    filter: str | None = Field(None, max_length=MAX_FILTER)
    path: str | None = Field(None, max_length=MAX_PATH)
    k: int = Field(10, le=1_000, json_schema_extra={"minimum": 1})
    offset: int = Field(0, le=9_000, json_schema_extra={"minimum": 0})
    group_by: Annotated[str, one_of(GroupBy)] = GroupBy.ITEM
    score: Annotated[str, one_of(Score)] = Score.CALIBRATED
    mode: Annotated[str, one_of(Mode)] = Mode.SUM
    min_score: float | None = Field(None, allow_inf_nan=False)
    exact: StrictBool = False
    explain: StrictBool = False
    hybrid: StrictBool = False
    dedup: Share | None = None
    diverse: Share | None = None

    @property
    def has_files(self) -> bool:
        return any(part.file is not None for part in self.query)

    def how(self) -> dict[str, Any]:
        """Keywords of ``Engine.answer``."""
        return self.model_dump(exclude={"query"})


class BatchIn(BaseModel):
    """Questions that are answered together, each read and answered, or refused, by itself."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"queries": [{"query": [{"text": "a dog"}]}, {"query": [{"text": "rain"}]}]}
        },
    )
    queries: list[dict[str, Any]] = Field(
        min_length=1,
        max_length=MAX_QUERIES,
        json_schema_extra={"items": {"$ref": "#/components/schemas/SearchIn"}},
    )


class CollectionIn(BaseModel):
    """A collection to be made; ``encoder`` as ``index --encoder`` takes it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "holidays", "encoder": "starter"}}
    )
    name: str = CollectionName()
    encoder: str | None = Field(None, max_length=200)


class JobIn(BaseModel):
    """What is to be indexed, as ``index`` takes it; ``encoder`` is for a collection that is new.
    ``cutting`` has the lengths of segments, as ``Cutting`` does."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"collection": "default", "paths": ["/media/photos"]}},
    )
    collection: str = CollectionName("default")
    paths: list[Annotated[str, Field(max_length=4_096)]] = Field(
        max_length=100, json_schema_extra={"minItems": 1}
    )
    encoder: str | None = Field(None, max_length=200)
    modality: ModalityName | None = None
    include: list[Glob] = Field([], max_length=100)
    exclude: list[Glob] = Field([], max_length=100)
    prune: StrictBool = False
    workers: int | None = Field(None, ge=0, le=64)
    cutting: Cutting | None = None
    soundtrack: StrictBool = True

    def options(self) -> dict[str, Any]:
        """Of the row that a worker reads. Raises QueryError for what is no modality."""
        if self.modality is not None:
            modality_named(self.modality)
        return self.model_dump(exclude={"collection", "paths"}, mode="json")


class DeleteIn(BaseModel):
    """Items to forget: by ``ids``, and all whose ``path`` fits a glob."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"ids": [12, 13]}})
    ids: list[ItemNumber] = Field([], max_length=10_000)
    path: str | None = Field(None, min_length=1, max_length=1_000)
    dry_run: StrictBool = False


class Described(BaseModel):
    """A merge patch: names given null are forgotten."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"metadata": {"mood": "calm", "year": None}}}
    )
    metadata: dict[str, Any] = Field(max_length=200)

    @field_validator("metadata")
    @classmethod
    def _storable(cls, metadata: dict[str, Any]) -> dict[str, Any]:
        """As ``metadata.jsonl`` has it: JSON without NaN, names that fit a column."""
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode()
        if len(text) > MAX_METADATA_BYTES:
            raise ValueError(f"longer than {MAX_METADATA_BYTES} bytes")
        if any(not 0 < len(name) <= 200 for name in metadata):
            raise ValueError("a name has 1 to 200 characters")
        return metadata


class Login(BaseModel):
    """A key, for which there is a cookie."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"key": "sk-..."}})
    key: str = Field(max_length=200)


@dataclass(slots=True)
class Asked:
    """A request with the files it came with, by the name of their field, and what was made of
    them: ``parts`` or why there are none."""

    search: SearchIn
    files: dict[str, UploadFile] = field(default_factory=dict)
    parts: Sequence[QueryPart] | Problem | None = None


async def read_json(request: Request, model: type[Model]) -> Model:
    """The body. A long one is read in a thread: it takes longer than the event loop has.

    Raises Problem for what is not of that shape.
    """
    body = await request.body()
    if len(body) <= SHORT_BYTES:
        return validated(model, body)
    return await run_in_threadpool(validated, model, body)


def validated(model: type[Model], body: bytes | str | dict[str, Any]) -> Model:
    """JSON, or what was made of it. Raises Problem that says what is wrong, and where."""
    try:
        if isinstance(body, dict):
            return model.model_validate(body)
        return model.model_validate_json(body)
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise Problem(422, "InvalidRequest", said) from None


@asynccontextmanager
async def read_form(request: Request, most: int) -> AsyncIterator[FormData]:
    """A form of at most ``most`` files and as many fields, which are there for that long."""
    if not is_form(request):
        raise Problem(415, "InvalidRequest", "send multipart/form-data")
    async with request.form(max_files=most, max_fields=most) as form:
        yield form


@asynccontextmanager
async def read_search(request: Request, most: int) -> AsyncIterator[Asked]:
    """JSON as it is, or a form, whose files are there for that long. Raises Problem."""
    if is_form(request):
        async with read_form(request, most) as form:
            yield await run_in_threadpool(_from_form, form)
    else:
        yield Asked(await read_json(request, SearchIn))


def is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


def _from_form(form: FormData) -> Asked:
    """With a field ``request``, files by their field's name; else each field is a part, named
    after its modality, ``auto`` where the file's name shall say."""
    files = {name: value for name, value in form.multi_items() if isinstance(value, UploadFile)}
    said = form.get("request")
    if isinstance(said, str):
        return Asked(validated(SearchIn, said), files)
    parts: list[dict[str, Any]] = []
    sent: dict[str, UploadFile] = {}
    for number, (name, value) in enumerate(form.multi_items()):
        modality = None if name == "auto" else name
        if isinstance(value, UploadFile):
            sent[f"{number}"] = value
            parts.append({"modality": modality, "file": f"{number}", "name": value.filename})
        else:
            parts.append({"modality": modality, "text": value})
    return Asked(validated(SearchIn, json.dumps({"query": parts})), sent)


def parts_of(asked: Asked, engine: Engine) -> list[QueryPart]:
    """The parts, decoded; files, if there are any, lie in a folder of their own meanwhile.

    Raises Problem, SearchEngineError.
    """
    with _folder() if asked.search.has_files else nullcontext("") as folder:
        return [
            _part(part, number, Path(folder), asked.files, engine)
            for number, part in enumerate(asked.search.query)
        ]


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="searchengine-query-")


def _part(
    part: PartIn, number: int, folder: Path, files: Mapping[str, UploadFile], engine: Engine
) -> QueryPart:
    if part.id is not None:
        return QueryPart(like=part.id, weight=part.weight)
    if part.text is not None:
        if part.modality not in (None, Modality.TEXT):
            raise Problem(422, "InvalidRequest", f"query.{number}: text is no {part.modality}")
        return engine.part(Modality.TEXT, part.text, part.weight)
    upload = files.get(part.file or "")
    name = part.name or (upload and upload.filename) or ""
    path = folder / str(number) / f"file{suffixes(name)}"
    _write(path, part, number, upload)
    clip = path if part.end is None else Path(f"{path}@{part.start:f}-{part.end:f}")
    try:
        return engine.part(part.modality or decide(path).modality, clip, part.weight)
    except MediaError as error:
        named = type(error)(name or f"query.{number}", error.reason)
        raise problem_of(named, part=number) from error


def suffixes(name: str) -> str:
    """The last two, ``.depth.png``: modality and decoder go by them, and by nothing else."""
    kept = [one for one in Path(name).suffixes[-2:] if one[1:].isalnum() and len(one) < 12]
    return "".join(kept).lower()


def _write(path: Path, part: PartIn, number: int, upload: UploadFile | None) -> None:
    path.parent.mkdir()
    if part.metadata:
        row = {**part.metadata, "file_name": path.name}
        (path.parent / NAME).write_text(json.dumps(row), encoding="utf-8")
    try:
        with path.open("wb") as file:
            if upload is not None:
                shutil.copyfileobj(upload.file, file)
            else:
                file.write(base64.b64decode(part.file or "", validate=True))
    except (binascii.Error, ValueError):
        raise Problem(
            422, "InvalidRequest", f"query.{number}.file: neither base64 nor a file of the form"
        ) from None


def echo(search: SearchIn) -> list[dict[str, Any]]:
    """The query as the answer repeats it, without bytes."""
    return [
        part.model_dump(exclude={"file", "metadata"}, exclude_none=True, mode="json")
        for part in search.query
    ]
