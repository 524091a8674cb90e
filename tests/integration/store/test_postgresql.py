"""A catalog in PostgreSQL: whose it is, who may write, and what it says when it cannot."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from searchengine.errors import ConfigError, StoreError, StoreLocked
from searchengine.query.filters import parse_filter
from searchengine.store.change import Change
from searchengine.store.library import Library
from searchengine.store.verify import verify
from searchengine.types import Collection, PathGlob
from tests.integration.store.shelf import SMALL, add, addition, additions, make_collection, unit


def open_at(path: Path, url: str, **how: bool) -> Library:
    return Library(path, recipe=SMALL, database_url=url, **({"create": True} | how))


@pytest.fixture
def library(tmp_path: Path, postgresql_server: str) -> Iterator[Library]:
    with open_at(tmp_path / "library", postgresql_server) as library:
        yield library


@pytest.fixture
def elsewhere(tmp_path: Path, library: Library, postgresql_server: str) -> Iterator[Library]:
    """The same library as another machine has it: its folder is shared, lock files are not."""
    make_collection(library)
    place = tmp_path / "elsewhere"
    shutil.copytree(library.path, place, ignore=shutil.ignore_patterns("write.lock"))
    with open_at(place, postgresql_server) as elsewhere:
        yield elsewhere


def cut_off(library: Library, url: str) -> None:
    """End every connection that a library has, as a server does that is restarted."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'searchengine' AND pid <> pg_backend_pid()"
        )


# -- whose it is


def test_many_libraries_share_one_database_and_see_nothing_of_each_other(
    tmp_path: Path, postgresql_server: str
) -> None:
    for name, count in {"a": 3, "b": 5}.items():
        with open_at(tmp_path / name, postgresql_server) as library:
            add(library, make_collection(library), additions(unit(count)))
    for name, count in {"a": 3, "b": 5}.items():
        with open_at(tmp_path / name, postgresql_server, create=False) as library:
            assert library.catalog.item_count(library.catalog.collection("default")) == count
            assert verify(library) == ()


def test_a_folder_made_with_sqlite_is_refused_with_the_way_out(
    tmp_path: Path, postgresql_server: str
) -> None:
    open_at(tmp_path, "").close()
    with pytest.raises(StoreError, match=r"SQLite.*unset SEARCHENGINE_DATABASE_URL"):
        open_at(tmp_path, postgresql_server)
    open_at(tmp_path, "").close()


def test_a_folder_made_with_postgresql_is_refused_without_it(library: Library) -> None:
    with pytest.raises(StoreError, match="set SEARCHENGINE_DATABASE_URL"):
        open_at(library.path, "")
    assert not (library.path / "catalog.db").exists()


def test_another_database_is_refused_by_name(library: Library, postgresql_server: str) -> None:
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE other")
    with pytest.raises(StoreError, match=r"is not in PostgreSQL at .*/other; set"):
        open_at(library.path, postgresql_server.replace("/postgres?", "/other?"))
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute("DROP DATABASE other WITH (FORCE)")


def test_a_database_that_cannot_hold_every_text_is_refused(
    tmp_path: Path, postgresql_server: str
) -> None:
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'")
    with pytest.raises(StoreError, match="ENCODING 'UTF8'"):
        open_at(tmp_path, postgresql_server.replace("/postgres?", "/latin?"))


@pytest.mark.parametrize("url", ["nonsense", "mysql://a:secret@b/c", "sqlite:///secret.db"])
def test_what_is_no_address_of_postgresql_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="SEARCHENGINE_DATABASE_URL") as refused:
        open_at(tmp_path / "library", url)
    assert "secret" not in str(refused.value)
    assert not (tmp_path / "library").exists() or not any((tmp_path / "library").glob("catalog*"))


def test_a_server_that_is_not_there_is_one_line_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="check the server") as refused:
        open_at(tmp_path, f"postgresql://me:secret@/postgres?host={tmp_path}")
    assert "secret" not in str(refused.value) and "\n" not in str(refused.value)


def test_without_psycopg_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"pip install 'searchengine\[postgres\]'"):
        open_at(tmp_path, "postgresql://localhost/x")


def test_a_user_who_may_not_make_a_schema_is_told_so(
    tmp_path: Path, postgresql_server: str
) -> None:
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
    with pytest.raises(StoreError, match="permission denied"):
        open_at(tmp_path, postgresql_server.replace("//searchengine@", "//guest@"))


# -- who may write


def test_a_writer_on_another_machine_is_refused_in_a_second(
    library: Library, elsewhere: Library
) -> None:
    with library.writer():
        start = time.monotonic()
        with pytest.raises(StoreLocked, match="another process"):
            elsewhere.writer()
        assert time.monotonic() - start < 5  # half a second, on a machine that is not busy
    elsewhere.writer().close()
    library.writer().close()


def test_a_writer_that_lost_the_server_changes_nothing_more(
    library: Library, elsewhere: Library, postgresql_server: str
) -> None:
    collection = library.catalog.collection("default")
    with pytest.raises(StoreError), library.writer() as writer:
        writer.commit(collection, Change(additions=additions(unit(3))))
        cut_off(library, postgresql_server)
        elsewhere.writer().close()  # its lock is free
        for _ in range(2):
            with pytest.raises(StoreError):
                writer.commit(collection, Change(additions=additions(unit(3, seed=1), "b")))
    assert library.catalog.item_count(collection) == 3
    assert add(library, collection, additions(unit(3, seed=1), "b")) == 2
    assert verify(library) == ()


def test_a_reader_goes_on_when_the_server_was_restarted(
    library: Library, postgresql_server: str
) -> None:
    collection = make_collection(library)
    add(library, collection, additions(unit(3)))
    assert library.catalog.generation(collection) == 1
    cut_off(library, postgresql_server)
    assert library.catalog.generation(collection) == 1
    assert library.catalog.item_count(collection) == 3


# -- what it means


def test_every_text_sorts_by_code_point_whatever_the_server_speaks(library: Library) -> None:
    question = text(
        "SELECT table_name || '.' || column_name FROM information_schema.columns "
        "WHERE table_schema = current_schema() AND collation_name IS DISTINCT FROM 'C' "
        "AND data_type IN ('text', 'character varying')"
    )
    with library._engine.connect() as connection:
        assert connection.scalar(text("SELECT 'a' < 'B'")), "the server is to sort as English does"
        assert connection.scalars(question).all() == []


METADATA = {
    "/m/Photos/IMG_1.JPG": {"year": 2020, "tag": ["Night", "dusk"], "title": "Ähre 100%"},
    "/m/photos/img_2.jpg": {"year": 2020.5, "tag": "night", "title": "ähre"},
    "/m/photos/b/öl_3.jpg": {"year": "2021", "tag": "Zebra", "ok": True},
    "/m/photos-old/a!b.jpg": {"year": -1e300, "title": "a\0b", "x" * 300: "long name"},
    "/m/photos0/c.jpg": {"year": 2**63, "title": "語" * 2_000, "ok": False},
}
FILTERS = [
    "year >= 2020",
    "year = 2020",
    "year = '2020'",
    "year != 2021",
    "year > 9000000000000000000",
    "year < -1e299",
    "tag > a",
    "tag >= Night and tag <= Z",
    "tag ~ NIGHT",
    "title ~ 'Ä'",
    "title ~ '100%'",
    "title ~ '_'",
    "ok = true",
    "ok = 1",
    "path > '/m/photos'",
    "path ~ 'IMG_'",
    "size_bytes > 0.5",
    "size_bytes = 'one'",
    "size_bytes = '1'",
    "id in (1, 3, 99999999999999999999)",
    "id > 2.5",
    "duration_s != 3",
    "sha256 = 12",
    f"title = {'語' * 2_000!r}",
    f"{'x' * 300} = 'long name'",
    "id ~ 1",
]
GLOBS = ["*.jpg", "*.JPG", "img_?.jpg", "/m/photos/*", "a!b.*", "ö*", "Ö*", "100%", "[a]*"]


def filled(library: Library) -> Collection:
    collection = make_collection(library)
    vectors = unit(len(METADATA))
    new = [
        addition(path, vectors[i : i + 1], row=json.dumps(row))
        for i, (path, row) in enumerate(METADATA.items())
    ]
    add(library, collection, new)
    return collection


def test_filters_globs_folders_and_facets_mean_the_same_on_both(
    tmp_path: Path, library: Library
) -> None:
    answers = []
    with open_at(tmp_path / "sqlite", "") as other:
        for one in (library, other):
            collection = filled(one)
            wanted = [parse_filter(f) for f in FILTERS] + [PathGlob(glob) for glob in GLOBS]
            answers.append(
                {
                    "found": [
                        [item.id for item in one.catalog.items(collection, condition, 0, 50)]
                        for condition in wanted
                    ],
                    "below": [
                        known.path
                        for c in one.catalog.below(collection, "/m/photos")
                        for known in c
                    ],
                    "facets": one.catalog.facets(collection, None),
                }
            )
    assert answers[0] == answers[1]
    assert answers[0]["below"] == ["/m/photos/b/öl_3.jpg", "/m/photos/img_2.jpg"]
    assert dict(zip(FILTERS, answers[0]["found"], strict=False))["tag > a"] == [1, 2]


WORDS = [
    "The ferry Zuiderdam left the harbour at dawn; ferries leave daily.",
    "Peel the onions and fry them slowly, the small onions first.",
    "A dog-friendly café: dogs, puppies and coffee at 4711 O'Connell street.",
    "the the the the dog",
    "“Über” die Brücke – l'été, naïve",
    "file_name.txt and www.example.org/path?query=1 and a@b.example",
    "12 345 6.7e5 3rd",
    "漢字 かな и кириллица",
]
QUERIES = [
    "the dog",
    "ferries",
    "ONION frying",
    "cafe uber ete",
    "friendly o'connell",
    "example",
    "file name",
    "345 3rd",
    "кириллица",
    "漢字",
    "u\u0308ber",
    "& | ! :* <-> ( ' \\",
    "nowhere",
]


def test_words_are_found_in_the_same_order_on_both(tmp_path: Path, library: Library) -> None:
    answers = []
    with open_at(tmp_path / "sqlite", "") as other:
        for one in (library, other):
            collection = make_collection(one)
            vectors = unit(len(WORDS))
            new = [
                addition(f"/m/{i}", vectors[i : i + 1], row=json.dumps({"caption": said}))
                for i, said in enumerate(WORDS)
            ]
            add(one, collection, new)
            answers.append([one.catalog.find_words(collection, q, 20) for q in QUERIES])
    assert dict(zip(QUERIES, answers[0], strict=True)) == dict(
        zip(QUERIES, answers[1], strict=True)
    )
    assert len(answers[0][0]) > 2 and answers[0][1]


def test_a_commit_may_hold_many_rows(library: Library) -> None:
    collection = make_collection(library)
    add(library, collection, additions(unit(12_000)))
    with library.writer() as writer:
        found = library.catalog.segment_ids(collection)
        (ids,) = found.values()
        items = sorted(set(library.catalog.item_of(ids.tolist()).values()))
        writer.commit(collection, Change(removed=items[:11_000]))
    assert library.catalog.item_count(collection) == 1_000
    assert verify(library) == ()
