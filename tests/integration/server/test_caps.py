"""Every bound of the server: at its value, one below, one above."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from searchengine.server.app import create_app
from searchengine.server.house import ServerSettings
from searchengine.server.limits import Rates
from searchengine.server.problems import Problem
from searchengine.store.keys import Scope
from searchengine.store.library import Library
from tests.hash_encoder import HashEncoder
from tests.integration.server.serving import BASE, hashing, make_hash_library, serving

MAX_BODY, MAX_JSON = 300_000, 200_000


@pytest.fixture(scope="module")
def encoder() -> HashEncoder:
    return HashEncoder()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, encoder: HashEncoder) -> Path:
    return make_hash_library(tmp_path_factory.mktemp("capped"), encoder)


@pytest.fixture(scope="module")
def client(library: Path, encoder: HashEncoder) -> Iterator[TestClient]:
    with (
        hashing(encoder),
        serving(library, worker=False, max_body_bytes=MAX_BODY, max_json_bytes=MAX_JSON) as client,
    ):
        yield client


def search(**how: Any) -> dict[str, Any]:
    return {"query": [{"text": "dogs"}], **how}


def part(**said: Any) -> dict[str, Any]:
    return {"query": [{"text": "dogs"} | said]}


def weighed(weight: float) -> dict[str, Any]:
    """Beside a part that says what to look for: only to move away from something is refused."""
    return {"query": [{"text": "cats"}, {"text": "dogs", "weight": weight}]}


def nested(depth: int) -> str:
    return "(" * depth + "year = 1" + ")" * depth


def padded(length: int) -> str:
    return "year = 1".ljust(length)


BODIES: list[tuple[str, dict[str, Any], int]] = [
    *[("k", search(k=k), status) for k, status in ((0, 422), (1, 200), (2, 200))],
    *[("k", search(k=k), status) for k, status in ((999, 200), (1_000, 200), (1_001, 422))],
    *[("offset", search(offset=n), s) for n, s in ((-1, 422), (0, 200), (1, 200))],
    *[("offset", search(offset=n), s) for n, s in ((8_999, 200), (9_000, 200), (9_001, 422))],
    ("the deepest page", search(offset=9_000, k=1_000), 200),
    *[
        ("parts", {"query": [{"text": f"w{i}"} for i in range(n)]}, s)
        for n, s in ((0, 422), (1, 200), (2, 200), (15, 200), (16, 200), (17, 422))
    ],
    *[("text", part(text="x" * n), s) for n, s in ((19_999, 200), (20_000, 200), (20_001, 422))],
    *[("text", part(text="x" * n), s) for n, s in ((0, 400), (1, 200))],
    *[
        ("weight", weighed(w), s)
        for w, s in ((-100, 200), (-100.01, 422), (100, 200), (100.01, 422), (-99.9, 200))
    ],
    *[("id", {"query": [{"id": n}]}, s) for n, s in ((0, 422), (1, 200), (2**62, 400))],
    *[("id", {"query": [{"id": n}]}, s) for n, s in ((2**62 - 1, 400), (2**62 + 1, 422))],
    *[("name", part(name="n" * n), s) for n, s in ((254, 200), (255, 200), (256, 422))],
    *[
        ("targets", search(targets=(["text"] * n)), s)
        for n, s in ((0, 200), (1, 200), (6, 200), (7, 200), (8, 422))
    ],
    *[
        ("filter length", search(filter=padded(n)), s)
        for n, s in ((4_999, 200), (5_000, 200), (5_001, 422))
    ],
    *[
        ("filter depth", search(filter=nested(n)), s)
        for n, s in ((1, 200), (7, 200), (8, 200), (9, 400))
    ],
    *[
        ("times not", search(filter="not " * n + "a = 1"), s)
        for n, s in ((49, 200), (50, 200), (51, 400))
    ],
    *[("path", search(path="x" * n), s) for n, s in ((999, 200), (1_000, 200), (1_001, 422))],
]


@pytest.mark.parametrize(("what", "body", "status"), BODIES)
def test_a_search_at_its_bounds(
    client: TestClient, what: str, body: dict[str, Any], status: int
) -> None:
    answer = client.post(f"{BASE}/search", json=body)
    refused = (400, 422)  # what the engine refuses, and what the server does
    assert answer.status_code in (refused if status >= 400 else (200,)), (what, answer.text)
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]


@pytest.mark.parametrize(
    "filter",
    [
        "id in (" + ",".join(map(str, range(1, 1_200))) + ")",
        " or ".join(["a=1"] * 700),
        " and ".join(["a!=1"] * 540),
        "not (a=1 and " * 8 + "b=1" + ")" * 8,
        ("not (" + "a=1 or " * 85) * 8 + "b=1" + ")" * 8,
        "path ~ '" + "%_*?[" * 900 + "'",
    ],
)
def test_the_longest_filters_are_answered(client: TestClient, filter: str) -> None:
    assert len(filter) <= 5_000
    for answer in (
        client.post(f"{BASE}/search", json=search(filter=filter)),
        client.get(f"{BASE}/items", params={"filter": filter}),
        client.get(f"{BASE}/facets", params={"filter": filter}),
    ):
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", ["*a" * 500, "?" * 1_000, "[" * 1_000, "[a-z]*" * 160])
def test_the_oddest_globs_are_answered(client: TestClient, path: str) -> None:
    assert client.post(f"{BASE}/search", json=search(path=path)).status_code == 200


@pytest.mark.parametrize(
    ("count", "status"), [(0, 422), (1, 200), (99, 200), (100, 200), (101, 422)]
)
def test_a_batch_at_its_bounds(client: TestClient, count: int, status: int) -> None:
    queries = [search(k=1)] * count
    answer = client.post(f"{BASE}/search:batch", json={"queries": queries})
    assert answer.status_code == status, answer.text[:500]
    if status == 200:
        assert len(answer.json()["results"]) == count


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/items?limit=0", 422),
        ("/items?limit=1", 200),
        ("/items?limit=999", 200),
        ("/items?limit=1000", 200),
        ("/items?limit=1001", 422),
        ("/items?after=-1", 422),
        ("/items?after=0", 200),
        (f"/items?after={2**62}", 200),
        (f"/items?after={2**62 + 1}", 422),
        ("/similar/1?k=0", 422),
        ("/similar/1?k=1", 200),
        ("/similar/1?k=1000", 200),
        ("/similar/1?k=1001", 422),
        ("/similar/1?offset=-1", 422),
        ("/similar/1?offset=9000", 200),
        ("/similar/1?offset=9001", 422),
        ("/similar/1?targets=" + ",".join(["text"] * 7), 200),
        ("/similar/1?targets=" + "x" * 101, 422),
        (f"/items/{2**62}", 404),
        (f"/items/{2**62 + 1}", 422),
        (f"/similar/{2**62 + 1}", 422),
        ("/items/1/preview?size=31", 422),
        ("/items/1/preview?size=32", 200),
        ("/items/1/preview?size=33", 200),
        ("/items/1/preview?size=1280", 200),
        ("/items/1/preview?size=1281", 422),
    ],
)
def test_a_url_at_its_bounds(client: TestClient, path: str, status: int) -> None:
    answer = client.get(BASE + path)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("length", "status"), [(MAX_JSON - 1, 200), (MAX_JSON, 200), (MAX_JSON + 1, 413)]
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_json_at_its_bound(
    client: TestClient, length: int, status: int, chunked: bool
) -> None:
    sent = json.dumps(search()).encode().ljust(length)
    body: Any = iter([sent[:1_000], sent[1_000:]]) if chunked else sent
    answer = client.post(f"{BASE}/search", content=body)
    assert answer.status_code == status, answer.text
    if status == 413:
        assert "multipart" in answer.json()["detail"]


def form(length: int) -> tuple[bytes, dict[str, str]]:
    """A form of exactly that many bytes."""
    head = b'--x\r\nContent-Disposition: form-data; name="auto"; filename="a.txt"\r\n\r\n'
    tail = b"\r\n--x--\r\n"
    words = b"dogs ".ljust(length - len(head) - len(tail), b".")
    return head + words + tail, {"content-type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize(
    ("length", "status"), [(MAX_BODY - 1, 200), (MAX_BODY, 200), (MAX_BODY + 1, 413)]
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_form_at_its_bound(client: TestClient, length: int, status: int, chunked: bool) -> None:
    sent, headers = form(length)
    body: Any = iter([sent[:1_000], sent[1_000:]]) if chunked else sent
    answer = client.post(f"{BASE}/search", content=body, headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("said", ["-1", "x", "1" * 30, "1e3", "", "²"])
def test_a_length_that_is_none_is_refused(client: TestClient, said: str) -> None:
    headers = [(b"content-length", said.encode("latin-1")), (b"host", b"localhost")]
    answer = client.post(f"{BASE}/search", content=b"", headers=headers)
    assert answer.status_code == 413, answer.text


@pytest.mark.parametrize(("files", "status"), [(1, 200), (15, 200), (16, 200), (17, 400)])
def test_a_form_has_so_many_files(client: TestClient, files: int, status: int) -> None:
    sent = [("text", (f"{n}.txt", b"dogs %d" % n)) for n in range(files)]
    answer = client.post(f"{BASE}/search", files=sent)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/")


@pytest.mark.parametrize(("fields", "status"), [(15, 200), (16, 200), (17, 400)])
def test_a_form_has_so_many_fields(client: TestClient, fields: int, status: int) -> None:
    sent = [("text", (None, f"dogs {n}")) for n in range(fields)]
    assert client.post(f"{BASE}/search", files=sent).status_code == status


@pytest.mark.parametrize(("files", "status"), [(1, 201), (2, 422), (3, 400)])
def test_an_upload_has_so_many_files(client: TestClient, files: int, status: int) -> None:
    names = ["file", "other", "third"][:files]
    answer = client.post(f"{BASE}/items", files=[(name, ("a.txt", b"dogs")) for name in names])
    assert answer.status_code == status, answer.text


def test_metadata_at_its_bounds(client: TestClient) -> None:
    def status(metadata: dict[str, Any]) -> int:
        return client.patch(f"{BASE}/items/1", json={"metadata": metadata}).status_code

    room = 100_000 - len(json.dumps({"a": ""}))
    sizes = {n: status({"a": "x" * n}) for n in (room - 1, room, room + 1)}
    assert list(sizes.values()) == [200, 200, 422]
    assert [status({"n" * n: None}) for n in (0, 1, 199, 200, 201)] == [422, 200, 200, 200, 422]
    counts = [status({f"f{i}": None for i in range(n)}) for n in (199, 200, 201)]
    assert counts == [200, 200, 422]
    assert status({"a": None}) == 200


@pytest.mark.parametrize(("length", "kept"), [(199, 199), (200, 200), (201, 200), (255, 200)])
def test_a_file_name_is_cut_at_its_bound(client: TestClient, length: int, kept: int) -> None:
    name = "n" * (length - 4) + ".txt"
    answer = client.post(f"{BASE}/items", files={"file": (name, b"words %d" % length)})
    assert answer.status_code == 201, answer.text
    assert len(Path(answer.json()["path"]).name) == kept


@pytest.mark.parametrize(("length", "status"), [(1, 201), (199, 201), (200, 201), (201, 422)])
def test_a_collection_name_at_its_bound(client: TestClient, length: int, status: int) -> None:
    assert client.post("/v1/collections", json={"name": "c" * length}).status_code == status


def test_paths_of_a_job_at_their_bounds(client: TestClient, library: Path) -> None:
    media = str(library.parent / "media")

    def status(*paths: str) -> int:
        return client.post("/v1/jobs", json={"paths": paths}).status_code

    assert [status(*[media] * n) for n in (0, 1, 99, 100, 101)] == [400, 202, 202, 202, 422]
    long = [media + "/" * (n - len(media)) for n in (4_095, 4_096, 4_097)]
    assert [status(one) for one in long] == [202, 400, 422]  # Linux itself takes 4,095
    assert [client.get(f"/v1/jobs?limit={n}").status_code for n in (0, 1, 1_000, 1_001)] == [
        *(422, 200, 200, 422)
    ]


@pytest.mark.parametrize(("length", "status"), [(199, 401), (200, 401), (201, 422)])
def test_a_key_at_its_bound(client: TestClient, length: int, status: int) -> None:
    assert client.post("/v1/session", json={"key": "k" * length}).status_code == status


def test_deep_json_is_refused(client: TestClient) -> None:
    for body in (b"[" * 100_000, b'{"query":' * 20_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000):
        assert client.post(f"{BASE}/search", content=body).status_code == 422


def test_base64_at_the_end_of_its_rope(client: TestClient) -> None:
    coded = base64.b64encode(b"dogs").decode()
    for file, status in ((coded, 200), (coded[:-1], 422), (coded + "=", 422), ("", 422)):
        body = {"query": [{"modality": "text", "file": file, "name": "a.txt"}]}
        answer = client.post(f"{BASE}/search", json=body)
        assert answer.status_code == status, (file, answer.text)


def test_a_rate_at_its_bound() -> None:
    rates = Rates(600)  # 60 at once
    for _ in range(60):
        rates.spend("one")
    with pytest.raises(Problem) as refused:
        rates.spend("one")
    assert refused.value.status_code == 429 and refused.value.headers["Retry-After"]
    rates.spend("another")


def test_each_key_has_a_rate_of_its_own_and_probes_have_none(
    tmp_path: Path, encoder: HashEncoder
) -> None:
    library = make_hash_library(tmp_path, encoder)
    with Library(library) as opened:
        keys = [opened.keys.create(name, Scope.READ) for name in ("one", "two")]
    with hashing(encoder):
        app = create_app(
            ServerSettings(library, keys_required=True, requests_a_minute=60, worker=False)
        )
        with TestClient(app, base_url="http://localhost") as client:
            one, two = ({"x-api-key": key} for key in keys)
            said = [client.get("/v1/models", headers=one) for _ in range(9)]
            assert [answer.status_code for answer in said[:6]] == [200] * 6
            assert said[-1].status_code == 429 and said[-1].headers["retry-after"] == "1"
            assert client.get("/v1/models", headers=two).status_code == 200
            without = [client.get("/v1/models").status_code for _ in range(9)]
            assert without[:6] == [401] * 6 and without[-1] == 429
            assert {client.get("/healthz").status_code for _ in range(20)} == {200}
