"""What is committed is found, what is deleted is not, and nothing in between is ever seen."""

from __future__ import annotations

import multiprocessing
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from searchengine.errors import (
    CollectionExists,
    CollectionNotFound,
    NothingPublished,
    SchemaOutdated,
    StoreCorrupt,
    StoreError,
    StoreLocked,
)
from searchengine.store import build, migrate
from searchengine.store.change import Change, Update
from searchengine.store.database import find
from searchengine.store.library import Library
from searchengine.store.verify import verify
from searchengine.types import Modality, Progress
from tests.integration.store.shelf import (
    DIM,
    add,
    addition,
    additions,
    make_collection,
    nearest,
    open_library,
    unit,
)

pytestmark = pytest.mark.usefixtures("database")

ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.mark.parametrize("name", ["with space", "a?b=c", "per%cent %41", "#hash", "ünïcode"])
def test_a_library_may_have_any_name(tmp_path: Path, name: str) -> None:
    for _ in range(2):
        with open_library(tmp_path / name) as library:
            if not library.catalog.collections():
                add(library, make_collection(library), additions(unit(3)))
            assert library.catalog.item_count(library.catalog.collection("default")) == 3
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_every_vector_is_its_own_nearest_neighbour_at_any_size(tmp_path: Path) -> None:
    vectors = unit(900)
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        methods = set()
        for start in range(0, 900, 90):
            add(library, collection, additions(vectors[start : start + 90], str(start)))
            table = library.snapshot(collection).tables[Modality.IMAGE]
            methods.add(table.method.split(",")[0])
            for row in range(0, start + 90, 37):
                assert nearest(library, collection, vectors[row], 1) == [row + 1]
        assert any(m.startswith("IVF") for m in methods) and "exact" in methods
        assert verify(library) == ()


def test_an_index_of_lists_and_codes_finds_nearly_what_an_exact_scan_finds(tmp_path: Path) -> None:
    centres = unit(20, seed=1)
    vectors = centres[np.arange(2000) % 20] + 0.5 * unit(2000, seed=2)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, additions(vectors))
        assert library.snapshot(collection).tables[Modality.IMAGE].method.startswith("IVF")
        agreed = [
            len(
                set(nearest(library, collection, v))
                & set(nearest(library, collection, v, exact=True))
            )
            for v in vectors[::40]
        ]
    assert np.mean(agreed) >= 9


def test_deleted_items_are_never_found_again(tmp_path: Path) -> None:
    vectors = unit(700)
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, additions(vectors))
        for start in (0, 100, 200, 300, 400):  # past the share at which the index is remade
            with library.writer() as writer:
                removed = list(range(start + 1, start + 101))
                writer.commit(collection, Change(removed=removed))
            for row in range(0, start + 100, 23):
                assert row + 1 not in nearest(library, collection, vectors[row], 20)
                assert row + 1 not in nearest(library, collection, vectors[row], 20, exact=True)
            assert nearest(library, collection, vectors[650], 1) == [651]
        assert verify(library) == ()


def test_a_changed_item_keeps_its_id_and_is_found_by_its_new_vector_only(tmp_path: Path) -> None:
    old, new = unit(1, seed=1), unit(1, seed=2)
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, [addition("/x", old)])
        add(library, collection, [addition("/x", new, replaces=1)])
        found = library.catalog.hydrate(nearest(library, collection, new[0]))
        assert [one.item_id for one in found.values()] == [1]
        assert len(nearest(library, collection, old[0])) == 1


def test_two_files_can_swap_their_names(tmp_path: Path) -> None:
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, [addition("/a", unit(1)), addition("/b", unit(1, seed=1))])
        with library.writer() as writer:
            swap = [Update(1, "/b", 2, "{}"), Update(2, "/a", 2, "{}")]
            writer.commit(collection, Change(updates=swap))
        known = library.catalog.known(collection, ["/a", "/b"])
        assert known["/a"].id == 2 and known["/b"].id == 1


def test_a_reader_keeps_its_generation_while_the_writer_replaces_every_file(
    tmp_path: Path,
) -> None:
    vectors = unit(600)
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, additions(vectors))
        pinned = library.snapshot(collection).tables[Modality.IMAGE]
        with library.writer() as writer:
            writer.commit(collection, Change(removed=list(range(1, 400))))
            writer.compact(collection)
        (found,) = pinned.search(vectors[5:6], 1, modality=Modality.IMAGE, asked=[Modality.IMAGE])
        assert found.ids.tolist() == [6]
        assert 6 not in nearest(library, collection, vectors[5])


def test_readers_beside_a_writer_see_no_error_and_no_deleted_hit(tmp_path: Path) -> None:
    vectors = unit(400)
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, additions(vectors))
        with library.writer() as writer:
            writer.commit(collection, Change(removed=[7]))
        done, wrong = threading.Event(), []

        def read() -> None:
            while not done.is_set():
                try:
                    if 7 in nearest(library, collection, vectors[6]):
                        wrong.append("deleted")
                except Exception as error:
                    wrong.append(repr(error))

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        with library.writer() as writer:
            for step in range(15):
                writer.commit(
                    collection, Change(additions=additions(unit(40, seed=step), f"r{step}"))
                )
                writer.compact(collection)
        done.set()
        for reader in readers:
            reader.join()
    assert wrong == []


def test_compaction_frees_space_and_changes_no_answer(tmp_path: Path) -> None:
    vectors = unit(250)
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, additions(vectors))
        with library.writer() as writer:
            writer.commit(collection, Change(removed=list(range(1, 50))))
        before = [nearest(library, collection, v) for v in vectors]
        with library.writer() as writer:
            assert writer.compact(collection) > 0
        assert [nearest(library, collection, v) for v in vectors] == before
        assert library.snapshot(collection).tables[Modality.IMAGE].dead == 0
        assert verify(library) == ()


def test_a_filter_restricts_the_answers_exactly(tmp_path: Path) -> None:
    vectors = unit(500)
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, additions(vectors))
        for allowed in (np.arange(2, 12), np.arange(1, 400, 3)):
            found = nearest(library, collection, vectors[0], 30, allowed=allowed)
            assert found and set(found) <= set(allowed.tolist())


def test_many_small_commits_leave_few_files(tmp_path: Path) -> None:
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        with library.writer() as writer:
            for step in range(60):
                writer.commit(
                    collection, Change(additions=additions(unit(2, seed=step), f"s{step}"))
                )
        assert len(list((tmp_path / "vectors").rglob("*.shard"))) <= 12
        assert nearest(library, collection, unit(2, seed=33)[1], 1) == [68]
        assert verify(library) == ()


def test_shards_as_large_as_they_may_be_do_not_stop_the_merging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "MAX_SHARD_ROWS", 20)
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        with library.writer() as writer:
            for step in range(150):
                writer.commit(
                    collection, Change(additions=additions(unit(2, seed=step), f"s{step}"))
                )
        assert len(list((tmp_path / "vectors").rglob("*.shard"))) <= 300 / 20 * 2 + 12
        assert nearest(library, collection, unit(2, seed=133)[1], 1) == [268]
        assert verify(library) == ()


def test_a_second_writer_is_refused_at_once(tmp_path: Path) -> None:
    with (
        open_library(tmp_path) as library,
        library.writer(),
        pytest.raises(StoreLocked, match="another process"),
    ):
        library.writer()


def _hold(path: str, ready: multiprocessing.connection.Connection) -> None:
    with Library(Path(path)) as library, library.writer():
        ready.send(True)
        ready.poll(30)


def test_a_writer_in_another_process_is_refused_until_that_one_dies(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    with open_library(tmp_path) as library:
        other = context.Process(target=_hold, args=(str(tmp_path), there))
        other.start()
        here.recv()
        with pytest.raises(StoreLocked):
            library.writer()
        other.kill()
        other.join()
        library.writer().close()
    here.close()
    there.close()


@pytest.mark.parametrize("bad", [np.nan, 0.0, 3.0])
def test_vectors_that_are_not_unit_length_are_refused_and_change_nothing(
    tmp_path: Path, bad: float
) -> None:
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        with pytest.raises(StoreError, match="length 1"):
            add(library, collection, [addition("/x", np.full((1, DIM), bad, np.float32))])
        with pytest.raises(NothingPublished):
            library.snapshot(collection)


def test_left_over_files_are_removed_by_the_next_writer(tmp_path: Path) -> None:
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, additions(unit(3)))
        folder = tmp_path / "vectors" / str(collection.id)
        (folder / "image-99.shard").write_bytes(b"cut off")
        (folder / "image-100.shard.part").write_bytes(b"cut")
        library.writer().close()
        assert [p.name for p in folder.iterdir()] == ["image-1.shard"]


def test_every_damaged_file_is_found_and_an_index_is_repaired_exactly(tmp_path: Path) -> None:
    vectors, rng = unit(400), np.random.default_rng(0)
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, additions(vectors))
        before = [nearest(library, collection, v) for v in vectors[:50]]
        (index,) = (tmp_path / "indexes").rglob("*.index")
        whole = index.read_bytes()
        for _ in range(20):
            flipped = bytearray(whole)
            flipped[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
            index.write_bytes(flipped)
            assert [p.path for p in verify(library)] == [str(index)]
        index.write_bytes(whole[:-1])
        assert "bytes instead of" in verify(library)[0].reason
        index.unlink()
        assert verify(library)[0].reason == "missing"
        assert all(p.repaired for p in verify(library, repair=True))
        assert verify(library) == ()
    with open_library(tmp_path) as library:
        assert [nearest(library, collection, v) for v in vectors[:50]] == before


def test_an_altered_index_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, additions(unit(400)))
        (index,) = (tmp_path / "indexes").rglob("*.index")
        data = bytearray(index.read_bytes())
        data[len(data) // 2] ^= 4
        index.write_bytes(data)
        with pytest.raises(StoreCorrupt, match="verify --repair"):
            library.snapshot(collection)


def test_items_of_a_lost_shard_are_forgotten_so_that_they_are_indexed_again(
    tmp_path: Path,
) -> None:
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, additions(unit(5), "kept"))
        add(library, collection, additions(unit(5, seed=1), "lost"))
        sorted((tmp_path / "vectors").rglob("*.shard"))[-1].unlink()
        assert [p.reason for p in verify(library, repair=True)] == ["missing"]
        assert verify(library) == ()
        assert library.catalog.item_count(collection) == 5
        assert not library.catalog.known(collection, ["/lost/1"])


def test_a_file_damaged_by_a_power_cut_is_noticed_when_opened_for_writing(tmp_path: Path) -> None:
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        writer = library.writer()
        writer.commit(collection, Change(additions=additions(unit(5))))
        writer._lock.release()  # as a kill does: never closed in order
        (shard,) = (tmp_path / "vectors").rglob("*.shard")
        data = bytearray(shard.read_bytes())
        data[-3] ^= 1
        shard.write_bytes(data)
        with pytest.raises(StoreCorrupt, match="missing or altered"):
            library.writer()


def test_a_full_disk_is_a_clear_error_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with open_library(tmp_path) as library:
        collection = make_collection(library)
        add(library, collection, additions(unit(5)))
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(StoreError, match="No space left"):
                add(library, collection, additions(unit(5), "b"))
        assert len(nearest(library, collection, unit(1)[0])) == 5
        add(library, collection, additions(unit(5), "b"))
        assert verify(library) == ()


def test_dropping_a_collection_removes_its_files_and_no_others(tmp_path: Path) -> None:
    with open_library(tmp_path) as library:
        first = make_collection(library)
        with library.writer() as writer:
            second = writer.create("second", "hash", "hash@1", "{}", DIM)
            with pytest.raises(CollectionExists):
                writer.create("second", "hash", "hash@1", "{}", DIM)
        add(library, first, additions(unit(3)))
        add(library, second, additions(unit(3, seed=1)))
        with library.writer() as writer:
            writer.drop(first)
        with pytest.raises(CollectionNotFound, match="second"):
            library.catalog.collection("default")
        assert len(nearest(library, second, unit(1)[0])) == 3
        assert verify(library) == ()


def test_the_migrations_make_exactly_the_tables_of_the_code(tmp_path: Path) -> None:
    from alembic import command

    open_library(tmp_path).close()
    engine = find(tmp_path).connect()
    with engine.begin() as connection:
        command.check(migrate._config(connection=connection))
        command.downgrade(migrate._config(connection=connection), "base")
        command.upgrade(migrate._config(connection=connection), "head")
        command.check(migrate._config(connection=connection))
    engine.dispose()


def test_a_library_of_a_newer_version_is_refused_with_the_way_out(tmp_path: Path) -> None:
    open_library(tmp_path).close()
    engine = find(tmp_path).connect()
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(SchemaOutdated, match="update searchengine"):
        open_library(tmp_path)


@ON_SQLITE
def test_a_catalog_that_is_no_database_is_reported_as_corrupt(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"not a database at all, sorry" * 200)
    with pytest.raises(StoreCorrupt, match="not a database"):
        Library(tmp_path)


def test_a_folder_without_a_library_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="searchengine index"):
        Library(tmp_path)


def test_a_writer_is_not_refused_because_jobs_are_told_of_meanwhile(tmp_path: Path) -> None:
    with open_library(tmp_path) as library:
        collection = make_collection(library)
        job, done = library.jobs.add("default", ["/a"], {}), threading.Event()

        def tell() -> None:
            while not done.is_set():
                library.jobs.tell(job.id, Progress(1, 1, 1, 0, False))

        thread = threading.Thread(target=tell)
        thread.start()
        try:
            for number in range(25):
                add(library, collection, additions(unit(2, seed=number), str(number)))
        finally:
            done.set()
            thread.join()
        assert library.catalog.item_count(collection) == 50
