"""The nouns of the domain: what files become on their way to a hit.

Arrays are physical quantities with their units in the name; nothing here knows a file
format, a network, SQL or HTTP.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float32]


class Modality(enum.StrEnum):
    """What the user has. Image and video may share a network; that is the encoder's business."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DEPTH = "depth"
    THERMAL = "thermal"
    IMU = "imu"


class ThermalUnit(enum.StrEnum):
    """Whether a thermal value is a temperature or only an ordering within its frame."""

    KELVIN = "kelvin"
    RELATIVE = "relative"


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """Sound: ``samples`` float32 (channels, n) in [-1, 1] at ``rate_hz``."""

    samples: FloatArray
    rate_hz: int

    @property
    def duration_s(self) -> float:
        return float(self.samples.shape[1] / self.rate_hz)


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Some frames of a video.

    ``pixels`` uint8 (t, h, w, 3) RGB; ``times_s`` float64 (t,) from the start of the file;
    ``rate_hz`` and ``frame_count`` describe the whole file, not only the frames kept.
    """

    pixels: npt.NDArray[np.uint8]
    times_s: npt.NDArray[np.float64]
    rate_hz: float
    frame_count: int


@dataclass(frozen=True, slots=True, eq=False)
class DepthMap:
    """Distance from the camera: ``metres`` float32 (h, w), 0 where not ``valid`` (bool (h, w))."""

    metres: FloatArray
    valid: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ThermalImage:
    """Infrared radiance: ``values`` float32 (h, w), in kelvin or relative in [0, 1]."""

    values: FloatArray
    unit: ThermalUnit


@dataclass(frozen=True, slots=True, eq=False)
class ImuRecording:
    """Motion: ``accel_m_s2`` and ``gyro_rad_s`` float32 (n, 3), xyz, gravity included."""

    accel_m_s2: FloatArray
    gyro_rad_s: FloatArray
    rate_hz: float

    @property
    def duration_s(self) -> float:
        return len(self.accel_m_s2) / self.rate_hz


#: Decoded media. ``str`` is text; a bare uint8 (h, w, 3) array is an RGB image. Never a path.
Media: TypeAlias = (
    str | npt.NDArray[np.uint8] | Waveform | Frames | DepthMap | ThermalImage | ImuRecording
)


class SpanUnit(enum.StrEnum):
    """What the numbers of a span count."""

    SECONDS = "s"
    CHARACTERS = "chars"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of an item, ``start`` included and ``end`` not."""

    start: float
    end: float
    unit: SpanUnit = SpanUnit.SECONDS


@dataclass(frozen=True, slots=True)
class Sampling:
    """What an encoder needs of one segment, so that no more than that is decoded.

    ``short_side_px``: pictures and frames may be made smaller while decoding, but no smaller
    than this; None keeps every pixel. ``frame_indices``: the frames of the whole file that are
    wanted, ascending, repeats allowed; None takes all in the span.
    """

    short_side_px: int | None = None
    frame_indices: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a file says of itself without being decoded whole.

    ``duration_s`` is None for pictures, maps and text; ``rate_hz`` is frames, samples or
    readings a second; ``count`` how many of those there are; ``has_sound`` is a video's
    soundtrack. ``metadata`` holds what the container knows (width, title, camera, ...).
    """

    modality: Modality
    mime_type: str
    duration_s: float | None = None
    rate_hz: float | None = None
    count: int | None = None
    has_sound: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be used. A value, never a stop.

    ``error`` is the name of the error class, ``reason`` its text without the path.
    """

    path: str
    error: str
    reason: str


@dataclass(frozen=True, slots=True)
class MediaItem:
    """One file of a collection.

    ``path`` is absolute; ``modified_ns`` is its modification time when it was indexed;
    ``metadata`` joins what the container says with the file's ``metadata.jsonl`` row, the row
    winning.
    """

    id: int
    path: str
    modality: Modality
    mime_type: str
    size_bytes: int
    modified_ns: int
    sha256: str
    duration_s: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Segment:
    """What is embedded and found: an item, or the part ``span`` of it.

    ``id`` is the vector's id, never used twice in a library. ``modality`` differs from the
    item's for a video's soundtrack.
    """

    id: int
    item_id: int
    ordinal: int
    modality: Modality
    span: Span | None = None

    @property
    def start(self) -> float | None:
        return self.span.start if self.span else None

    @property
    def end(self) -> float | None:
        return self.span.end if self.span else None


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Vectors float32 (n, d) of length 1, of one modality.

    ``ids`` int64 (n,) are those of segments, ``items`` int64 (n,) those of their items.
    """

    ids: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    vectors: FloatArray
    modality: Modality


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """What there is to know of an encoder before loading it."""

    name: str
    dim: int
    modalities: tuple[Modality, ...]
    licence: str
    summary: str


@dataclass(frozen=True, slots=True)
class Collection:
    """Items embedded alike.

    ``encoder`` is its name, ``identity`` its weights and preprocessing; ``options`` the
    ``MediaOptions`` that differ from the defaults, as JSON. ``generation`` counts what was
    published; 0 is nothing yet.
    """

    id: int
    name: str
    encoder: str
    identity: str
    options: str
    dim: int
    generation: int


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """Nearest segments of one modality, best first.

    ``ids`` int64 (n,) are those of segments, ``items`` int64 (n,) those of their items,
    ``similarities`` float32 (n,) cosines with what was searched for, ``beside`` float32 (p, n)
    those with other vectors, as asked.
    """

    ids: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    similarities: FloatArray
    modality: Modality
    beside: FloatArray


class Operator(enum.StrEnum):
    """How a filter compares a field with a value. ``CONTAINS`` is a part of a text."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    CONTAINS = "~"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field of an item beside a value; of a field with several values, any one suffices."""

    field: str
    operator: Operator
    value: str | float | bool


@dataclass(frozen=True, slots=True)
class PathGlob:
    """The item's path, or its end after a ``/``, matches the pattern; ``*`` crosses folders."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class And:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    conditions: tuple[Condition, ...]


#: A filter as a tree: written by ``query.filters``, compiled to SQL by the store.
Condition: TypeAlias = Comparison | PathGlob | Not | And | Or


@dataclass(frozen=True, slots=True, eq=False)
class QueryPart:
    """One thing to search by: decoded ``media`` of a modality, or an item already indexed.

    ``media`` holds one or more segments, whose vectors are averaged. A negative ``weight``
    moves away from the part.
    """

    media: tuple[Media, ...] = ()
    modality: Modality | None = None
    like: int | None = None
    weight: float = 1.0


class GroupBy(enum.StrEnum):
    """Whether an item shows once, by its best segment, or every segment is a hit."""

    ITEM = "item"
    NONE = "none"


class Score(enum.StrEnum):
    """What orders hits of different modalities.

    How far above the background of their modality they are, in deviations; their rank within
    their own modality; or raw cosine.
    """

    CALIBRATED = "calibrated"
    RANK = "rank"
    COSINE = "cosine"


class Mode(enum.StrEnum):
    """How several parts make one query: their sum, or every one of them must match."""

    SUM = "sum"
    ALL = "all"


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is asked. ``targets`` None searches every modality that has something in it.

    Hits of a similarity below ``min_score`` are left out. ``explain`` says of every hit which
    part matched how much. ``hybrid`` also looks for the very words of the query. ``dedup`` is the
    cosine, -1 to 1, from which on a hit is a copy of an earlier one and left out (True: a usual
    one); ``diverse``, 0 to 1, how much being unlike the earlier ones counts. None: not done.
    """

    parts: tuple[QueryPart, ...]
    targets: tuple[Modality, ...] | None = None
    k: int = 10
    offset: int = 0
    where: Condition | None = None
    group_by: GroupBy = GroupBy.ITEM
    score: Score = Score.CALIBRATED
    mode: Mode = Mode.SUM
    min_score: float | None = None
    exact: bool = False
    explain: bool = False
    hybrid: bool = False
    dedup: float | bool | None = None
    diverse: float | None = None


@dataclass(frozen=True, slots=True)
class Background:
    """Cosines of a ``target`` modality with queries of ``asked`` that have nothing to do with it.

    ``deviation`` is that around what each query expects. ``askers`` and ``strangers`` are how many
    vectors of the two were looked at. ``percentiles`` are the 50th, 90th and 99th, where asked for.
    """

    asked: Modality
    target: Modality
    mean: float
    deviation: float
    askers: int
    strangers: int
    percentiles: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PartMatch:
    """How well a hit matches one part of the query, by itself.

    ``similarity`` is their cosine; ``score`` counts deviations above the background.
    """

    modality: Modality
    weight: float
    similarity: float
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a score comes from: (closeness - ``mean``) / ``deviation``.

    ``closeness`` is the cosine with the query after the mean of its own modality was taken
    off, where that is done; the background's ``mean`` and ``deviation`` are of such cosines.
    ``method`` says how the hit's modality was searched.
    """

    parts: tuple[PartMatch, ...]
    closeness: float
    mean: float
    deviation: float
    method: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer. ``similarity`` is the cosine with the query; ``score`` what it is ranked by.

    ``percentile``: the share of its modality's background that lies farther from the query,
    0 to 1; None where scores are not calibrated.
    """

    rank: int
    score: float
    similarity: float
    item: MediaItem
    segment: Segment
    percentile: float | None = None
    explain: Explanation | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Answers, best first, all from one ``generation``; ``seconds`` names each stage.

    ``relevant`` False says that even the best is no nearer than strangers are; None is not
    known. Where there are no hits, ``reason`` says why.
    """

    hits: tuple[Hit, ...]
    generation: int
    seconds: dict[str, float] = field(default_factory=dict)
    complete: bool = True
    relevant: bool | None = None
    reason: str | None = None

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)


@dataclass(frozen=True, slots=True)
class Facets:
    """How many items can be found by each modality, and have each value of the commonest fields."""

    modalities: dict[Modality, int]
    fields: dict[str, tuple[tuple[str, int], ...]]


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
    """A collection at a glance."""

    collection: Collection
    items: int
    indexes: tuple[IndexStatus, ...]
    roots: tuple[str, ...]
    size_bytes: int
