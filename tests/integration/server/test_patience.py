"""Under load: nobody waits longer than the deadline, nobody's place is kept, nothing is cut off."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from searchengine.server import serving as sockets
from searchengine.server.app import create_app
from searchengine.server.house import ServerSettings
from tests.hash_encoder import HashEncoder
from tests.integration.server.serving import (
    BASE,
    Gated,
    hashing,
    listening,
    make_hash_library,
    until,
)

ASKED = b'{"query": [{"text": "dogs"}]}'


@pytest.fixture(scope="module")
def encoder() -> Gated:
    return Gated()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, encoder: Gated) -> Iterator[FastAPI]:
    library = make_hash_library(tmp_path_factory.mktemp("patient"), encoder)
    with hashing(encoder):
        yield create_app(ServerSettings(library, worker=False, deadline_s=2.0))


@pytest.fixture(scope="module")
def url(app: FastAPI) -> Iterator[str]:
    with listening(app) as url:
        yield url


@pytest.fixture(autouse=True)
def opened(encoder: Gated) -> Iterator[None]:
    encoder.begun.clear()
    yield
    encoder.gate.set()


def ask(url: str) -> httpx.Response:
    with httpx.Client(base_url=url, timeout=60) as client:
        return client.post(f"{BASE}/search", content=ASKED)


def get(url: str, path: str) -> httpx.Response:
    with httpx.Client(base_url=url, timeout=60) as client:
        return client.get(path)


def waiting(app: FastAPI) -> int:
    count: int = app.state.asking.waiting
    return count


def test_what_takes_too_long_is_answered_at_its_deadline(url: str, encoder: Gated) -> None:
    encoder.gate.clear()
    start = time.monotonic()
    answer = ask(url)
    assert answer.status_code == 504 and "DeadlineExceeded" in answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert time.monotonic() - start >= 2
    assert get(url, "/healthz").status_code == 200
    encoder.gate.set()
    assert ask(url).status_code == 200


def test_a_client_that_goes_away_frees_its_place(url: str, app: FastAPI, encoder: Gated) -> None:
    encoder.gate.clear()
    place = urlsplit(url)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, url)
        assert encoder.begun.wait(30)  # the others wait behind it
        clients = []
        for _ in range(5):
            client = socket.create_connection((place.hostname, place.port))
            head = f"POST {BASE}/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(ASKED)}"
            client.sendall(head.encode() + b"\r\n\r\n" + ASKED)
            clients.append(client)
        until(lambda: waiting(app) == 5)
        for client in clients:
            client.close()
        until(lambda: waiting(app) == 0)
        encoder.gate.set()
        assert first.result(60).status_code in (200, 504)


def test_so_many_requests_are_worked_on_and_no_more(tmp_path: Path, encoder: Gated) -> None:
    library, most = make_hash_library(tmp_path, encoder), 3
    with hashing(encoder), ThreadPoolExecutor(most) as pool:
        app = create_app(ServerSettings(library, worker=False, max_requests=most))
        with listening(app) as url:
            encoder.begun.clear()  # starting encodes, too
            encoder.gate.clear()
            asked = [pool.submit(ask, url)]
            until(encoder.begun.is_set)
            asked += [pool.submit(ask, url) for _ in range(most - 2)]
            until(lambda: waiting(app) == most - 2)
            assert get(url, "/v1/models").status_code == 200
            asked.append(pool.submit(ask, url))
            until(lambda: waiting(app) == most - 1)
            start = time.monotonic()
            refused = get(url, "/v1/models")
            assert refused.status_code == 503 and time.monotonic() - start < 5
            assert refused.headers["retry-after"] and refused.json()["title"] == "Busy"
            assert get(url, "/healthz").status_code == 200
            encoder.gate.set()
            assert [one.result(60).status_code for one in asked] == [200] * most
            assert get(url, "/v1/models").status_code == 200


def test_clients_that_send_slowly_stop_nobody(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "HEADERS_S", 1.0)
    place = urlsplit(url)
    slow = [socket.create_connection((place.hostname, place.port)) for _ in range(200)]
    for client in slow:
        client.sendall(b"POST /v1/collections/default/search HTTP/1.1\r\nHost: local")
    assert ask(url).status_code == 200 and get(url, "/healthz").status_code == 200
    for client in slow:
        client.settimeout(30)
        assert client.recv(1) == b""  # hung up on
        client.close()


def test_a_body_that_does_not_come_is_not_awaited_for_ever(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("searchengine.server.limits.IDLE_S", 0.5)
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port)) as client:
        head = f"POST {BASE}/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{{"
        client.sendall(head.encode())
        client.settimeout(30)
        assert client.recv(64).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("sent", [b"\0\1\2\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_what_is_no_request_is_refused(url: str, sent: bytes) -> None:
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port)) as client:
        client.sendall(sent)
        client.settimeout(30)
        assert client.recv(64).startswith(b"HTTP/1.1 4")
    assert get(url, "/healthz").status_code == 200


SERVED = """
import sys, threading
from pathlib import Path
from searchengine.server import serving
from searchengine.server.app import create_app
from searchengine.server.house import ServerSettings
from tests.hash_encoder import HashEncoder
from tests.integration.server.serving import hashing
with hashing(HashEncoder(delay_s=3.0)):
    app = create_app(ServerSettings(Path(sys.argv[1]), worker=False))
    serving.serve(app, "127.0.0.1", int(sys.argv[2]))
"""


def test_what_is_under_way_at_sigterm_is_finished(tmp_path: Path) -> None:
    library = make_hash_library(tmp_path, HashEncoder())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", SERVED, str(library), str(port)]
    with subprocess.Popen(command, env=os.environ) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            until(lambda: _ready(url, process))
            with ThreadPoolExecutor(2) as pool:
                asked = [pool.submit(ask, url)]
                time.sleep(0.7)  # the second is to wait for it, not to join it
                asked.append(pool.submit(ask, url))
                until(lambda: "searchengine_queries_waiting 1.0" in get(url, "/metrics").text)
                process.send_signal(signal.SIGTERM)
                assert [one.result(60).status_code for one in asked] == [200] * 2
            assert process.wait(60) in (0, -signal.SIGTERM)
        finally:
            process.kill()


def _ready(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        return get(url, "/readyz").status_code == 200
    except httpx.TransportError:
        return False
