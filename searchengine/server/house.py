"""What the routes work with: the library's engines, its encoders, its roots."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request

from indexer.scan import roots
from searchengine.encoders import registry
from searchengine.encoders.encoder import Encoder
from searchengine.engine import Engine
from searchengine.errors import SearchEngineError
from searchengine.media.sandbox import Limits, Sandbox
from searchengine.opened import DEFAULT_ENCODER
from searchengine.server.limits import Places, Threads
from searchengine.server.problems import Busy, Problem
from searchengine.server.worker import WorkerProcess
from searchengine.store.jobs import Job
from searchengine.store.layout import UPLOADS
from searchengine.store.library import Library
from searchengine.types import Collection

log = logging.getLogger(__name__)

#: How long a request waits for another one that writes.
WRITING_S = 10.0

#: Processes that decode the files of queries.
DECODERS = os.cpu_count() or 1

#: Requests that change the library or wait to, one at a time, and that may wait for that.
CHANGED, CHANGED_WAITING = 4, 16

#: The longest that one call for a file of a query may take to decode.
DECODING_S = 20.0


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a server is started with.

    ``roots`` may be indexed over HTTP, beside what was indexed before. With ``keys_required``
    nobody gets in without a key. ``names`` are host names that it answers to, beside the
    loopback's; empty is any (with keys only). ``max_json_bytes`` is for every body that is no
    form, ``max_body_s`` for a body to arrive, ``max_requests`` for what is worked on at once,
    ``max_streams`` for jobs that are followed at once.
    An answer must begin ``deadline_s`` after its request is whole, that to a change ``change_s``.
    A key has ``requests_a_minute``, and so has an address that shows none, where one is needed.
    Without ``worker``, index jobs wait for one that was started elsewhere.
    """

    library: Path
    device: str = "auto"
    encoder: str | None = None
    roots: tuple[Path, ...] = ()
    keys_required: bool = False
    names: frozenset[str] = frozenset()
    max_body_bytes: int = 200_000_000
    max_json_bytes: int = 20_000_000
    max_body_s: float = 600.0
    deadline_s: float = 30.0
    change_s: float = 600.0
    max_parts: int = 16
    max_requests: int = 128
    max_streams: int = 64
    requests_a_minute: int = 6_000
    worker: bool = True


class House:
    """One engine a collection, one encoder a name. Threads share it."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.library = Library(settings.library, create=True)
        self.worker = WorkerProcess(settings.library, settings.device)
        self.sandbox = Sandbox(DECODERS, Limits(seconds=min(DECODING_S, settings.deadline_s)))
        self.changing = Threads(CHANGED, CHANGED_WAITING, "their change")
        self.streams = Places(settings.max_streams, "jobs are being followed")
        #: Why a collection cannot be asked, by its name; filled while starting.
        self.broken: dict[str, str] = {}
        self._writing = threading.Lock()
        self._engines: dict[str, tuple[Collection, Engine]] = {}
        self._encoders: dict[str, Encoder] = {}
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    def close(self) -> None:
        """No request may be on its way."""
        self.worker.close()
        for _, engine in self._engines.values():
            engine.close()
        self.sandbox.close()
        self.library.close()

    def engine(self, name: str, *, create: bool = False) -> Engine:
        """Raises CollectionNotFound, or CheckpointError when its encoder is not here."""
        if create and name not in {one.name for one in self.library.catalog.collections()}:
            self.create(name)
        collection = self.library.catalog.collection(name)
        encoder = self.encoder(collection.encoder)
        with self._lock:
            known, engine = self._engines.get(name, (None, None))
            if engine is None or known is None or known.id != collection.id:
                self._retire(engine)
                engine = Engine(
                    self.settings.library,
                    encoder=encoder,
                    collection=name,
                    sandbox=self.sandbox,
                )
                self._engines[name] = collection, engine
            return engine

    def has_engine(self, name: str) -> bool:
        """Whether ``engine`` answers at once, unless the collection was made again."""
        return name in self._engines

    def encoder(self, name: str) -> Encoder:
        """Loaded once; who needs it meanwhile waits."""
        found = self._encoders.get(name)
        if found is None:
            with self._loading:
                if name not in self._encoders:
                    self._encoders[name] = registry.load(name, self.settings.device)
                found = self._encoders[name]
        return found

    def create(self, name: str, encoder: str | None = None) -> Collection:
        """A new, empty collection. Raises CollectionExists, and Problem for the encoder."""
        loaded = self.encoder(self._named(encoder))
        with self.writing(), Engine(self.settings.library) as engine:
            return engine.create_collection(name, loaded)

    def drop(self, name: str) -> None:
        """Forget a collection, and remove the files that were sent to it."""
        collection = self.library.catalog.collection(name)
        with self.writing(), Engine(self.settings.library) as engine:
            engine.drop_collection(name)
        shutil.rmtree(self.uploads(collection), ignore_errors=True)

    def start(self, collection: str, paths: Sequence[str], options: Mapping[str, Any]) -> Job:
        """An index job for ``paths``, below a root. Raises Problem; ConfigError when one is not
        there."""
        real = [str(self.inside(path)) for path in paths]
        roots(paths)
        encoder = self._named(options.get("encoder"))
        job = self.library.jobs.add(collection, real, {**options, "encoder": encoder})
        if self.settings.worker:
            self.worker.ensure()
        return job

    def _named(self, encoder: str | None) -> str:
        """One that clients may name: a folder, only when a collection was made with it here."""
        usual = self.settings.encoder or DEFAULT_ENCODER
        if encoder is None:
            return usual
        used = {one.encoder for one in self.library.catalog.collections()}
        if os.sep in encoder and encoder not in {usual, *used}:
            raise Problem(422, "UnknownEncoder", f"no encoder {encoder!r} here; see /v1/models")
        return encoder

    @property
    def loaded(self) -> frozenset[str]:
        """Encoders that answer at once."""
        return frozenset(self._encoders)

    def warm(self) -> None:
        """Load what the first question needs; what cannot be loaded is in ``broken``. Jobs that
        were left go on."""
        for collection in self.library.catalog.collections():
            try:
                self.engine(collection.name).embed(text="ready")
            except SearchEngineError as error:
                log.warning("collection %r: %s", collection.name, error)
                self.broken[collection.name] = str(error)
        if self.settings.worker and any(not job.state.is_over for job in self.library.jobs.all()):
            self.worker.ensure()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One request writes at a time. Raises Busy when others take too long; another process
        that writes is StoreLocked."""
        if not self._writing.acquire(timeout=WRITING_S):
            raise Busy("another request is changing the library; try again in a moment")
        try:
            yield
        finally:
            self._writing.release()

    def uploads(self, collection: Collection) -> Path:
        """Where the files lie that were sent to a collection."""
        return self.library.path / UPLOADS / str(collection.id)

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
        try:
            real = Path(path).resolve()
        except (OSError, ValueError, RuntimeError):  # a zero byte, a loop of links
            raise Problem(422, "InvalidRequest", f"{path!r} is no path") from None
        tops = {*map(Path.resolve, self.roots()), self.library.path / UPLOADS}
        if tops & {real, *real.parents}:
            return real
        raise Problem(
            403,
            "OutsideRoots",
            f"{path} is in no registered root; index its folder on the server, "
            "or start it with --root",
        )

    def _retire(self, engine: Engine | None) -> None:
        """Close it when nobody can be using it any more."""
        if engine is not None:
            timer = threading.Timer(2 * self.settings.deadline_s, engine.close)
            timer.daemon = True
            timer.start()


def house_of(request: Request) -> House:
    """The house of the app that serves this request."""
    house = request.app.state.house
    assert isinstance(house, House)
    return house


def engine_of(request: Request, collection: str) -> Engine:
    """Raises CollectionNotFound."""
    return house_of(request).engine(collection)
