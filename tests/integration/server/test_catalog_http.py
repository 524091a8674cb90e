"""What changes the library over HTTP: uploads, collections, batches."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from searchengine.engine import Engine
from searchengine.store.library import Library
from tests.integration.server.serving import BASE, make_library, serving


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_library(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def client(library: Path) -> Iterator[TestClient]:
    with serving(library) as client:
        yield client


def png(colour: str) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(written, "PNG")
    return written.getvalue()


def send(client: TestClient, name: str, content: bytes, **fields: str) -> httpx.Response:
    answer: httpx.Response = client.post(
        f"{BASE}/items", files={"file": (name, content)}, data=fields
    )
    return answer


def test_a_file_that_is_sent_becomes_an_item_that_is_found(client: TestClient) -> None:
    sent = send(client, "note.txt", b"zebras graze", metadata=json.dumps({"year": 2021}))
    assert sent.status_code == 201, sent.text
    item = sent.json()
    assert item["metadata"]["year"] == 2021 and item["segments"][0]["modality"] == "text"
    assert sent.headers["location"] == f"{BASE}/items/{item['id']}"
    found = client.post(f"{BASE}/search", json={"query": [{"text": "zebras"}], "k": 1}).json()
    assert found["hits"][0]["id"] == item["id"]
    assert client.get(item["media_url"]).text == "zebras graze"
    again = send(client, "note.txt", b"zebras graze", metadata=json.dumps({"year": 2022})).json()
    assert again["id"] == item["id"] and again["metadata"]["year"] == 2022


def test_a_field_that_means_nothing_is_refused_and_nothing_is_kept(client: TestClient) -> None:
    answer = send(client, "typo.txt", b"zebras graze", metdata='{"year": 2021}')
    assert answer.status_code == 422
    assert answer.json()["detail"] == "no field 'metdata'; they are file, modality, metadata"
    assert client.get(f"{BASE}/items", params={"path": "*typo*"}).json()["items"] == []


@pytest.mark.parametrize("dry_run", [1, "yes"])
def test_what_is_no_truth_value_deletes_nothing(client: TestClient, dry_run: object) -> None:
    item = send(client, "kept.txt", b"kept").json()
    wanted = {"ids": [item["id"]], "dry_run": dry_run}
    answer = client.post(f"{BASE}/items:delete", json=wanted)
    assert answer.status_code == 422 and "dry_run" in answer.json()["detail"]
    assert client.get(f"{BASE}/items/{item['id']}").status_code == 200


def test_a_file_that_was_sent_goes_with_its_item(client: TestClient, library: Path) -> None:
    item = send(client, "gone.txt", b"soon gone").json()
    path = Path(item["path"])
    assert path.is_file() and path.is_relative_to(library)
    assert client.delete(f"{BASE}/items/{item['id']}").status_code == 204
    assert not path.parent.exists()
    assert client.get(f"{BASE}/items/{item['id']}").status_code == 404


def test_a_file_of_the_user_outlives_its_item(client: TestClient) -> None:
    found = client.get(f"{BASE}/items", params={"path": "*/green.png"}).json()["items"]
    assert client.delete(f"{BASE}/items/{found[0]['id']}").status_code == 204
    assert Path(found[0]["path"]).is_file()


def test_sending_files_registers_no_roots(client: TestClient) -> None:
    before = client.get("/v1/roots").json()
    send(client, "root.txt", b"not a root")
    assert client.get("/v1/roots").json() == before


def test_sent_files_are_found_again_by_an_index_run(client: TestClient, library: Path) -> None:
    item = send(client, "frame.png", png("grey"), modality="thermal", metadata='{"a": "b"}').json()
    assert item["modality"] == "thermal"
    with Engine(library) as engine:
        report = engine.index([Path(item["path"]).parents[1]], workers=1)
        assert report.new == report.changed == 0 and not report.failures
        assert engine.show(item["id"])[0].metadata["a"] == "b"


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("x.exe", b"MZ", 415),
        ("metadata.jsonl", b"{}", 415),
        ("x.svg", b"<svg/>", 415),
        ("", b"x", 422),
        ("..", b"x", 415),
        ("x.png", b"not a picture", 422),
        ("x.png", b"", 422),
        ("x.png", png("red")[:60], 422),
        ("x.wav", b"RIFF", 422),
        ("x.npy", b"\x93NUMPY", 415),
    ],
)
def test_what_cannot_be_indexed_is_refused_and_not_kept(
    client: TestClient, library: Path, name: str, content: bytes, status: int
) -> None:
    kept = set((library / "uploads").rglob("*"))
    answer = send(client, name, content)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert set((library / "uploads").rglob("*")) <= kept


@pytest.mark.parametrize(
    "name",
    [
        "../../../escape.txt",
        "/etc/escape.txt",
        "..\\..\\escape.txt",
        ".hidden.txt",
        "a\x00b\x1b[31m\u202e.txt",
        "long" * 100 + ".txt",
        "ü" * 300 + ".txt",
        "<script>alert(1)</script>.txt",
    ],
)
def test_no_name_leads_out_of_the_folder_of_uploads(
    client: TestClient, library: Path, name: str
) -> None:
    answer = send(client, name, f"words of number {len(name)}".encode())
    assert answer.status_code == 201, answer.text
    path = Path(answer.json()["path"])
    assert path.is_file() and path.is_relative_to(library / "uploads")
    assert path.name.isprintable() and not path.name.startswith(".")


@pytest.mark.parametrize(
    "fields",
    [
        {"modality": "smell"},
        {"metadata": "[1]"},
        {"metadata": "{"},
        {"metadata": '{"a": NaN}'},
        {"metadata": '{}, "x": 1'},
        {"metadata": '{"a": "\\ud800"}'},
        {"metadata": json.dumps({"a": "x" * 200_000})},
    ],
)
def test_what_is_said_of_a_file_must_make_sense(client: TestClient, fields: dict[str, str]) -> None:
    assert send(client, "x.txt", b"words", **fields).status_code == 422


@pytest.mark.parametrize(
    "metadata",
    [
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": "\\ud800"}',
        '{"\\ud800": 1}',
        '{"": 1}',
        json.dumps({"x" * 201: 1}),
        json.dumps({"a": "x" * 100_000}),
        "[" * 5_000 + "]" * 5_000,
    ],
)
def test_metadata_that_cannot_be_kept_is_refused(client: TestClient, metadata: str) -> None:
    url = client.get(f"{BASE}/items").json()["items"][0]["media_url"].removesuffix("/media")
    answer = client.patch(url, content=f'{{"metadata": {metadata}}}')
    assert answer.status_code == 422, answer.text
    assert client.get(url).status_code == 200


@pytest.mark.parametrize(
    "value", [10**400, -(2**70), 1e308, True, None, [1, ["x"]], {"b": {}}, "é"]
)
def test_metadata_that_can_be_kept_comes_back(client: TestClient, value: Any) -> None:
    url = client.get(f"{BASE}/items").json()["items"][0]["media_url"].removesuffix("/media")
    answer = client.patch(url, content=json.dumps({"metadata": {"odd": value}}))
    assert answer.status_code == 200, answer.text
    assert client.get(url).json()["metadata"].get("odd") == value


def test_collections_are_made_described_and_dropped(client: TestClient, library: Path) -> None:
    made = client.post("/v1/collections", json={"name": "föt os", "encoder": "starter"})
    assert made.status_code == 201, made.text
    assert made.json()["items"] == 0 and made.json()["dim"] == 384
    assert client.post("/v1/collections", json={"name": "föt os"}).status_code == 409
    url = "/v1/collections/f%C3%B6t%20os"
    sent = client.post(f"{url}/items", files={"file": ("a.txt", b"an apple")}).json()
    found = client.post(f"{url}/search", json={"query": [{"text": "apple"}]}).json()
    assert [hit["id"] for hit in found["hits"]] == [sent["id"]]
    assert client.get(url).json()["modalities"]["text"]["method"]
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == client.delete(url).status_code == 404
    assert not Path(sent["path"]).exists()


def test_a_collection_made_again_under_its_name_is_the_new_one(client: TestClient) -> None:
    for words in (b"the first", b"the second"):
        client.post("/v1/collections", json={"name": "again"})
        sent = client.post("/v1/collections/again/items", files={"file": ("a.txt", words)}).json()
        found = client.post("/v1/collections/again/search", json={"query": [{"text": "the"}]})
        assert [hit["id"] for hit in found.json()["hits"]] == [sent["id"]]
        assert found.json()["hits"][0]["text"] == words.decode()
        assert client.delete("/v1/collections/again").status_code == 204


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": ""}, 422),
        ({"name": "a/b"}, 422),
        ({"name": "x" * 201}, 422),
        ({"name": "a\nb"}, 422),
        ({"name": "a", "encoder": "no such"}, 422),
        ({"name": "a", "encoder": "../../etc"}, 422),
        ({"name": "a", "surprise": 1}, 422),
    ],
)
def test_collections_that_cannot_be_made_are_refused(
    client: TestClient, body: dict[str, str], status: int
) -> None:
    assert client.post("/v1/collections", json=body).status_code == status


def test_a_batch_answers_as_one_by_one(client: TestClient) -> None:
    asked = [{"query": [{"text": words}], "k": 3} for words in ("dog", "rain", "horse")]
    together = client.post(f"{BASE}/search:batch", json={"queries": asked}).json()["results"]
    for one, alone in zip(together, asked, strict=True):
        hits = client.post(f"{BASE}/search", json=alone).json()["hits"]
        assert [hit["id"] for hit in one["hits"]] == [hit["id"] for hit in hits]


def test_what_is_wrong_with_one_of_a_batch_stands_in_its_place(client: TestClient) -> None:
    good = {"query": [{"text": "dog"}], "k": 1}
    wrong: list[tuple[dict[str, Any], int, str]] = [
        ({"query": [{"text": "dog"}], "k": 1_001}, 422, "InvalidRequest"),
        ({"query": [{"text": "dog"}], "surprise": 1}, 422, "InvalidRequest"),
        ({"query": 7}, 422, "InvalidRequest"),
        ({"query": []}, 400, "EmptyQuery"),
        ({"query": [{"text": "dog"}], "filter": "year >"}, 400, "InvalidFilter"),
        ({"query": [{"id": 999_999}]}, 400, "QueryError"),
        ({"query": [{"modality": "image", "file": "!"}]}, 422, "InvalidRequest"),
        ({"query": [{"modality": "image", "file": "AAAA", "name": "x.png"}]}, 422, "DecodeError"),
    ]
    queries = [one for bad, _, _ in wrong for one in (good, bad)]
    results = client.post(f"{BASE}/search:batch", json={"queries": queries}).json()["results"]
    assert [len(one["hits"]) for one in results[::2]] == [1] * len(wrong)
    said = [(one["status"], one["title"]) for one in results[1::2]]
    assert said == [(status, title) for _, status, title in wrong]


def test_a_text_file_asks_with_its_words(client: TestClient) -> None:
    words = client.post(f"{BASE}/search", json={"query": [{"text": "rain falls on the roof"}]})
    file = {"text": ("x.txt", b"rain falls on the roof")}
    asked = client.post(f"{BASE}/search", files=file)
    assert asked.status_code == 200, asked.text
    assert asked.json()["hits"][0]["similarity"] == pytest.approx(
        words.json()["hits"][0]["similarity"]
    )


def test_while_another_process_writes_changes_are_locked_and_reading_goes_on(
    client: TestClient, library: Path
) -> None:
    item = client.get(f"{BASE}/items").json()["items"][0]["id"]
    with Library(library) as other, other.writer():
        locked = client.patch(f"{BASE}/items/{item}", json={"metadata": {"a": 1}})
        assert locked.status_code == 423 and locked.headers["retry-after"]
        assert client.post(f"{BASE}/search", json={"query": [{"text": "x"}]}).status_code == 200
    assert client.patch(f"{BASE}/items/{item}", json={"metadata": {"a": 1}}).status_code == 200


def test_what_another_process_indexed_is_found_at_once(client: TestClient, library: Path) -> None:
    new = library.parent / "media" / "new.txt"
    new.write_text("an unheard of platypus")
    with Engine(library) as engine:
        engine.index([new], workers=1)
    found = client.post(f"{BASE}/search", json={"query": [{"text": "platypus"}], "k": 1}).json()
    assert found["hits"][0]["path"] == str(new)
