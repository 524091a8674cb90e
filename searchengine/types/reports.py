"""What is told of a library: index runs, plans, problems, and the state of its indexes."""

from __future__ import annotations

from dataclasses import dataclass

from searchengine.types.items import Collection, Failure
from searchengine.types.media import Modality


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What an index run found and did; counts are files, ``segments`` those newly stored.

    ``moved`` files keep their vectors; ``gone`` files are only forgotten with ``prune``.
    ``encoder_busy`` is the share of the run in which the encoder worked, 0 to 1.
    """

    new: int = 0
    changed: int = 0
    moved: int = 0
    gone: int = 0
    unchanged: int = 0
    segments: int = 0
    failures: tuple[Failure, ...] = ()
    seconds: float = 0.0
    encoder_busy: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an index run is. ``found`` grows until ``scanned`` is True."""

    found: int
    done: int
    segments: int
    failures: int
    scanned: bool
    path: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """What an index run would do with one file: ``rule`` says why ``modality`` was chosen.

    ``modality`` None is a file that would fail; ``rule`` then holds the reason.
    """

    path: str
    modality: Modality | None
    rule: str
    state: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something ``verify`` found: the file or row, what is wrong, and whether it was repaired."""

    path: str
    reason: str
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """How hard an index is searched for queries of the modality ``asked``, as ``tune`` found.

    ``probed`` is a share of its lists, ``rerank_factor`` candidates compared exactly for each
    hit, ``recall`` the share of the exact 10 nearest that ``queries`` then found.
    """

    asked: Modality
    probed: float
    rerank_factor: int
    recall: float
    queries: int


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """One modality of a collection: how many segments, and how they are searched.

    ``points`` is empty where every vector is compared, or nothing was tuned. ``size_bytes`` is on
    disk, ``memory_bytes`` what its index and the vectors beside it hold in memory.
    """

    modality: Modality
    items: int
    segments: int
    method: str
    delta: int
    tombstones: int
    size_bytes: int
    points: tuple[OperatingPoint, ...] = ()
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class CollectionStatus:
    """A collection at a glance. ``budget_bytes`` is what its indexes may take in memory."""

    collection: Collection
    items: int
    indexes: tuple[IndexStatus, ...]
    roots: tuple[str, ...]
    size_bytes: int
    budget_bytes: int | None = None
