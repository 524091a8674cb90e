"""What answers look like, for the OpenAPI document; a test holds every route to it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from searchengine.store.jobs import JobState
from searchengine.types import Modality, OperatingPoint


class Document(BaseModel):
    """What is not named here is not sent."""

    model_config = ConfigDict(extra="forbid")


class ProblemOut(BaseModel):
    """RFC 9457. ``title`` is the name of the error, ``detail`` what the command line prints."""

    type: str
    title: str
    status: int
    detail: str


class AskedOut(BaseModel):
    """A part of the query, without bytes."""

    weight: float
    modality: Modality | None = None
    text: str | None = None
    name: str | None = None
    id: int | None = None


class PlaceOut(Document):
    """The part of a file that was found; ``unit`` is ``s`` or ``chars``."""

    id: int
    start: float
    end: float
    unit: str


class HitOut(Document):
    """An answer. ``modality`` is the segment's: of a film's soundtrack audio. ``segment`` is null
    when the whole item was found; it has a ``segment_id`` all the same."""

    rank: int
    score: float
    similarity: float
    percentile: float | None
    modality: Modality
    id: int
    path: str
    segment: PlaceOut | None
    metadata: dict[str, Any]
    item_modality: Modality
    mime_type: str
    duration_s: float | None
    size_bytes: int
    modified_ns: int
    sha256: str
    segment_id: int
    ordinal: int
    media_url: str
    preview_url: str
    text: str | None = None
    explain: dict[str, Any] | None = None


class ResultOut(Document):
    """Answers, best first, of one generation of the collection."""

    query: list[AskedOut]
    hits: list[HitOut]
    generation: int
    seconds: dict[str, float]
    complete: bool
    relevant: bool | None
    reason: str | None


class BatchOut(Document):
    """One result a query, in order, or why there is none."""

    results: list[ResultOut | ProblemOut]


class VectorOut(Document):
    """A vector of length 1."""

    embedding: list[float]
    dim: int
    encoder: str
    modality: Modality


class SegmentOut(Document):
    """``start``, ``end`` and ``unit`` are null when it is the whole item."""

    id: int
    ordinal: int
    modality: Modality
    start: float | None
    end: float | None
    unit: str | None


class ItemOut(Document):
    """All that is kept of an item, but its vectors."""

    id: int
    path: str
    modality: Modality
    mime_type: str
    size_bytes: int
    modified_ns: int
    sha256: str
    duration_s: float | None
    metadata: dict[str, Any]
    segments: list[SegmentOut]
    media_url: str
    preview_url: str


class ItemsOut(Document):
    """A page of items; ``next`` is the ``after`` of the next one. Segments are left out."""

    items: list[ItemOut]
    next: int | None


class ShareOut(Document):
    """One modality of a collection, and how it is searched."""

    items: int
    segments: int
    method: str
    delta: int
    tombstones: int
    size_bytes: int
    memory_bytes: int
    points: list[OperatingPoint]


class CollectionOut(Document):
    """A collection at a glance. ``identity`` is its encoder's weights and preprocessing,
    ``options`` how its pictures are read, ``budget_bytes`` what its indexes may take in memory."""

    id: int
    name: str
    encoder: str
    identity: str
    options: str
    dim: int
    generation: int
    items: int
    modalities: dict[Modality, ShareOut]
    roots: list[str]
    size_bytes: int
    budget_bytes: int | None


class DeletedOut(Document):
    """How many items were forgotten, or would be."""

    items: int


class CollectionsOut(Document):
    collections: list[CollectionOut]


class FacetsOut(Document):
    """How many items can be found by each modality, and have each of the commonest values."""

    modality: dict[Modality, int]
    fields: dict[str, list[tuple[str, int]]]


class PairOut(Document):
    """Cosines of a ``target`` modality with queries of ``asked`` that mean something else."""

    asked: Modality
    target: Modality
    mean: float
    deviation: float
    askers: int
    strangers: int
    percentiles: list[float]


class CalibrationOut(Document):
    """``percentiles`` of each pair are the 50th, 90th and 99th."""

    pairs: list[PairOut]


class ModelOut(Document):
    """An encoder; ``ready`` is whether it is loaded."""

    name: str
    dim: int
    modalities: list[Modality]
    licence: str
    summary: str
    ready: bool


class ModelsOut(Document):
    models: list[ModelOut]


class RootsOut(Document):
    """Folders and files that may be indexed, and whose files may be shown."""

    roots: list[str]


class ProgressOut(Document):
    """``found`` grows until ``scanned``; ``path`` is the file that was done last."""

    found: int
    done: int
    segments: int
    failures: int
    scanned: bool
    path: str


class JobOut(Document):
    """``report`` is what ``index --json`` prints, ``error`` why there is none. Unix seconds."""

    id: int
    collection: str
    paths: list[str]
    options: dict[str, Any]
    state: JobState
    progress: ProgressOut
    report: dict[str, Any] | None
    error: str | None
    cancel: bool
    created_at: float
    started_at: float | None
    finished_at: float | None


class JobsOut(Document):
    jobs: list[JobOut]


class HealthOut(Document):
    status: str


class ReadyOut(Document):
    """``loading`` or ``ready``; ``broken`` are collections whose encoder cannot be loaded."""

    status: str
    broken: dict[str, str] | None = None
