"""Finished files to commits, and the count of what happened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from indexer.compare import Compared, State
from indexer.pieces import Claims, Done, Failed, Outcome, Pending, Twin
from searchengine.store.change import Addition, Change, Update
from searchengine.store.writer import Writer
from searchengine.types import Collection, Failure, Progress

#: A commit costs a few fsyncs; a kill costs at most this much encoding.
COMMIT_SEGMENTS = 2048
COMMIT_S = 5.0


@dataclass(slots=True)
class Tally:
    """Counts of a run so far. ``found`` and ``unchanged`` are counted where files are found."""

    found: int = 0
    unchanged: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    segments: int = 0
    scanned: bool = False
    failures: list[Failure] = field(default_factory=list)

    def progress(self, path: str = "") -> Progress:
        done = self.unchanged + self.new + self.changed + self.moved + len(self.failures)
        return Progress(self.found, done, self.segments, len(self.failures), self.scanned, path)


class Collector:
    """Collects finished files and commits them every so often.

    ``twins`` are the files to look at again, now that their bytes are stored.
    """

    def __init__(
        self,
        writer: Writer,
        collection: Collection,
        recipe: str,
        claims: Claims,
        tally: Tally,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.twins: list[Compared] = []
        self._writer = writer
        self._collection = collection
        self._recipe = recipe
        self._claims = claims
        self._tally = tally
        self._on_progress = on_progress
        self._change = Change()
        self._keys: list[str] = []
        self._last_commit = time.monotonic()

    def __call__(self, outcomes: Iterable[Pending | Outcome]) -> None:
        """Store everything; on the way out too, so that an interrupt loses nothing finished."""
        try:
            for outcome in outcomes:
                self._take(outcome)
                late = time.monotonic() - self._last_commit > COMMIT_S
                if late or self._change.segments >= COMMIT_SEGMENTS:
                    self._commit()
        finally:
            self._commit()

    def _take(self, outcome: Pending | Outcome) -> None:
        match outcome:
            case Twin(compared):
                self.twins.append(compared)
                return
            case Failed(failure, key):
                self._tally.failures.append(failure)
                self._claims.fail(key, failure)
                path = failure.path
            case Done(compared, change, key):
                self._keep(compared, change, key)
                path = compared.file.path
            case Pending():
                self._keep(outcome.compared, outcome.addition(self._recipe), outcome.key)
                path = outcome.compared.file.path
        self._on_progress(self._tally.progress(path))

    def _keep(self, compared: Compared, change: Addition | Update, key: str) -> None:
        tally = self._tally
        self._keys.append(key)
        if isinstance(change, Addition):
            self._change.additions.append(change)
            tally.segments += len(change.segments)
            tally.new += compared.known is None
            tally.changed += compared.known is not None
        else:
            self._change.updates.append(change)
            tally.moved += compared.known is None
            tally.changed += compared.state is State.RETAGGED
            tally.unchanged += compared.state is State.SUSPECT  # touched, with the same bytes

    def _commit(self) -> None:
        change, keys = self._change, self._keys
        self._change, self._keys = Change(), []
        if change:
            self._writer.commit(self._collection, change)
        self._claims.release(keys)
        self._last_commit = time.monotonic()
