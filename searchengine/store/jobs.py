"""Index jobs: rows that a server writes, and a worker takes, one at a time.

::

    QUEUED -- take --> RUNNING -- finish --> DONE | FAILED | CANCELLED
       |  <-- put_back -- |
       '-- cancel --> CANCELLED

A running job whose worker has said nothing for SILENCE_S is taken again.
"""

from __future__ import annotations

import contextlib
import enum
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from searchengine.errors import StoreError
from searchengine.store.tables import JobRow
from searchengine.types import IndexReport, Progress

#: A worker that has said nothing for this long is dead, and its job is anyone's. It says
#: something every second, but may wait for a disk, or for SQLite while another process commits.
SILENCE_S = 30.0

#: Jobs that are remembered when they are over.
REMEMBERED = 1_000


class JobState(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        return self in OVER


OVER = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Job:
    """Files and folders to bring a collection up to date with.

    ``options`` are JSON values by name. ``report`` is what ``index --json`` prints, ``error``
    why there is none. ``cancel`` asks the worker to stop. Times are Unix seconds.
    """

    id: int
    collection: str
    paths: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    state: JobState = JobState.QUEUED
    progress: Progress = field(default_factory=lambda: Progress(0, 0, 0, 0, False))
    report: dict[str, Any] | None = None
    error: str | None = None
    cancel: bool = False
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None


class Jobs:
    """The jobs of a library; threads and processes share them. Each call is one transaction.

    Raises StoreError when the disk is full or the catalog cannot be written.
    """

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        self._engine = engine

    def add(self, collection: str, paths: Sequence[str], options: Mapping[str, Any]) -> Job:
        """A new job that waits. The oldest of those that are over are forgotten."""
        row = JobRow(
            collection=collection,
            paths=json.dumps(list(paths)),
            options=json.dumps(dict(options)),
            state=JobState.QUEUED.value,
            progress="{}",
            created_at=time.time(),
        )
        with self._transaction() as session:
            session.add(row)
            session.flush()
            old = JobRow.id <= row.id - REMEMBERED
            session.execute(delete(JobRow).where(old, JobRow.state.in_(OVER)))
            return _job(row)

    def get(self, job_id: int) -> Job | None:
        with self._transaction() as session:
            row = session.get(JobRow, job_id)
            return _job(row) if row else None

    def all(self, limit: int = REMEMBERED) -> list[Job]:
        """The newest first."""
        with self._transaction() as session:
            rows = session.scalars(select(JobRow).order_by(JobRow.id.desc()).limit(limit))
            return [_job(row) for row in rows]

    def take(self) -> Job | None:
        """The oldest job that waits, or whose worker has died; it is now running, and yours."""
        now = time.time()
        free = or_(JobRow.state == JobState.QUEUED, _silent(now))
        waiting = select(JobRow.id).where(free).order_by(JobRow.id).limit(1)
        # one statement, and ``free`` twice: of two workers that see the same job, one gets it;
        # on PostgreSQL the other one goes on to the next, where SQLite waits
        oldest = waiting.with_for_update(skip_locked=True).scalar_subquery()
        taking = update(JobRow).where(JobRow.id == oldest, free).returning(JobRow)
        began = func.coalesce(JobRow.started_at, now)
        with self._transaction() as session:
            row = session.scalars(
                taking.values(state=JobState.RUNNING.value, heartbeat=now, started_at=began)
            ).one_or_none()
            return _job(row) if row else None

    def tell(self, job_id: int, progress: Progress) -> bool:
        """How far its worker is, which lives; returns whether the job shall be cancelled."""
        said = json.dumps(asdict(progress))
        telling = update(JobRow).where(JobRow.id == job_id).returning(JobRow.cancel)
        with self._transaction() as session:
            cancel = session.scalar(telling.values(progress=said, heartbeat=time.time()))
            return cancel is not False

    def finish(
        self,
        job_id: int,
        state: JobState,
        report: IndexReport | None = None,
        error: str | None = None,
    ) -> None:
        """It is over; nothing happens when it is not running, or not any more."""
        self._change(
            and_(JobRow.id == job_id, JobRow.state == JobState.RUNNING),
            state=state.value,
            report=json.dumps(asdict(report)) if report else None,
            error=error,
            finished_at=time.time(),
        )

    def put_back(self, job_id: int) -> None:
        """Its worker stops before it is done: it waits again, for whoever comes."""
        running = and_(JobRow.id == job_id, JobRow.state == JobState.RUNNING)
        self._change(running, state=JobState.QUEUED.value, heartbeat=0.0)

    def cancel(self, job_id: int) -> None:
        """What waits is over at once, also when its worker died; what runs, soon."""
        now = time.time()
        idle = or_(JobRow.state == JobState.QUEUED, _silent(now))
        self._change(JobRow.id == job_id, cancel=True)
        over = {"state": JobState.CANCELLED.value, "finished_at": now}
        self._change(and_(JobRow.id == job_id, idle), **over)

    def _change(self, which: ColumnElement[bool], **values: Any) -> None:
        with self._transaction() as session:
            session.execute(update(JobRow).where(which).values(**values))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Session]:
        try:
            with Session(self._engine) as session, session.begin():
                yield session
        except OperationalError as error:
            raise StoreError(
                f"the index jobs: {error.orig}; free space or permit writing, then try again"
            ) from error


def _silent(now: float) -> ColumnElement[bool]:
    return and_(JobRow.state == JobState.RUNNING, JobRow.heartbeat < now - SILENCE_S)


def _job(row: JobRow) -> Job:
    told = {"found": 0, "done": 0, "segments": 0, "failures": 0, "scanned": False}
    return Job(
        id=row.id,
        collection=row.collection,
        paths=tuple(json.loads(row.paths)),
        options=json.loads(row.options),
        state=JobState(row.state),
        progress=Progress(**told | json.loads(row.progress)),
        report=json.loads(row.report) if row.report else None,
        error=row.error,
        cancel=row.cancel,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
