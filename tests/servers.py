"""A real PostgreSQL of the system's, for the while of a test run."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

#: Where Debian keeps what it does not put into PATH.
_DEBIAN = "/usr/lib/postgresql/*/bin/initdb"

#: The server refuses to be root; Debian's package brings this user.
_USER = "postgres"

#: Nothing here has to survive a power cut, and nothing may depend on the server's language: it
#: sorts as English does.
_INITDB = ("--no-sync", "--auth=trust", "--encoding=UTF8", "--username=searchengine")
_ENGLISH = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
_SETTINGS = ("fsync=off", "full_page_writes=off", "max_connections=300", "listen_addresses=")


def binaries() -> Path | None:
    """Of the newest PostgreSQL that is installed; None without one."""
    found = [Path(found) for found in [shutil.which("initdb")] if found]
    found += sorted(Path("/").glob(_DEBIAN[1:]), key=lambda path: float(path.parts[-3]))
    return found[-1].resolve().parent if found else None


@contextlib.contextmanager
def postgresql(programs: Path) -> Iterator[str]:
    """Start one on a socket of its own; the address of its database."""
    user = _USER if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if user:
        shutil.chown(folder, user)
    address = f"postgresql://searchengine@/postgres?host={folder}"
    make = [programs / "initdb", "--pgdata", folder / "data", *_INITDB, *_ENGLISH]
    serve = [programs / "postgres", "-D", folder / "data", "-k", folder]
    serve += [word for setting in _SETTINGS for word in ("-c", setting)]
    try:
        subprocess.run(make, user=user, cwd=folder, check=True, capture_output=True)
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(serve, user=user, cwd=folder, stdout=log, stderr=log)
        try:
            _wait_for(server, address, folder / "log")
            yield address
        finally:
            server.send_signal(signal.SIGINT)  # do not wait for those who are connected
            server.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(address).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > end:
                raise AssertionError(log.read_text()) from None
            time.sleep(0.05)
