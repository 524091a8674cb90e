"""What all tests share: nothing is timed, on any machine; and the databases they run on."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers import binaries, postgresql

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

#: A shell has what it starts with & ignore interrupts, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a PostgreSQL that lives as long as the tests."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with postgresql(programs) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where libraries keep their catalogs; a module that uses it runs once on each."""
    url = request.getfixturevalue("postgresql_server") if request.param == "postgresql" else ""
    monkeypatch.setenv("SEARCHENGINE_DATABASE_URL", url)
    return str(request.param)
