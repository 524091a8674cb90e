"""Index jobs: taken once, watched, cancelled, and survived by their work when a worker dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import update

from indexer import worker as worker_module
from indexer.worker import Worker
from searchengine.engine import Engine
from searchengine.errors import UnknownEncoder
from searchengine.store import jobs as jobs_module
from searchengine.store.jobs import SILENCE_S, Job, JobState
from searchengine.store.library import Library
from searchengine.store.tables import JobRow
from searchengine.types import Progress
from tests.hash_encoder import HashEncoder

pytestmark = pytest.mark.usefixtures("database")

ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

HASH = {"encoder": "hash"}

InThread = Callable[[Worker], threading.Thread]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "library", create=True) as library:
        yield library


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    return written(tmp_path / "media", 20)


def written(folder: Path, count: int) -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        (folder / f"{number:04}.txt").write_text(f"text number {number}")
    return folder


def hashing(delay_s: float = 0.0, encoder: HashEncoder | None = None) -> worker_module.Load:
    made = encoder or HashEncoder(delay_s=delay_s)
    return lambda name, device: made


def wait_until(true: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def seen(library: Library, job: Job) -> Job:
    found = library.jobs.get(job.id)
    assert found is not None
    return found


@pytest.fixture
def in_thread(library: Library) -> Iterator[InThread]:
    """Starts a worker in a thread, which ends with the test however that ends."""
    started: list[tuple[Worker, threading.Thread]] = []

    def start(worker: Worker) -> threading.Thread:
        thread = threading.Thread(target=worker.work)
        started.append((worker, thread))
        thread.start()
        return thread

    yield start
    for worker, thread in started:
        worker.stop()
        thread.join(60)


def time_passes(library: Library, job: Job, seconds: float) -> None:
    """As if its worker had said nothing for so long."""
    with library._engine.begin() as catalog:
        silent = update(JobRow).where(JobRow.id == job.id)
        catalog.execute(silent.values(heartbeat=time.time() - seconds))


# -- the rows


def test_jobs_are_taken_oldest_first_and_once(library: Library) -> None:
    added = [library.jobs.add("c", [f"/{number}"], {}) for number in range(20)]
    with ThreadPoolExecutor(4) as pool:
        taken = [job for job in pool.map(lambda _: library.jobs.take(), range(30)) if job]
    assert sorted(job.id for job in taken) == [job.id for job in added]
    assert {job.state for job in library.jobs.all()} == {JobState.RUNNING}
    assert library.jobs.all()[0].paths == ("/19",)


def test_a_job_is_anyones_when_its_worker_has_died_and_not_before(library: Library) -> None:
    job = library.jobs.add("c", ["/a"], {})
    first = library.jobs.take()
    assert first is not None and library.jobs.take() is None
    time_passes(library, job, SILENCE_S - 5)
    assert library.jobs.take() is None
    time_passes(library, job, SILENCE_S + 1)
    again = library.jobs.take()
    assert again is not None and again.started_at == first.started_at


def test_what_is_over_stays_over(library: Library) -> None:
    job = library.jobs.add("c", ["/a"], {})
    library.jobs.cancel(job.id)
    assert seen(library, job).state is JobState.CANCELLED
    library.jobs.finish(job.id, JobState.DONE)
    library.jobs.put_back(job.id)
    assert seen(library, job).state is JobState.CANCELLED and library.jobs.take() is None


def test_a_running_job_hears_of_its_cancelling(library: Library) -> None:
    job = library.jobs.add("c", ["/a"], {})
    library.jobs.take()
    assert library.jobs.tell(job.id, Progress(5, 3, 9, 1, True, "/x")) is False
    library.jobs.cancel(job.id)
    assert library.jobs.tell(job.id, Progress(5, 4, 9, 1, True, "/x")) is True
    assert seen(library, job).state is JobState.RUNNING
    assert seen(library, job).progress == Progress(5, 4, 9, 1, True, "/x")


def test_cancelling_a_job_whose_worker_died_ends_it(library: Library) -> None:
    job = library.jobs.add("c", ["/a"], {})
    library.jobs.take()
    time_passes(library, job, SILENCE_S + 1)
    library.jobs.cancel(job.id)
    assert seen(library, job).state is JobState.CANCELLED


def test_old_jobs_are_forgotten_but_never_one_that_waits(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "REMEMBERED", 5)
    waiting = library.jobs.add("c", ["/waits"], {})
    for _ in range(10):
        library.jobs.cancel(library.jobs.add("c", ["/a"], {}).id)
    left = [job.id for job in library.jobs.all()]
    assert waiting.id in left and len(left) == 6


# -- the worker


def test_a_job_indexes_into_a_new_collection_and_reports(library: Library, texts: Path) -> None:
    (texts / "broken.jpg").write_bytes(b"no picture")
    job = library.jobs.add("new", [str(texts)], {**HASH, "prune": True})
    assert Worker(library, load=hashing()).step()
    done = seen(library, job)
    assert done.state is JobState.DONE and done.error is None
    assert done.report is not None
    assert (done.report["new"], len(done.report["failures"])) == (20, 1)
    assert done.report["failures"][0]["path"].endswith("broken.jpg")
    assert done.progress == Progress(21, 21, 20, 1, True, done.progress.path)
    assert done.created_at <= (done.started_at or 0) <= (done.finished_at or 0)
    assert library.catalog.item_count(library.catalog.collection("new")) == 20


def test_prune_and_modality_are_honoured(library: Library, texts: Path) -> None:
    worker = Worker(library, load=hashing())
    library.jobs.add("c", [str(texts)], HASH)
    worker.step()
    (texts / "0000.txt").unlink()
    job = library.jobs.add("c", [str(texts)], {"prune": True})
    worker.step()
    assert (seen(library, job).report or {})["gone"] == 1
    job = library.jobs.add("c", [str(texts / "0001.txt")], {"modality": "audio"})
    worker.step()
    (failure,) = (seen(library, job).report or {})["failures"]
    assert "never audio" in failure["reason"]


@pytest.mark.parametrize(
    ("collection", "paths", "reason"),
    [
        ("unknown", ["."], "collection 'unknown'"),
        ("c", ["/no/such/folder"], "/no/such/folder: no such file or folder"),
        ("c", [], "nothing to index"),
    ],
)
def test_a_job_that_cannot_be_done_fails_with_the_reason(
    library: Library, texts: Path, collection: str, paths: list[str], reason: str
) -> None:
    worker = Worker(library, load=hashing())
    library.jobs.add("c", [str(texts)], HASH)
    worker.step()
    job = library.jobs.add(collection, paths, {})
    assert worker.step()
    failed = seen(library, job)
    assert failed.state is JobState.FAILED and reason in (failed.error or "")
    assert not worker.step()


def test_another_encoder_or_none_is_refused_and_the_worker_goes_on(
    library: Library, texts: Path
) -> None:
    library.jobs.add("c", [str(texts)], HASH)
    Worker(library, load=hashing()).step()
    other = Worker(library, load=hashing(encoder=HashEncoder(identity="hash@2")))
    job = library.jobs.add("c", [str(texts)], {})
    other.step()
    assert "was made by hash@1, not hash@2" in (seen(library, job).error or "")

    def none(name: str, device: str) -> HashEncoder:
        raise UnknownEncoder(f"no encoder {name!r}")

    job = library.jobs.add("c", [str(texts)], {})
    assert Worker(library, load=none).step()
    assert seen(library, job).error == "no encoder 'hash'"


def test_a_defect_fails_the_job_and_not_the_worker(library: Library, texts: Path) -> None:
    def defect(name: str, device: str) -> HashEncoder:
        raise ZeroDivisionError("oh")

    job = library.jobs.add("c", [str(texts)], HASH)
    assert Worker(library, load=defect).step()
    assert "a defect of searchengine: ZeroDivisionError" in (seen(library, job).error or "")


def test_progress_is_told_while_it_happens_and_cancelling_keeps_what_is_finished(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_thread: InThread
) -> None:
    monkeypatch.setattr(worker_module, "TELL_S", 0.05)
    texts = written(tmp_path / "many", 2000)
    worker = Worker(library, load=hashing(delay_s=0.1))
    job = library.jobs.add("c", [str(texts)], HASH)
    thread = in_thread(worker)
    wait_until(lambda: seen(library, job).progress.done > 50)
    library.jobs.cancel(job.id)
    wait_until(lambda: seen(library, job).state.is_over)
    worker.stop()
    thread.join(60)
    cancelled = seen(library, job)
    assert cancelled.state is JobState.CANCELLED and cancelled.report is None
    kept = library.catalog.item_count(library.catalog.collection("c"))
    assert 50 < kept < 2000
    again = library.jobs.add("c", [str(texts)], {})
    Worker(library, load=hashing()).step()
    report = seen(library, again).report or {}
    assert (report["unchanged"], report["new"]) == (kept, 2000 - kept)


def test_a_stopped_worker_puts_its_job_back(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_thread: InThread
) -> None:
    monkeypatch.setattr(worker_module, "TELL_S", 0.05)
    texts = written(tmp_path / "many", 2000)
    worker = Worker(library, load=hashing(delay_s=0.1))
    job = library.jobs.add("c", [str(texts)], HASH)
    thread = in_thread(worker)
    wait_until(lambda: seen(library, job).progress.done > 50)
    worker.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert seen(library, job).state is JobState.QUEUED
    assert Worker(library, load=hashing()).step()
    report = seen(library, job).report or {}
    assert report["unchanged"] > 50 and report["new"] + report["unchanged"] == 2000


def test_a_worker_waits_while_another_process_writes_and_can_be_cancelled_then(
    library: Library, texts: Path, monkeypatch: pytest.MonkeyPatch, in_thread: InThread
) -> None:
    monkeypatch.setattr(worker_module, "TELL_S", 0.05)
    worker = Worker(library, load=hashing())
    with library.writer():
        first = library.jobs.add("c", [str(texts)], HASH)
        second = library.jobs.add("c", [str(texts)], HASH)
        thread = in_thread(worker)
        wait_until(lambda: seen(library, first).state is JobState.RUNNING)
        library.jobs.cancel(first.id)
        wait_until(lambda: seen(library, first).state is JobState.CANCELLED)
        wait_until(lambda: seen(library, second).state is JobState.RUNNING)
        time.sleep(0.3)
        assert seen(library, second).state is JobState.RUNNING
    wait_until(lambda: seen(library, second).state is JobState.DONE)
    worker.stop()
    thread.join(60)


def test_a_job_cancelled_before_its_dead_worker_was_missed_never_starts(
    library: Library, texts: Path
) -> None:
    job = library.jobs.add("c", [str(texts)], HASH)
    library.jobs.take()
    library.jobs.cancel(job.id)
    time_passes(library, job, SILENCE_S + 1)
    assert Worker(library, load=hashing()).step()
    assert seen(library, job).state is JobState.CANCELLED
    assert not library.catalog.collections()


# -- the process


def start(library: Library, *more: str, **how: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "indexer", "--worker", "--library", str(library.path), *more]
    return subprocess.Popen(command, stderr=subprocess.PIPE, **how)  # type: ignore[call-overload]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    return written(tmp_path / "many", 3000)


def test_a_killed_workers_job_is_taken_again_and_loses_nothing(
    library: Library, many: Path
) -> None:
    job = library.jobs.add("c", [str(many)], {"encoder": "starter"})
    process = start(library)
    wait_until(lambda: library.catalog.collections(), 60)
    collection = library.catalog.collection("c")
    wait_until(lambda: library.catalog.item_count(collection) > 0, 60)  # a commit
    process.kill()
    process.communicate()
    assert seen(library, job).state is JobState.RUNNING
    kept = library.catalog.item_count(collection)
    assert 0 < kept < 3000
    time_passes(library, job, SILENCE_S + 1)
    assert Worker(library).step()
    done = seen(library, job)
    assert done.state is JobState.DONE, done.error
    assert (done.report or {})["unchanged"] == kept
    assert library.catalog.item_count(collection) == 3000


def test_a_worker_told_to_end_puts_its_job_back(library: Library, many: Path) -> None:
    job = library.jobs.add("c", [str(many)], {"encoder": "starter"})
    process = start(library)
    wait_until(lambda: seen(library, job).progress.done > 20, 60)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said.decode()
    assert seen(library, job).state is JobState.QUEUED


def test_an_attached_worker_ends_with_its_parent(library: Library) -> None:
    reading, writing = os.pipe()
    process = start(library, "--attached", stdin=reading)
    os.close(reading)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    os.close(writing)
    process.communicate(timeout=20)
    assert process.returncode == 0


@ON_SQLITE
def test_a_worker_without_a_library_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"no database" * 1000)
    command = [sys.executable, "-m", "indexer", "--worker", "--library", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 5
    assert done.stderr.startswith("error: ") and "catalog.db" in done.stderr
    assert "Traceback" not in done.stderr


def test_telling_of_a_job_never_stops_who_changes_the_library(
    library: Library, texts: Path
) -> None:
    job, over = library.jobs.add("default", [str(texts)], {}), threading.Event()

    def tell_on() -> None:
        while not over.is_set():
            library.jobs.tell(job.id, Progress(0, 0, 0, 0, False))

    teller = threading.Thread(target=tell_on)
    with Engine(library.path, encoder=HashEncoder()) as engine:
        assert engine.index([texts], workers=0).new == 20
        teller.start()
        try:
            for item in engine.items(limit=10):
                assert engine.delete(ids=[item.id]) == 1
            assert engine.index([texts], workers=0).new == 10
        finally:
            over.set()
            teller.join()
