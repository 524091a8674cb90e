"""A worker: takes the index jobs of a library, one at a time, and does them."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from indexer.pieces import Settings
from indexer.pipeline import Run
from indexer.scan import Globs
from searchengine.encoders import registry
from searchengine.encoders.encoder import Encoder
from searchengine.errors import (
    CollectionNotFound,
    EncoderMismatch,
    SearchEngineError,
    StoreError,
    StoreLocked,
)
from searchengine.media.options import MediaOptions
from searchengine.media.outline import Cutting
from searchengine.store.jobs import Job, Jobs, JobState
from searchengine.store.library import Library
from searchengine.types import Collection, IndexReport, Modality, Progress

log = logging.getLogger(__name__)

#: How often a worker says how far it is, and hears whether to go on.
TELL_S = 1.0

#: How often an idle worker looks for a job, and one before a locked library tries again.
LOOK_S = 0.5

#: Makes an encoder of its name and a device.
Load = Callable[[str, str], Encoder]


class Interrupted(Exception):
    """The job ends before it is done; what is finished is kept."""


class Worker:
    """Does the jobs of a library. Encoders stay loaded between jobs.

    ``stop()`` may be called from a signal handler or another thread: the job under way is put
    back and goes on from there when it is taken again.
    """

    def __init__(self, library: Library, device: str = "auto", load: Load = registry.load) -> None:
        self._library = library
        self._device = device
        self._load = load
        self._encoders: dict[str, Encoder] = {}
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def work(self) -> None:
        """Take jobs until ``stop``."""
        while not self._stopped.is_set():
            try:
                busy = self.step()
            except StoreError as error:
                log.error("%s", error)
                busy = False
            if not busy:
                self._stopped.wait(LOOK_S)

    def step(self) -> bool:
        """Do one job, unless there is none."""
        job = self._library.jobs.take()
        if job is None:
            return False
        log.info("job %d: %s into %r", job.id, ", ".join(job.paths), job.collection)
        jobs = self._library.jobs
        try:
            with Watch(jobs, job, self._stopped) as watch:
                report = self._patiently(job, watch)
        except Interrupted:
            if self._stopped.is_set():
                jobs.put_back(job.id)
            else:
                jobs.finish(job.id, JobState.CANCELLED)
        except (SearchEngineError, OSError, MemoryError) as error:
            jobs.finish(job.id, JobState.FAILED, error=str(error) or type(error).__name__)
        except Exception as error:
            log.exception("job %d", job.id)
            jobs.finish(job.id, JobState.FAILED, error=f"a defect of searchengine: {error!r}")
        else:
            jobs.finish(job.id, JobState.DONE, report)
        return True

    def _patiently(self, job: Job, watch: Watch) -> IndexReport:
        """Wait while another process writes, as a person would."""
        while True:
            watch.check()
            try:
                return self._run(job, watch)
            except StoreLocked:
                time.sleep(LOOK_S)

    def _run(self, job: Job, watch: Watch) -> IndexReport:
        collection = self._collection(job)
        encoder = self._encoder(collection.encoder)
        if (encoder.identity, encoder.dim) != (collection.identity, collection.dim):
            raise EncoderMismatch(
                f"collection {collection.name!r} was made by {collection.identity}, not "
                f"{encoder.identity}; index into another collection"
            )
        said, processors = job.options, os.cpu_count() or 1
        workers = said.get("workers")
        run = Run(
            self._library,
            collection,
            encoder,
            _settings(collection, said),
            Globs(tuple(said.get("include", ())), tuple(said.get("exclude", ()))),
            prune=bool(said.get("prune")),
            workers=processors if workers is None else min(workers, processors),
            on_progress=watch.note,
        )
        return run.index(job.paths)

    def _collection(self, job: Job) -> Collection:
        """Made now, when the job says by which encoder."""
        try:
            return self._library.catalog.collection(job.collection)
        except CollectionNotFound:
            if not job.options.get("encoder"):
                raise
        encoder = self._encoder(job.options["encoder"])
        identity, options = encoder.identity, MediaOptions().identity()
        with self._library.writer() as writer:
            return writer.create(job.collection, encoder.name, identity, options, encoder.dim)

    def _encoder(self, name: str) -> Encoder:
        if name not in self._encoders:
            self._encoders[name] = self._load(name, self._device)
        return self._encoders[name]


def _settings(collection: Collection, said: Mapping[str, Any]) -> Settings:
    """As the job wants its files read and cut, and the collection its pictures."""
    declared = said.get("modality")
    return Settings(
        Modality(declared) if declared else None,
        MediaOptions(**json.loads(collection.options)),
        Cutting(**(said.get("cutting") or {})),
        said.get("soundtrack", True),
    )


class Watch:
    """While it is open, tells how far a job is, however long one file takes.

    ``check`` and ``note`` raise Interrupted when the job is cancelled or the worker is stopped.
    """

    def __init__(self, jobs: Jobs, job: Job, stopped: threading.Event) -> None:
        self._jobs = jobs
        self._job_id = job.id
        self._progress = job.progress
        self._stopped = stopped
        self._cancelled = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell_on, daemon=True)

    def __enter__(self) -> Watch:
        self._tell()  # a job that was cancelled before it was taken never starts
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._tell()

    def check(self) -> None:
        if self._cancelled.is_set() or self._stopped.is_set():
            raise Interrupted

    def note(self, progress: Progress) -> None:
        self._progress = progress
        self.check()

    def _tell_on(self) -> None:
        while not self._over.wait(TELL_S):
            self._tell()

    def _tell(self) -> None:
        try:
            if self._jobs.tell(self._job_id, self._progress):
                self._cancelled.set()
        except StoreError as error:
            log.warning("job %d: %s", self._job_id, error)
