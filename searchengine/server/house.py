"""What the routes work with: the library's engines, its encoders, its roots."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from searchengine.encoders import registry
from searchengine.engine import DEFAULT_ENCODER, Engine
from searchengine.server.batching import Batched
from searchengine.server.problems import Problem
from searchengine.store.library import Library

UPLOADS = "uploads"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a server is started with.

    ``roots`` may be indexed over HTTP, beside what was indexed before. With ``keys_required``
    nobody gets in without a key. ``names`` are host names that it answers to, beside the
    loopback's; empty is any (with keys only).
    """

    library: Path
    device: str = "auto"
    encoder: str | None = None
    roots: tuple[Path, ...] = ()
    keys_required: bool = False
    names: frozenset[str] = frozenset()
    max_body_bytes: int = 200_000_000
    max_parts: int = 16
    max_k: int = 1_000
    requests_a_minute: int = 6_000


class House:
    """One engine a collection, one encoder a name. Threads share it."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.library = Library(settings.library, create=True)
        self.writing = threading.Lock()
        self._engines: dict[str, Engine] = {}
        self._encoders: dict[str, Batched] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        for engine in self._engines.values():
            engine.close()
        for encoder in self._encoders.values():
            encoder.close()
        self.library.close()

    def engine(self, collection: str, *, create: bool = False) -> Engine:
        """Raises CollectionNotFound."""
        with self._lock:
            known = {c.name: c.encoder for c in self.library.catalog.collections()}
            if collection not in known and not create:
                self._engines.pop(collection, None)
                self.library.catalog.collection(collection)
            if collection not in self._engines:
                name = known.get(collection) or self.settings.encoder or DEFAULT_ENCODER
                self._engines[collection] = Engine(
                    self.settings.library, encoder=self._encoder(name), collection=collection
                )
            return self._engines[collection]

    def warm(self) -> None:
        """Load what the first question needs."""
        for collection in self.library.catalog.collections():
            self.engine(collection.name).embed(text="ready")

    @property
    def waiting(self) -> int:
        """Segments that wait for an encoder."""
        return sum(encoder.waiting for encoder in self._encoders.values())

    def roots(self) -> list[Path]:
        """Where files may be indexed from: registered by hand, or indexed before."""
        indexed = {
            Path(root)
            for collection in self.library.catalog.collections()
            for root in self.library.catalog.roots(collection)
        }
        return sorted({*(root.resolve() for root in self.settings.roots), *indexed})

    def inside(self, path: str | Path) -> Path:
        """``path``, links and dots resolved, when it lies in a root; else a Problem."""
        real = Path(path).resolve()
        if any(real == root or root in real.parents for root in map(Path.resolve, self.roots())):
            return real
        raise Problem(
            403,
            "OutsideRoots",
            f"{path} is in no registered root; index its folder on the server, "
            "or start it with --root",
        )

    def _encoder(self, name: str) -> Batched:
        if name not in self._encoders:
            self._encoders[name] = Batched(registry.load(name, self.settings.device))
        return self._encoders[name]


def house_of(request: Request) -> House:
    """The house of the app that serves this request."""
    house = request.app.state.house
    assert isinstance(house, House)
    return house


def engine_of(request: Request, collection: str) -> Engine:
    """Raises CollectionNotFound."""
    return house_of(request).engine(collection)
