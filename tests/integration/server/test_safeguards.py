"""Who may come in, what they may do, and what never gets out."""

from __future__ import annotations

import json
import logging
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from searchengine.engine import Engine
from searchengine.server.app import create_app
from searchengine.server.guard import ASKING, OPEN
from searchengine.server.house import ServerSettings
from searchengine.store.keys import Keys, Scope
from searchengine.store.library import Library
from tests.hash_encoder import HashEncoder
from tests.integration.server.serving import (
    BASE,
    hashing,
    listening,
    make_hash_library,
    serving,
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_hash_library(tmp_path_factory.mktemp("guarded"), HashEncoder())


@pytest.fixture(scope="module")
def keys(library: Path) -> dict[Scope, str]:
    with Library(library) as opened:
        return {scope: opened.keys.create(str(scope), scope) for scope in Scope}


@pytest.fixture(scope="module")
def app(library: Path, keys: dict[Scope, str]) -> Iterator[FastAPI]:
    with hashing(HashEncoder()):
        yield create_app(ServerSettings(library, keys_required=True, worker=False))


@pytest.fixture(scope="module")
def guarded(app: FastAPI) -> Iterator[TestClient]:
    """Beyond the loopback, where keys are needed."""
    with TestClient(app, base_url="http://x.example", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def client(library: Path) -> Iterator[TestClient]:
    with hashing(HashEncoder()), serving(library, worker=False) as client:
        yield client


def routes(app: FastAPI) -> set[tuple[str, str]]:
    """Method and path of all that there is, described or not."""
    described = {
        (method.upper(), path)
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }
    return described | {("GET", "/openapi.json"), ("GET", "/static/main.js"), ("GET", "/")}


def filled(path: str) -> str:
    for name in ("collection", "item_id", "job_id"):
        path = path.replace(f"{{{name}}}", "default" if name == "collection" else "999")
    return path


def test_every_route_needs_a_key_but_those_that_hold_nothing(
    app: FastAPI, guarded: TestClient
) -> None:
    declared = {route.path for route in app.routes if isinstance(route, APIRoute)}
    assert declared <= {path for _, path in routes(app)}
    seen = 0
    for method, path in sorted(routes(app)):
        answer = guarded.request(method, filled(path))
        if path in OPEN or path.startswith("/static/"):
            assert answer.status_code in (200, 204, 422), (method, path)
            continue
        seen += 1
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        for wrong in ({"authorization": "Bearer sk-x"}, {"x-api-key": ""}, {"cookie": "a=b"}):
            assert guarded.request(method, filled(path), headers=wrong).status_code == 401
    assert seen >= 25


def test_a_key_that_may_read_changes_nothing(
    app: FastAPI, guarded: TestClient, keys: dict[Scope, str]
) -> None:
    header = {"x-api-key": keys[Scope.READ]}
    for method, path in sorted(routes(app)):
        answer = guarded.request(method, filled(path), headers=header)
        changes = method not in ("GET", "HEAD") and not path.endswith(ASKING) and path not in OPEN
        assert (answer.status_code == 403) == changes, (method, path, answer.text)


def test_keys_are_hashed_and_compared_in_constant_time(
    library: Path, keys: dict[Scope, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = (library / "catalog.db").read_bytes() + (library / "catalog.db-wal").read_bytes()
    assert all(key.encode() not in kept for key in keys.values())
    compared: list[str] = []

    def compare(a: str, b: str) -> bool:
        compared.append(a)
        return a == b

    monkeypatch.setattr("searchengine.store.keys.hmac.compare_digest", compare)
    with Library(library) as opened:
        assert isinstance(opened.keys, Keys) and opened.keys.find("sk-wrong") is None
    assert len(compared) == len(keys)


def test_the_cookie_is_for_this_server_alone(guarded: TestClient, keys: dict[Scope, str]) -> None:
    for base, secure in (("http://x.example", False), ("https://x.example", True)):
        answer = guarded.post(f"{base}/v1/session", json={"key": keys[Scope.READ]})
        parts = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
        assert {"httponly", "samesite=strict"} <= parts and ("secure" in parts) == secure
        assert keys[Scope.READ] not in answer.headers["set-cookie"]
    guarded.cookies.clear()


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "localhost@evil"),
        *("evil.example:8765", "0.0.0.0", "192.168.1.2", "[::2]", "[::1].evil.example", "local"),
    ],
)
def test_other_names_are_not_answered_to(client: TestClient, host: str) -> None:
    for path in ("/", "/healthz", "/v1/collections", "/static/main.js"):
        answer = client.get(path, headers={"host": host})
        assert answer.status_code == 421, (host, path)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8765", "[::1]", "[::1]:9"])
def test_names_of_the_loopback_are(client: TestClient, host: str) -> None:
    assert client.get("/v1/collections", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:1234"},
        {"origin": "http://localhost.evil.example"},
        {"origin": "http://[::1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_pages_of_others_neither_read_nor_write(
    client: TestClient, headers: dict[str, str]
) -> None:
    for answer in (
        client.get("/v1/collections", headers=headers),
        client.post(f"{BASE}/search", json={"query": [{"text": "x"}]}, headers=headers),
        client.options(f"{BASE}/search", headers=headers),
    ):
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_every_answer_says_what_a_browser_may_do_with_it(client: TestClient) -> None:
    for path in ("/", "/static/main.js", "/v1/collections", "/nothing", f"{BASE}/items/1/media"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_log_holds_no_secret(
    guarded: TestClient, keys: dict[Scope, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        key = keys[Scope.WRITE]
        guarded.get(f"{BASE}/items?filter=code=4711", headers={"authorization": f"Bearer {key}"})
        body = {"query": [{"text": "my diagnosis"}]}
        guarded.post(f"{BASE}/search", json=body, headers={"x-api-key": key})
        session = guarded.post("/v1/session", json={"key": key})
        guarded.get("/v1/models", headers={"x-api-key": "sk-mistyped"})
    said = "".join(r.getMessage() for r in caplog.records if r.name.startswith("searchengine"))
    token = session.headers["set-cookie"].split("=")[1].split(";")[0]
    for secret in (key, token, "4711", "diagnosis", "sk-mistyped"):
        assert secret not in said
    lines = [json.loads(r.getMessage()) for r in caplog.records if r.name == "searchengine.access"]
    assert [line["key"] for line in lines][:2] == ["write", "write"]
    assert {"time", "client", "method", "path", "route", "status", "seconds"} <= lines[0].keys()
    guarded.cookies.clear()


def hostile_paths(top: Path) -> list[str]:
    """Ways out of ``top/media``, which is a root."""
    media = top / "media"
    ups = ["/".join([str(media), *[".."] * n]) for n in range(1, 9)]
    return [
        *ups,
        *[f"{up}/etc/passwd" for up in ups],
        *[f"{media}/{name}" for name in ("out", "out/passwd", "sub/../../secret.txt", "file")],
        *("/", "/etc", "/etc/passwd", "/proc/self/environ", "/dev/zero", "/dev/stdin", "/root"),
        *("", ".", "..", "~", "~root", "*", "media", "./media", "../media", "C:\\", "\\\\x\\y"),
        *("file:///etc/passwd", "http://127.0.0.1:1/", "http://169.254.169.254/latest"),
        *("ftp://x/y", "data:text/plain,x", "gopher://x", "//x/y", "/etc/passwd\0.txt", "\0"),
        *(f"{media}\0/../../etc", f"{top}/mediaX", f"{top}/media/../mediaX", f"{top}/secret.txt"),
        *("%2e%2e%2f", "..%2f..%2fetc", "....//....//etc", "\ud800", "a" * 4_000, "/" * 4_000),
        *(f"{media}/loop", f"{media}/../library/catalog.db", f"{top}/library"),
    ]


def test_no_path_leads_out_of_the_roots(tmp_path: Path) -> None:
    library = make_hash_library(tmp_path, HashEncoder())
    media = tmp_path / "media"
    (tmp_path / "mediaX").mkdir()
    (tmp_path / "secret.txt").write_text("the password")
    (media / "sub").mkdir()
    for link, aim in (("out", "/etc"), ("file", "/etc/passwd"), ("loop", str(media / "loop"))):
        (media / link).symlink_to(aim)
    paths = hostile_paths(tmp_path)
    assert len(paths) >= 60
    with hashing(HashEncoder()), serving(library, worker=False) as client:
        for path in paths:
            body = json.dumps({"paths": [path]})
            answer = client.post("/v1/jobs", content=body)
            assert answer.status_code in (403, 422), (path, answer.text)
            if "/" in path:
                named = json.dumps({"name": "a", "encoder": path})
                made = client.post("/v1/collections", content=named)
                assert made.status_code == 422, (path, made.text)
            asked = client.post(f"{BASE}/search", content=json.dumps(file_of(path)))
            assert asked.status_code in (200, 400, 415, 422), (path, asked.text)
            assert "root:" not in asked.text and "password" not in asked.text
        assert client.get("/v1/jobs").json()["jobs"] == []


def file_of(path: str) -> dict[str, Any]:
    return {"query": [{"modality": "text", "file": "ZG9ncw==", "name": path[:255]}]}


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/static/../app.py",
            "/static/%2e%2e/app.py",
            "/static/..%2fapp.py",
            "/static//etc/passwd",
        ),
        *("/static/%00", "/static/....//app.py", "/static", "/static/", "/static/\\..\\app.py"),
        *("/v1/..%2fhealthz", "/%2fhealthz", "/v1/collections/..%2f"),
    ],
)
def test_no_url_leads_out_of_the_page(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (307, 404, 405), answer.text[:200]
    assert "create_app" not in answer.text and "root:" not in answer.text


@pytest.mark.parametrize("field", ["url", "path", "uri", "href", "image_url"])
def test_no_part_names_a_url_or_a_path(client: TestClient, field: str) -> None:
    body = {"query": [{"modality": "image", field: "http://127.0.0.1/x.png"}]}
    assert client.post(f"{BASE}/search", json=body).status_code == 422


def test_a_drawing_that_can_run_is_never_shown_in_place(tmp_path: Path) -> None:
    """Nor a page: such an item can only come from a library that another version filled."""
    import sqlite3

    library = make_hash_library(tmp_path, HashEncoder())
    for kind in ("image/svg+xml", "text/html", "application/xhtml+xml", "image/png+xml; x"):
        with sqlite3.connect(library / "catalog.db") as catalog:
            catalog.execute("UPDATE items SET mime_type = ? WHERE modality = 'image'", (kind,))
        catalog.close()
        with hashing(HashEncoder()), serving(library, worker=False) as client:
            listed = client.get(f"{BASE}/items", params={"filter": "modality = image"}).json()
            answer = client.get(listed["items"][0]["media_url"])
        assert answer.headers["content-type"] == "application/octet-stream", kind
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["content-security-policy"]


def test_tls(tmp_path: Path) -> None:
    library = make_hash_library(tmp_path, HashEncoder())
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out"]
    subprocess.run([*made, *names, str(certificate)], check=True, capture_output=True)
    with hashing(HashEncoder()):
        app = create_app(ServerSettings(library, worker=False))
        with listening(app, ssl_certfile=certificate, ssl_keyfile=key) as url:
            trusting = ssl.create_default_context(cafile=str(certificate))
            secured = url.replace("http:", "https:") + "/healthz"
            with urllib.request.urlopen(secured, context=trusting, timeout=30) as answer:
                assert json.load(answer) == {"status": "ok"}
            with pytest.raises(OSError):
                urllib.request.urlopen(url + "/healthz", timeout=30)


def test_a_revoked_key_ends_its_sessions(tmp_path: Path) -> None:
    library = make_hash_library(tmp_path, HashEncoder())
    with Library(library) as opened:
        key = opened.keys.create("soon gone", Scope.READ)
    with Library(library) as opened, hashing(HashEncoder()):
        app = create_app(ServerSettings(library, keys_required=True, worker=False))
        with TestClient(app, base_url="http://x.example") as client:
            client.post("/v1/session", json={"key": key})
            assert client.get("/v1/models").status_code == 200
            opened.keys.revoke("soon gone")
            assert client.get("/v1/models").status_code == 401


def test_what_is_written_in_names_and_metadata_is_data(tmp_path: Path) -> None:
    """It comes back as JSON, in quotes; the page's own tests show that it makes no markup."""
    library = make_hash_library(tmp_path, HashEncoder())
    name = 'a"\r\nX-Evil: 1\r\n<script>.txt'
    (tmp_path / "media" / name.replace("\r\n", "\n")).write_text("evil words")
    with Engine(library, encoder=HashEncoder()) as engine:
        engine.index([tmp_path / "media"], workers=0)
    with hashing(HashEncoder()), serving(library, worker=False) as client:
        for item in client.get(f"{BASE}/items").json()["items"]:
            answer = client.get(item["media_url"])
            assert answer.status_code == 200 and "x-evil" not in answer.headers
