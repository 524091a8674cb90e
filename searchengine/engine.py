"""``Engine``: everything searchengine does, in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from indexer.compare import row_text
from indexer.pieces import Settings
from indexer.pipeline import Run
from indexer.plan import plan
from indexer.scan import Globs, roots
from searchengine.config import budget, memory_budget_bytes
from searchengine.encoders.encoder import Encoder
from searchengine.errors import (
    ItemNotFound,
    QueryError,
    SearchEngineError,
)
from searchengine.media.decode import Wanted
from searchengine.media.options import MediaOptions
from searchengine.media.outline import Cutting
from searchengine.media.sandbox import Sandbox
from searchengine.opened import DEFAULT_ENCODER, Opened
from searchengine.query.calibrate import backgrounds
from searchengine.query.check import check_query
from searchengine.query.embed import embed_media
from searchengine.query.given import BLOCK, Given, blocks, given_query, modality_named
from searchengine.query.parse import build_query, like_parts, read_parts
from searchengine.query.search import search, search_all
from searchengine.store.change import Change, Update
from searchengine.store.library import Library
from searchengine.store.status import status
from searchengine.store.vectors.recipe import RECIPE
from searchengine.store.verify import verify
from searchengine.types import (
    Background,
    Collection,
    CollectionStatus,
    Facets,
    FloatArray,
    IndexReport,
    IndexStatus,
    Media,
    MediaItem,
    Modality,
    PathGlob,
    Planned,
    Problem,
    Progress,
    Query,
    QueryPart,
    SearchResult,
    Segment,
)

DEFAULT_COLLECTION = "default"

#: Names and captions that stand for queries where a collection has no texts.
SPOKEN = 200


class Engine:
    """A library and one collection of it, to fill and to ask.

    ``encoder`` is a name or an Encoder; None takes what the collection was made with, or
    ``starter``. ``sandbox`` decodes the files of queries, and is not closed here; None makes one
    of one process. ``database_url`` is the PostgreSQL that keeps the catalog; empty is SQLite in
    the folder, None what ``SEARCHENGINE_DATABASE_URL`` says. ``memory_budget`` in bytes, or such
    as "2GiB", is what the indexes of a collection may take, from its next change on ("none": no
    limit); None is what ``SEARCHENGINE_MEMORY_BUDGET`` says, or was said before. Nothing is
    loaded or created until it is needed. Threads may share an engine.
    """

    def __init__(
        self,
        library: str | Path,
        *,
        encoder: str | Encoder | None = None,
        collection: str = DEFAULT_COLLECTION,
        device: str = "auto",
        options: MediaOptions | None = None,
        sandbox: Sandbox | None = None,
        database_url: str | None = None,
        memory_budget: int | str | None = None,
    ) -> None:
        given = budget(memory_budget) if isinstance(memory_budget, str) else memory_budget
        budget_bytes = memory_budget_bytes() if given is None else given
        self._opened = Opened(
            Path(library),
            collection,
            encoder,
            device,
            options or MediaOptions(),
            replace(RECIPE, budget_bytes=budget_bytes, on_gpu=device == "cuda"),
            sandbox,
            database_url,
        )

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._opened.close()

    # -- filling

    def index(
        self,
        paths: Sequence[str | Path],
        *,
        modality: Modality | str | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        prune: bool = False,
        workers: int | None = None,
        cutting: Cutting | None = None,
        soundtrack: bool = True,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> IndexReport:
        """Bring the collection up to date with files and folders, making it if need be.

        ``workers`` decode beside the encoder (default: one a processor; 0: none). Raises
        EncoderMismatch when the collection is of another encoder; see ``Run.index``.
        """
        roots(paths)  # refuse a path that is not there before anything is made
        run = self._run(modality, include, exclude, cutting, soundtrack)
        run.prune, run.on_progress = prune, on_progress
        run.workers = (os.cpu_count() or 1) if workers is None else workers
        return run.index(paths)

    def plan(
        self,
        paths: Sequence[str | Path],
        *,
        modality: Modality | str | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
    ) -> Iterator[Planned]:
        """What ``index`` would do with each file, and why; nothing is written."""
        declared = modality_named(modality) if modality else None
        settings = Settings(declared, self._opened.options)
        globs = Globs(tuple(include), tuple(exclude))
        known = self._opened.found()
        library = self._library() if Library.exists(self._opened.path) else None
        return plan(library, known, self.encoder(), paths, settings, globs)

    def describe(self, item_id: int, metadata: Mapping[str, Any]) -> MediaItem:
        """Change what is said of an item: names given None are forgotten (RFC 7396, one level).

        It holds until the file's ``metadata.jsonl`` row says otherwise in an index run.
        """
        item, _ = self.show(item_id)
        catalog = self._library().catalog
        row = {**catalog.row(item_id), **metadata}
        kept = {name: value for name, value in row.items() if value is not None}
        change = Update(item_id, item.path, item.modified_ns, row_text(kept))
        with self._library().writer() as writer:
            writer.commit(self.collection(), Change(updates=[change]))
        return self.show(item_id)[0]

    def delete(
        self, *, ids: Sequence[int] = (), path: str | None = None, dry_run: bool = False
    ) -> int:
        """Forget items by id and by path glob; returns how many. Files stay where they are."""
        collection = self.collection()
        catalog = self._library().catalog
        chosen = set(catalog.item_ids(collection, PathGlob(path))) if path else set()
        for item_id in ids:
            self.show(item_id)
            chosen.add(item_id)
        if chosen and not dry_run:
            with self._library().writer() as writer:
                writer.commit(collection, Change(removed=sorted(chosen)))
        return len(chosen)

    # -- asking

    def search(
        self,
        *,
        like: int | Sequence[int] | None = None,
        not_like: int | Sequence[int] | None = None,
        weights: Mapping[str, float] | None = None,
        negative: Mapping[str, Given] | None = None,
        targets: Sequence[str] | None = None,
        k: int = 10,
        offset: int = 0,
        filter: str | None = None,
        path: str | None = None,
        group_by: str = "item",
        score: str = "calibrated",
        mode: str = "sum",
        min_score: float | None = None,
        exact: bool = False,
        explain: bool = False,
        hybrid: bool = False,
        dedup: float | bool | None = None,
        diverse: float | bool | None = None,
        **parts: Given,
    ) -> SearchResult:
        """Find neighbours of what is given, across modalities.

        ``parts`` are ``text=, image=, video=, audio=, depth=, thermal=, imu=``: words, or paths
        (``"x.wav@2-5"`` is seconds 2 to 5), or decoded media; one or a list; a text file is a
        ``Path``. ``like`` and ``not_like`` are ids of items. ``weights`` and ``negative`` are by
        modality. ``dedup`` shows near-duplicates once (True, or the cosine from which on two are
        one), ``diverse`` prefers what is unlike the rest (True, or how much that counts, 0 to 1);
        see ``Query`` for the others. Raises
        QueryError, MediaError, EncoderError or StoreError.
        """
        self._opened.fitting()
        read = read_parts(self._opened.reader(), parts, weights or {}, negative or {})
        return self.answer(
            [*read, *like_parts(like, 1.0), *like_parts(not_like, -1.0)],
            targets=targets,
            k=k,
            offset=offset,
            filter=filter,
            path=path,
            group_by=group_by,
            score=score,
            mode=mode,
            min_score=min_score,
            exact=exact,
            explain=explain,
            hybrid=hybrid,
            dedup=dedup,
            diverse=diverse,
        )

    def part(self, modality: str, given: Given, weight: float = 1.0) -> QueryPart:
        """One part of a query, decoded: words, a path, or media already decoded."""
        return self._opened.reader().part(given, modality_named(modality), weight)

    def answer(self, parts: Sequence[QueryPart], **how: Any) -> SearchResult:
        """Neighbours of parts that were read before; keywords as in ``search``."""
        collection, encoder = self._opened.fitting()
        query = build_query(parts, **how)
        return search(query, encoder, self._library(), collection)

    def similar(self, item_id: int, *, k: int = 10, **how: Any) -> SearchResult:
        """Neighbours of an item, without the item itself; keywords as in ``search``."""
        return self.search(like=item_id, k=k, **how)

    def batch(
        self, queries: Iterable[Mapping[str, Any]], *, block: int = BLOCK
    ) -> Iterator[SearchResult | SearchEngineError]:
        """Answer many queries in order, each given as ``search`` takes it.

        A block of them is encoded and searched together; a query that cannot be answered gives
        its error, and stops nothing.
        """
        self._opened.fitting()
        for some in blocks(queries, block):
            read = [self._query(one) for one in some]
            answers = self.answer_all([one for one in read if isinstance(one, Query)])
            for one in read:
                yield next(answers) if isinstance(one, Query) else one

    def answer_all(self, queries: Sequence[Query]) -> Iterator[SearchResult | SearchEngineError]:
        """An answer for each query that was read before, or its error; all are encoded together."""
        collection, encoder = self._opened.fitting()
        return iter(search_all(queries, encoder, self._library(), collection))

    def embed(self, **part: Given) -> FloatArray:
        """The unit vector float32 (dim,) of one part, such as ``image="x.jpg"``."""
        if len(part) != 1:
            raise QueryError("embed takes exactly one part, such as image='x.jpg'")
        ((name, value),) = part.items()
        read = self._opened.reader().part(value, modality_named(name), 1.0)
        return embed_media(read, self.encoder())

    # -- looking

    def items(
        self, *, filter: str | None = None, path: str | None = None, after: int = 0, limit: int = 50
    ) -> list[MediaItem]:
        """Items whose ids are greater than ``after``, by id, at most ``limit``."""
        wanted = build_query((), filter=filter, path=path).where
        return self._library().catalog.items(self.collection(), wanted, after, limit)

    def facets(self, *, filter: str | None = None) -> Facets:
        """What there is: how many items by each modality, and with the commonest metadata."""
        wanted = build_query((), filter=filter).where
        return self._library().catalog.facets(self.collection(), wanted)

    def passages(self, segment_ids: Sequence[int]) -> dict[int, str]:
        """The words of those segments that are texts."""
        return self._library().catalog.passages(segment_ids)

    def roots(self) -> tuple[str, ...]:
        """Folders and files that the collection was indexed from."""
        return self._library().catalog.roots(self.collection())

    def show(self, item_id: int) -> tuple[MediaItem, tuple[Segment, ...]]:
        """An item and its segments. Raises ItemNotFound."""
        try:
            return self._library().catalog.item(self.collection(), item_id)
        except KeyError:
            raise ItemNotFound(f"no item {item_id} in {self._opened.name!r}") from None

    def find(self, path: str | Path) -> MediaItem | None:
        """The item of the file at ``path``, absolute."""
        known = self._library().catalog.known(self.collection(), [str(path)])
        return self.show(known[str(path)].id)[0] if known else None

    def decode(self, item: MediaItem, segment: Segment) -> Media:
        """What a segment holds, read from its file with what its metadata says of it."""
        options = self._opened.options.with_row(item.metadata)
        path, reader = Path(item.path), self._opened.decoder()
        cutting = Cutting()
        info = reader.outline(path, segment.modality, options, cutting).info
        wanted = Wanted(segment.span, self.encoder().sampling(info, segment.span))
        return reader.decode(path, segment.modality, [wanted], options)[0]

    def export(
        self, modality: str | None = None
    ) -> Iterator[tuple[MediaItem, Segment, FloatArray]]:
        """Every segment with its item and vector float32 (dim,), from one generation."""
        snapshot = self._library().snapshot(self.collection())
        chosen = snapshot.modalities if modality is None else [modality_named(modality)]
        for one in (m for m in chosen if m in snapshot.tables):
            for ids, vectors in snapshot.tables[one].alive():
                found = self._library().catalog.hydrate(ids.tolist())
                for segment_id, vector in zip(ids.tolist(), vectors, strict=True):
                    if hit := found.get(segment_id):
                        yield hit.item, hit.segment, vector

    def calibration(self) -> tuple[Background, ...]:
        """What cosines of strangers are like, for every pair of modalities of the collection."""
        snapshot = self._library().snapshot(self.collection())
        if not snapshot.modalities:
            return ()
        return backgrounds(snapshot, self.encoder().centers).table()

    def status(self) -> tuple[CollectionStatus, ...]:
        """Every collection at a glance."""
        return status(self._library())

    def verify(self, *, repair: bool = False) -> tuple[Problem, ...]:
        """Check every file and row of the library; () is sound."""
        return verify(self._library(), repair=repair)

    def compact(self) -> int:
        """Drop what is deleted from the collection's files; returns the bytes given back."""
        collection = self.collection()
        with self._library().writer() as writer:
            return writer.compact(collection)

    def tune(self, *, recall: float = 0.95) -> tuple[IndexStatus, ...]:
        """Measure how hard each index must be searched, for each modality of query, to find
        ``recall`` of the exact 10 nearest; every search goes by it from then on.

        Stored vectors of the other modalities stand for queries. Where there are no texts, what
        is said of items (names, captions) is encoded instead.
        """
        if not 0 < recall < 1:
            raise QueryError(f"recall must lie between 0 and 1, not {recall}")
        collection, library = self.collection(), self._library()
        askers = {}
        if Modality.TEXT not in library.snapshot(collection).tables:
            askers = {Modality.TEXT: self._spoken(library.catalog.said(collection, SPOKEN))}
        with library.writer() as writer:
            writer.tune(collection, recall, askers)
        return next(s.indexes for s in self.status() if s.collection.id == collection.id)

    # -- collections

    def collection(self) -> Collection:
        """The collection of this engine. Raises CollectionNotFound."""
        return self._opened.collection()

    def collections(self) -> tuple[Collection, ...]:
        return self._library().catalog.collections()

    def create_collection(self, name: str, encoder: str | Encoder | None = None) -> Collection:
        """A new, empty collection. Raises CollectionExists."""
        chosen = encoder or self._opened.chosen or DEFAULT_ENCODER
        return self._opened.create(name, self._opened.load(chosen))

    def drop_collection(self, name: str) -> None:
        """Forget a collection and its vectors; the media files stay."""
        collection = self._library().catalog.collection(name)
        with self._library().writer() as writer:
            writer.drop(collection)

    def encoder(self) -> Encoder:
        """The encoder in use, loaded on first need."""
        return self._opened.encoder()

    # -- inside

    def _library(self) -> Library:
        return self._opened.library()

    def _query(self, given: Any) -> Query | SearchEngineError:
        """A query read, or why it cannot be."""
        try:
            asked = given_query(given)
            read = read_parts(self._opened.reader(), asked.parts, asked.weights, asked.negative)
            likes = [*like_parts(asked.like, 1.0), *like_parts(asked.not_like, -1.0)]
            query = build_query([*read, *likes], **asked.how)
            check_query(query)
            return query
        except SearchEngineError as error:
            return error
        except (TypeError, ValueError) as error:
            return QueryError(f"not a query: {str(error).removeprefix('build_query() ')}")

    def _spoken(self, texts: Sequence[str]) -> FloatArray:
        """Vectors float32 (n, d) of words, or none where the encoder knows no words."""
        _, encoder = self._opened.fitting()
        if not texts or Modality.TEXT not in encoder.modalities:
            return np.empty((0, encoder.dim), np.float32)
        prepared = [encoder.preprocess(text, Modality.TEXT) for text in texts]
        return encoder.encode(prepared, Modality.TEXT)

    def _run(
        self,
        modality: Modality | str | None,
        include: Sequence[str],
        exclude: Sequence[str],
        cutting: Cutting | None,
        soundtrack: bool,
    ) -> Run:
        opened, encoder = self._opened, self.encoder()
        library = opened.library(create=True)
        collection = opened.found() or opened.create(opened.name, encoder)
        opened.check(collection, encoder)
        declared = modality_named(modality) if modality else None
        settings = Settings(declared, opened.options, cutting or Cutting(), soundtrack)
        return Run(library, collection, encoder, settings, Globs(tuple(include), tuple(exclude)))
