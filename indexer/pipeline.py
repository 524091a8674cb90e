"""An index run, from folders to a published generation. Each stage is one line of ``_pass``."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.channel import Source, ahead, spread
from indexer.collect import Collector, Tally
from indexer.compare import Compared, State, compare
from indexer.encode import EncodeStage
from indexer.pieces import Claims, Settings
from indexer.prepare import Preparer
from indexer.scan import Globs, roots, scan_all
from searchengine.encoders.encoder import Encoder
from searchengine.media.sandbox import Sandbox
from searchengine.store.change import Change
from searchengine.store.layout import UPLOADS
from searchengine.store.library import Library
from searchengine.store.writer import Writer
from searchengine.types import Collection, Failure, IndexReport, Progress

log = logging.getLogger(__name__)

#: Files found but not yet read, and segments prepared but not yet encoded, at most.
FILES_AHEAD = 256
PIECES_AHEAD = 64
FINISHED_AHEAD = 256


@dataclass(slots=True)
class Run:
    """One index run of a collection. ``workers`` 0 does every stage in this thread, in order."""

    library: Library
    collection: Collection
    encoder: Encoder
    settings: Settings = field(default_factory=Settings)
    globs: Globs = field(default_factory=Globs)
    prune: bool = False
    workers: int = 2
    on_progress: Callable[[Progress], None] = lambda progress: None

    def index(self, paths: Sequence[str | Path]) -> IndexReport:
        """Bring the collection up to date with ``paths``.

        Files that cannot be used are in the report and stop nothing. Raises ConfigError for a
        path that is not there, StoreLocked while another process writes, StoreError when the
        disk is full; what was committed until then is kept.
        """
        start = time.perf_counter()
        tops, tally = roots(paths), Tally()
        encode = EncodeStage(self.encoder)
        with self.library.writer() as writer, Sandbox(self.workers) as sandbox:
            self._pass(writer, sandbox, tops, encode, tally)
            gone = self._gone(tops)
            self._finish(writer, tops, gone)
        seconds = time.perf_counter() - start
        return IndexReport(
            new=tally.new,
            changed=tally.changed,
            moved=tally.moved,
            gone=len(gone),
            unchanged=tally.unchanged,
            segments=tally.segments,
            failures=tuple(tally.failures),
            seconds=seconds,
            encoder_busy=encode.busy_s / seconds,
        )

    def _pass(
        self,
        writer: Writer,
        sandbox: Sandbox,
        tops: Sequence[str],
        encode: EncodeStage,
        tally: Tally,
    ) -> None:
        """All files, then those whose bytes were being encoded for another, until none is left."""
        claims, threads = Claims(), self.workers > 0
        prepare = Preparer(
            self.library, self.collection, self.encoder, sandbox, self.settings, claims
        )
        todo: Iterable[Compared | Failure] = self._todo(tops, tally)
        while True:
            files = ahead(todo, FILES_AHEAD, threads=threads)
            pieces = spread(prepare, files, PIECES_AHEAD, self.workers)
            finished = ahead(encode(pieces), FINISHED_AHEAD, threads=threads)
            collector = Collector(
                writer, self.collection, self.settings.recipe(), claims, tally, self.on_progress
            )
            try:
                collector(finished)
            finally:
                _stop(files, pieces, finished)
            if not collector.twins:
                return
            todo = collector.twins

    def _todo(self, tops: Sequence[str], tally: Tally) -> Iterator[Compared | Failure]:
        """Files that need work; the others are only counted."""
        for compared in self.compared(tops):
            tally.found += 1
            if isinstance(compared, Compared) and compared.state is State.UNCHANGED:
                tally.unchanged += 1
                if tally.unchanged % 1000 == 0:
                    self.on_progress(tally.progress())
            else:
                yield compared
        tally.scanned = True
        self.on_progress(tally.progress())

    def compared(self, tops: Sequence[str]) -> Iterator[Compared | Failure]:
        """Every file below ``tops``, beside what the catalog knows of it."""
        files = scan_all(tops, self.globs, skip=str(self.library.path))
        return compare(
            files,
            self.library.catalog,
            self.collection,
            self.settings.recipe(),
            self.settings.declared,
        )

    def _gone(self, tops: Sequence[str]) -> list[int]:
        """Items below ``tops`` whose file is no longer there."""
        gone = {
            known.id: None
            for top in tops
            for chunk in self.library.catalog.below(self.collection, top)
            for known in chunk
            if not os.path.lexists(known.path)
        }
        return list(gone)

    def _finish(self, writer: Writer, tops: Sequence[str], gone: list[int]) -> None:
        known = self.library.catalog.roots(self.collection)
        new = [top for top in tops if top not in known and not self._is_own(top)]
        change = Change(removed=gone if self.prune else [], roots=new)
        if change:
            writer.commit(self.collection, change)

    def _is_own(self, top: str) -> bool:
        """Whether it was sent to the library, which then keeps it."""
        return Path(top).resolve().is_relative_to(self.library.path / UPLOADS)


def _stop(*sources: Source[Any]) -> None:
    """Let the threads of an interrupted run end."""
    for source in sources:
        source.stop()
    for source in sources:
        source.join()
