"""Every revision goes up, down and up again with rows in place, and a kill leaves the old or the
new one."""

from __future__ import annotations

import datetime
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, insert, select

from alembic import command
from searchengine.store import migrate, schema
from searchengine.store.database import find
from searchengine.store.library import Library
from searchengine.store.verify import verify

pytestmark = pytest.mark.usefixtures("database")

Rows = dict[str, list[dict[str, Any]]]

#: Says when it begins, and brings a library to the newest revision.
VICTIM = """
import sys
from pathlib import Path
from searchengine.store import migrate
print("begins", flush=True)
migrate.upgrade(Path(sys.argv[1]))
print("done", flush=True)
"""


def revisions() -> list[str]:
    scripts = ScriptDirectory.from_config(migrate._config())
    return [script.revision for script in scripts.walk_revisions()][::-1]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Of a library at the first revision."""
    migrate.upgrade(tmp_path / "library", revisions()[0])
    engine = find(tmp_path / "library").connect()
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def tables(connection: Connection) -> list[Table]:
    """Parents before children, without what is kept for full text and by Alembic."""
    found = MetaData()
    names = sqlalchemy.inspect(connection).get_table_names()
    mine = [n for n in names if n != "alembic_version" and not n.startswith("passages_index")]
    found.reflect(connection, only=mine)
    return found.sorted_tables


def fill(connection: Connection, count: int) -> None:
    """``count`` rows in every table that has none, the n-th of each belonging together."""
    for table in tables(connection):
        if connection.execute(select(table).limit(1)).first() is None:
            columns = [column for column in table.columns if column.computed is None]
            rows = [{c.name: _value(c, n) for c in columns} for n in range(1, count + 1)]
            connection.execute(insert(table), rows)
    connection.commit()


def _value(column: sqlalchemy.Column[Any], number: int) -> Any:
    kind = column.type.python_type
    known: dict[type, Any] = {
        bool: number % 2 == 0,
        str: f"{number}"[:16] if column.name != "passage" else f"words of passage {number}",
        float: number / 8,
        bytes: bytes([number % 256]),
        datetime.datetime: datetime.datetime(2024, 1, 1) + datetime.timedelta(number),
    }
    return known.get(kind, number)


def rows(connection: Connection) -> Rows:
    found = {
        table.name: [
            {c.name: row[i] for i, c in enumerate(table.columns) if c.computed is None}
            for row in connection.execute(select(table).order_by(*table.primary_key)).all()
        ]
        for table in tables(connection)
    }
    connection.rollback()
    return found


def move(connection: Connection, to: str, upward: bool = True) -> None:
    with connection.begin():
        (command.upgrade if upward else command.downgrade)(
            migrate._config(connection=connection), to
        )


def _up_down_up(connection: Connection, count: int) -> None:
    fill(connection, count)
    for before, revision in zip(revisions(), revisions()[1:], strict=False):
        old = rows(connection)
        move(connection, revision)
        fill(connection, count)
        new = rows(connection)
        move(connection, before, upward=False)
        assert rows(connection) == old, f"down from {revision}"
        move(connection, revision)
        again = rows(connection)
        for name, kept in old.items():
            for row, expected in zip(again[name], kept, strict=True):
                assert row | expected == row, f"{revision} loses what {name} held"
        assert again.keys() == new.keys()
        fill(connection, count)


def test_the_revisions_are_those_that_alembic_knows() -> None:
    assert schema.revisions() == revisions()


def test_every_revision_goes_up_down_and_up_with_rows_in_place(connection: Connection) -> None:
    _up_down_up(connection, 50)
    command.check(migrate._config(connection=connection))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_revision_goes_up_down_and_up_with_100_000_rows(connection: Connection) -> None:
    _up_down_up(connection, 100_000)


def kill_once(library: Path, after_s: float) -> bool:
    """Kill an upgrade on its way; whether it had not ended before."""
    start = [sys.executable, "-c", VICTIM, str(library)]
    victim = subprocess.Popen(start, stdout=subprocess.PIPE, text=True)
    assert victim.stdout and victim.stdout.readline() == "begins\n"
    time.sleep(after_s)
    victim.send_signal(signal.SIGKILL)
    said = victim.stdout.read()
    victim.stdout.close()
    victim.wait()
    return said == ""


def _survive(connection: Connection, library: Path, kills: int) -> None:
    first, newest = revisions()[0], revisions()[-1]
    start = time.monotonic()
    move(connection, newest)
    takes_s = time.monotonic() - start
    move(connection, first, upward=False)
    kept, met = rows(connection), 0
    for seed in range(kills):
        met += kill_once(library, random.Random(seed).uniform(0, 2 * takes_s))
        found = schema.current(library)
        assert found in (first, newest), f"half way, after kill {seed}"
        if found == newest:
            move(connection, first, upward=False)
        assert rows(connection) == kept, f"after kill {seed}"
    assert met or kills < 10, "no kill met an upgrade"
    migrate.upgrade(library)
    assert schema.current(library) == newest


def test_a_kill_during_an_upgrade_leaves_the_old_or_the_new(
    connection: Connection, tmp_path: Path
) -> None:
    fill(connection, 1_000)
    _survive(connection, tmp_path / "library", 2)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_kills_during_upgrades_leave_the_old_or_the_new(
    connection: Connection, tmp_path: Path
) -> None:
    fill(connection, 20_000)
    _survive(connection, tmp_path / "library", 50)


def test_a_library_whose_making_was_killed_can_be_made(tmp_path: Path) -> None:
    kill_once(tmp_path / "library", 0.1)
    with Library(tmp_path / "library", create=True) as library:
        library.writer().close()
        assert verify(library) == ()
