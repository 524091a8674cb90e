"""What a file is on its way through a run: pieces for the encoder, or an outcome without it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TypeAlias

from indexer.compare import Compared, row_text
from searchengine.encoders.encoder import Prepared
from searchengine.media.options import MediaOptions
from searchengine.media.outline import Cutting
from searchengine.store.change import Addition, Update
from searchengine.types import Failure, FloatArray, MediaInfo, Modality, Span


@dataclass(frozen=True, slots=True)
class Settings:
    """How files are read and cut. ``declared`` overrides every rule of modality."""

    declared: Modality | None = None
    options: MediaOptions = field(default_factory=MediaOptions)
    cutting: Cutting = field(default_factory=Cutting)
    soundtrack: bool = True

    def recipe(self) -> str:
        """Digest of what decides the vectors of a file, beside its bytes and the encoder."""
        parts = [self.options.recipe(), asdict(self.cutting), self.soundtrack]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(slots=True, eq=False)
class Pending:
    """A file on its way through the encoder. It is done when ``missing`` vectors reach 0."""

    compared: Compared
    key: str
    sha256: str
    modality: Modality
    info: MediaInfo
    segments: list[tuple[Modality, Span | None]]
    vectors: FloatArray
    missing: int
    passages: list[str | None] = field(default_factory=list)

    def addition(self, recipe: str) -> Addition:
        compared = self.compared
        return Addition(
            path=compared.file.path,
            modality=self.modality,
            mime_type=self.info.mime_type,
            size_bytes=compared.file.size_bytes,
            modified_ns=compared.file.modified_ns,
            sha256=self.sha256,
            recipe=recipe,
            duration_s=self.info.duration_s,
            metadata=self.info.metadata,
            row=row_text(compared.file.row),
            segments=tuple(self.segments),
            vectors=self.vectors,
            passages=tuple(self.passages),
            replaces=compared.known.id if compared.known else None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One segment, ready for the encoder."""

    pending: Pending
    position: int
    prepared: Prepared

    @property
    def modality(self) -> Modality:
        return self.pending.segments[self.position][0]


@dataclass(frozen=True, slots=True)
class Done:
    """A file that needs no encoding: ``change`` is what to store."""

    compared: Compared
    change: Update | Addition
    key: str = ""


@dataclass(frozen=True, slots=True)
class Twin:
    """A file whose bytes are being encoded for another: to be looked at again after that."""

    compared: Compared


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that cannot be used."""

    failure: Failure
    key: str = ""


#: What a file can become before it reaches the encoder.
Outcome: TypeAlias = Done | Twin | Failed


class Claims:
    """Bytes being encoded in this run, so that a copy among the files is encoded once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._failed: dict[str, Failure] = {}
        self._lock = threading.Lock()

    def take(self, key: str) -> bool:
        """False when somebody has it."""
        with self._lock:
            free = key not in self._taken
            self._taken.add(key)
            return free

    def release(self, keys: Iterable[str]) -> None:
        with self._lock:
            self._taken.difference_update(keys)

    def fail(self, key: str, failure: Failure) -> None:
        """Its copies need not be tried."""
        with self._lock:
            self._failed[key] = failure

    def failed(self, key: str) -> Failure | None:
        with self._lock:
            return self._failed.get(key)
