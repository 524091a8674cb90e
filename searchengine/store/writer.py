"""The one writer of a library, and its commit protocol.

1. New files: temporary name, fsync, rename, fsync the folder. 2. One SQL transaction names them
and everything else that changes: **the only commit point**. 3. Files no longer named are removed.
A kill before 2 leaves files that no row names; the next writer removes them.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sqlalchemy
from sqlalchemy import delete, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from searchengine.errors import CollectionExists, StoreCorrupt, StoreError
from searchengine.store import layout, rows
from searchengine.store.budget import fitted
from searchengine.store.build import INDEX, SHARD, Builder, Draft, sampled
from searchengine.store.catalog import Catalog, Manifest
from searchengine.store.change import Change
from searchengine.store.database import Database
from searchengine.store.lock import WriteLock
from searchengine.store.shards import Shard, Shards, check_vectors
from searchengine.store.tables import CollectionRow, FileRow, LibraryRow, TombstoneRow
from searchengine.store.vectors.recipe import RECIPE, Recipe
from searchengine.types import Collection, FloatArray, Modality

log = logging.getLogger(__name__)

IdArray = npt.NDArray[np.int64]
NOTHING = np.empty(0, np.int64)


class Writer:
    """Holds the lock from construction to ``close``. Raises StoreLocked when it is taken.

    What a kill left behind is put right here: left-over files go, and files written since the
    library was last closed in order are checked, which raises StoreCorrupt. ``check=False``
    skips the checking, for repairs.
    """

    def __init__(
        self,
        database: Database,
        engine: sqlalchemy.Engine,
        *,
        recipe: Recipe = RECIPE,
        check: bool = True,
    ) -> None:
        self._library = database.library
        self._engine = engine
        self._recipe = recipe
        self._lock = WriteLock(database, engine)
        try:
            self.sweep()
            if check:
                self._check_unsettled()
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Note that the library was closed in order, unless nothing was written."""
        try:
            with Session(self._lock.connection) as session:
                clean = session.scalar(select(LibraryRow.clean))
            if not clean:
                with self._transaction() as session:
                    session.execute(update(FileRow).values(settled=True))
                    session.execute(update(LibraryRow).values(clean=True))
        finally:
            self._lock.release()

    # -- collections

    def create(self, name: str, encoder: str, identity: str, options: str, dim: int) -> Collection:
        """A new, empty collection. Raises CollectionExists."""
        row = CollectionRow(
            name=name, encoder=encoder, identity=identity, options=options, dim=dim, generation=0
        )
        with self._transaction() as session:
            if session.scalar(select(CollectionRow.id).where(CollectionRow.name == name)):
                raise CollectionExists(f"collection {name!r} is already there")
            session.add(row)
        with contextlib.closing(Catalog(self._engine)) as catalog:
            return catalog.collection(name)

    def drop(self, collection: Collection) -> None:
        """Forget a collection with everything in it, and remove its files."""
        with self._transaction() as session:
            session.execute(delete(CollectionRow).where(CollectionRow.id == collection.id))
        self.sweep()

    # -- commits

    def commit(self, collection: Collection, change: Change) -> int:
        """Make a change durable and visible; returns the generation it became.

        Raises StoreError when a vector is not of unit length, the disk is full, or the vectors
        do not fit the recipe's memory budget; then nothing has changed.
        """
        for addition in change.additions:
            check_vectors(addition.vectors, collection.dim)
        with Session(self._lock.connection) as session:
            numbers = rows.Numbers.read(session)
            dying = rows.dying(session, change)
        numbered = rows.number(change.additions, numbers)
        added = {new.modality: new for new in rows.embeddings(numbered)}
        counts = {modality: len(new.ids) for modality, new in added.items()}
        manifest = Catalog(self._engine).manifest(collection)
        recipe, anew = fitted(self._recipe, collection, manifest, counts)

        def build(builder: Builder) -> None:
            if new := added.get(builder.modality):
                builder.append(new)
            builder.refresh_index(anew=builder.modality in anew)

        touched = set(added) | set(dying) | anew
        drafts = self._build(collection, touched, dying, numbers, recipe, build)
        return self._publish(
            collection,
            drafts,
            numbers,
            lambda session: rows.apply(session, collection, change, numbered),
        )

    def compact(self, collection: Collection) -> int:
        """Rewrite the shards without tombstones, train every index anew; returns bytes freed."""
        return self._remake(collection, Builder.compact)

    def rebuild(self, collection: Collection) -> None:
        """Make every index anew from the shards."""
        self._remake(collection, Builder.train)

    def tune(
        self,
        collection: Collection,
        recall: float | None = None,
        askers: Mapping[Modality, FloatArray] | None = None,
    ) -> None:
        """Measure anew how hard each index is searched for each modality of query.

        ``askers`` float32 (n, d) stand for the queries of modalities that have no vectors here.
        """
        recipe = replace(self._recipe, recall=recall) if recall else self._recipe
        manifest = Catalog(self._engine).manifest(collection)
        with Session(self._lock.connection) as session:
            numbers = rows.Numbers.read(session)
        tuned = {
            row.id: self._builder(
                collection, Modality(row.modality), manifest, {}, numbers, recipe, askers or {}
            ).tuned()
            for row in manifest.files
            if row.kind == INDEX
        }

        def apply(session: Session) -> None:
            for file_id, points in tuned.items():
                session.get_one(FileRow, file_id).points = points

        self._publish(collection, [], numbers, apply)

    def forget(self, files: Sequence[FileRow]) -> None:
        """Stop naming damaged files."""
        with self._transaction() as session:
            named = [row.path for row in files]
            session.execute(delete(FileRow).where(FileRow.path.in_(named)))
        self.sweep()

    def _remake(self, collection: Collection, build: Callable[[Builder], None]) -> int:
        manifest = Catalog(self._engine).manifest(collection)
        recipe, _ = fitted(self._recipe, collection, manifest, {})
        files = manifest.files
        with Session(self._lock.connection) as session:
            numbers = rows.Numbers.read(session)
        modalities = {Modality(row.modality) for row in files}
        drafts = self._build(collection, modalities, {}, numbers, recipe, build)
        if drafts:
            self._publish(collection, drafts, numbers, lambda session: None)
        after = Catalog(self._engine).manifest(collection).files
        return sum(row.size_bytes for row in files) - sum(row.size_bytes for row in after)

    def _build(
        self,
        collection: Collection,
        modalities: set[Modality],
        dying: dict[Modality, IdArray],
        numbers: rows.Numbers,
        recipe: Recipe,
        build: Callable[[Builder], None],
    ) -> list[Draft]:
        """Step 1: write the new files of each modality. On failure none of them stays."""
        manifest = Catalog(self._engine).manifest(collection)
        drafts = []
        try:
            for modality in sorted(modalities):
                builder = self._builder(collection, modality, manifest, dying, numbers, recipe, {})
                build(builder)
                drafts.append(builder.draft)
        except BaseException:
            self.sweep()
            raise
        return drafts

    def _builder(
        self,
        collection: Collection,
        modality: Modality,
        manifest: Manifest,
        dying: dict[Modality, IdArray],
        numbers: rows.Numbers,
        recipe: Recipe,
        askers: Mapping[Modality, FloatArray],
    ) -> Builder:
        dead = [manifest.tombstones.get(modality, NOTHING), dying.get(modality, NOTHING)]
        return Builder(
            self._library,
            collection,
            modality,
            [row for row in manifest.files if row.modality == modality],
            np.sort(np.concatenate(dead)),
            numbers.next_file,
            recipe,
            lambda: {**askers, **dict(self._vectors(collection, manifest))},
        )

    def _vectors(
        self, collection: Collection, manifest: Manifest
    ) -> Iterator[tuple[Modality, FloatArray]]:
        """Some stored vectors of every modality."""
        for modality in Modality:
            shards = [
                row for row in manifest.files if row.modality == modality and row.kind == SHARD
            ]
            if shards:
                opened = Shards([Shard(self._library / row.path, collection.dim) for row in shards])
                dead = manifest.tombstones.get(modality, NOTHING)
                yield modality, sampled(opened, np.setdiff1d(opened.ids(), dead))

    def _publish(
        self,
        collection: Collection,
        drafts: Sequence[Draft],
        numbers: rows.Numbers,
        apply: Callable[[Session], None],
    ) -> int:
        """Steps 2 and 3: name the new files in one transaction, then remove the old ones."""
        try:
            with self._transaction() as session:
                apply(session)
                for draft in drafts:
                    _exchange(session, draft)
                row = session.get_one(CollectionRow, collection.id)
                row.generation += 1
                if self._recipe.budget_bytes is not None:
                    row.budget_bytes = self._recipe.budget_bytes or None
                generation = row.generation
                numbers.write(session)
        except BaseException:
            self.sweep()
            raise
        for draft in drafts:
            for retired in draft.retired:
                _unlink(self._library / retired.path)
        return generation

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Session]:
        try:
            with Session(self._lock.connection, expire_on_commit=False) as session, session.begin():
                yield session
        except OperationalError as error:
            raise StoreError(
                f"{self._library / layout.CATALOG}: {error.orig}; "
                "free space or permit writing, then run again"
            ) from error

    # -- putting right what a kill left

    def sweep(self) -> None:
        """Remove data files that no row names: left-overs of a run that was cut off."""
        with Session(self._lock.connection) as session:
            named = set(session.scalars(select(FileRow.path)))
        for path in layout.data_files(self._library):
            if path not in named:
                log.info("removing the left-over %s", path)
                _unlink(self._library / path)

    def _check_unsettled(self) -> None:
        """Sizes of all files, and checksums of those a writer did not get to settle."""
        with Session(self._lock.connection) as session:
            files = session.scalars(select(FileRow)).all()
        for row in files:
            try:
                path = layout.check_size(self._library, row.path, row.size_bytes)
                sound = row.settled or layout.checksum(path) == row.checksum
            except FileNotFoundError:
                sound = False
            if not sound:
                raise StoreCorrupt(
                    str(self._library / row.path), "missing or altered; run verify --repair"
                )


def _exchange(session: Session, draft: Draft) -> None:
    for row in draft.retired:
        session.execute(delete(FileRow).where(FileRow.path == row.path))
    session.add_all(draft.made)
    for start in range(0, len(draft.buried), rows.CHUNK):
        buried = draft.buried[start : start + rows.CHUNK].tolist()
        session.execute(delete(TombstoneRow).where(TombstoneRow.segment_id.in_(buried)))


def _unlink(path: Path) -> None:
    """Remove a file if the system lets us; one still open elsewhere waits for the next sweep."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
