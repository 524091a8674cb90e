"""The server: what it answers, and whom it refuses."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from PIL import Image

from searchengine.demo import corpus
from searchengine.engine import Engine
from searchengine.media.metadata import NAME
from searchengine.server.app import create_app
from searchengine.server.house import ServerSettings
from searchengine.store.keys import Scope
from searchengine.store.library import Library
from searchengine.types import Modality

BASE = "/v1/collections/default"


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of the demo corpus, of every kind, and a name and a caption that attack."""
    folder = tmp_path_factory.mktemp("served") / "media"
    rows = [json.loads(line) for line in (corpus() / NAME).read_text().splitlines()]
    names = {
        *("photos/german_shepherd.jpg", "sounds/bark.ogg", "texts/dogs.md", "videos/surf.mp4"),
        *("depth/chair.png", "thermal/crowd.png", "motion/run.csv", "photos/beach.jpg"),
    }
    chosen = [row for row in rows if row["file_name"] in names]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((corpus() / name).read_bytes())
    evil = folder / "<img src=x onerror=alert(1)>.txt"
    evil.write_text("<script>alert(2)</script> a text about locusts")
    chosen.append({"file_name": evil.name, "caption": "<svg onload=alert(3)>"})
    (folder / NAME).write_text("".join(json.dumps(row) + "\n" for row in chosen))
    return folder


@pytest.fixture(scope="module")
def library(media: Path) -> Path:
    path = media.parent / "library"
    with Engine(path, encoder="starter") as engine:
        report = engine.index([media])
    assert report.new == 9 and not report.failures
    return path


@pytest.fixture(scope="module")
def client(library: Path) -> Iterator[TestClient]:
    app = create_app(ServerSettings(library, max_body_bytes=2_000_000))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        assert app.state.ready.wait(60)
        yield client


def ask(client: TestClient, *parts: dict[str, Any], **how: Any) -> dict[str, Any]:
    answer = client.post(f"{BASE}/search", json={"query": list(parts), **how})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_words_find_what_the_engine_finds(client: TestClient, library: Path) -> None:
    found = ask(client, {"text": "a dog"}, k=5)
    with Engine(library) as engine:
        wanted = engine.search(text="a dog", k=5)
    assert [hit["id"] for hit in found["hits"]] == [hit.item.id for hit in wanted]
    assert found["hits"][0]["score"] == pytest.approx(wanted.hits[0].score)


def test_a_file_asks_by_form_and_by_base64_alike(client: TestClient) -> None:
    sound = (corpus() / "sounds" / "bark.ogg").read_bytes()
    form = client.post(f"{BASE}/search", files={"audio": ("bark.ogg", sound)}).json()
    coded = base64.b64encode(sound).decode()
    plain = ask(client, {"modality": "audio", "file": coded, "name": "bark.ogg"})
    assert [h["id"] for h in form["hits"]] == [h["id"] for h in plain["hits"]]
    assert form["hits"][0]["path"].endswith("bark.ogg")


def test_parts_with_weights_come_from_words_files_and_items(client: TestClient) -> None:
    (dog,) = ask(client, {"text": "dog"}, targets=["image"], k=1)["hits"]
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "blue").save(picture, "PNG")
    query = [{"id": dog["id"]}, {"file": "f", "weight": 0.2}, {"text": "sea", "weight": -0.3}]
    sent = {"f": ("sky.png", picture.getvalue())}
    form = {"request": json.dumps({"query": query, "explain": True})}
    found = client.post(f"{BASE}/search", files=sent, data=form).json()
    assert dog["id"] not in {hit["id"] for hit in found["hits"]}
    assert [part["weight"] for part in found["hits"][0]["explain"]["parts"]] == [1, 0.2, -0.3]


def test_every_hit_has_a_preview_and_its_media(client: TestClient) -> None:
    hits = ask(client, {"text": "anything"}, k=50)["hits"]
    assert {hit["modality"] for hit in hits} == set(Modality)
    for hit in hits:
        preview = client.get(hit["preview_url"])
        assert preview.status_code == 200, preview.text
        if hit["modality"] == "text":
            assert preview.headers["content-type"].startswith("text/plain")
            assert preview.text == hit["text"]
        else:
            assert max(Image.open(io.BytesIO(preview.content)).size) <= 320
        again = client.get(hit["preview_url"], headers={"if-none-match": preview.headers["etag"]})
        assert again.status_code == 304
        media = client.get(hit["media_url"], headers={"range": "bytes=0-9"})
        assert media.status_code == 206 and len(media.content) == 10
        assert media.headers["x-content-type-options"] == "nosniff"


def test_what_is_written_in_files_is_never_served_as_a_page(client: TestClient) -> None:
    (hit,) = ask(client, {"text": "locusts"}, targets=["text"], k=1)["hits"]
    media = client.get(hit["media_url"])
    assert media.headers["content-type"] == "text/plain; charset=utf-8"
    assert "sandbox" in media.headers["content-security-policy"]
    page = client.get("/")
    assert "script-src 'self'" in page.headers["content-security-policy"]


def test_items_are_listed_described_and_counted(client: TestClient) -> None:
    first = client.get(f"{BASE}/items", params={"limit": 4}).json()
    rest = client.get(f"{BASE}/items", params={"after": first["next"]}).json()
    ids = [item["id"] for item in first["items"] + rest["items"]]
    assert len(ids) == len(set(ids)) == 9 and rest["next"] is None
    url = f"{BASE}/items/{ids[0]}"
    assert (
        client.patch(url, json={"metadata": {"mood": "calm"}}).json()["metadata"]["mood"] == "calm"
    )
    found = client.get(f"{BASE}/items", params={"filter": "mood = calm"}).json()["items"]
    assert [item["id"] for item in found] == ids[:1]
    assert "mood" not in client.patch(url, json={"metadata": {"mood": None}}).json()["metadata"]
    assert client.get(f"{BASE}/facets").json()["modality"]["image"] == 2
    some = client.get(f"{BASE}/facets", params={"filter": "modality = image and licence ~ C"})
    assert some.status_code == 200 and set(some.json()["modality"]) <= {"image"}


def test_similar_and_embed(client: TestClient) -> None:
    (dog,) = ask(client, {"text": "dog"}, targets=["image"], k=1)["hits"]
    near = client.get(f"{BASE}/similar/{dog['id']}", params={"targets": "audio,text"}).json()
    assert {hit["modality"] for hit in near["hits"]} <= {"audio", "text"}
    vector = client.post(f"{BASE}/embed", json={"query": [{"text": "dog"}]}).json()
    assert vector["dim"] == 384 and np.linalg.norm(vector["embedding"]) == pytest.approx(
        1, abs=1e-4
    )


def test_the_library_is_described(client: TestClient) -> None:
    (collection,) = client.get("/v1/collections").json()["collections"]
    assert collection["items"] == 9 and collection["encoder"] == "starter"
    licences = {m["name"]: m["licence"] for m in client.get("/v1/models").json()["models"]}
    assert "non-commercial" in licences["imagebind-huge"]
    assert "searchengine_requests_total" in client.get("/metrics").text
    assert client.get("/openapi.json").status_code == 200


def sensor(metadata: dict[str, Any]) -> dict[str, Any]:
    return {"modality": "imu", "file": "AAAA", "name": "x.csv", "metadata": metadata}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/search", {"query": []}, 400),
        ("POST", "/search", {"query": [{}]}, 422),
        ("POST", "/search", {"query": [{"text": "  "}]}, 400),
        ("POST", "/search", {"query": [{"text": "x", "weight": "NaN"}]}, 422),
        ("POST", "/search", {"query": [{"text": "x"}], "k": 0}, 400),
        ("POST", "/search", {"query": [{"text": "x"}], "k": 1_001}, 422),
        ("POST", "/search", {"query": [{"text": "x"}], "filter": "year >"}, 400),
        ("POST", "/search", {"query": [{"id": 99_999}]}, 400),
        ("POST", "/search", {"query": [{"modality": "audio", "file": "!!!"}]}, 422),
        ("POST", "/search", {"query": [{"modality": "audio", "file": "AAAA"}]}, 422),
        ("POST", "/search", {"query": [{"text": "x"}], "surprise": 1}, 422),
        ("POST", "/search", {"query": [{"text": "x", "start": 1, "end": 2}]}, 422),
        ("POST", "/search", {"query": [{"file": "AAAA", "start": 2, "end": 1}]}, 422),
        ("POST", "/search", {"query": [{"file": "AAAA", "end": 1}]}, 422),
        ("POST", "/search", {"query": [{"modality": "smell", "text": "x"}]}, 422),
        ("POST", "/search", {"query": [{"modality": "smell", "file": "AAAA"}]}, 400),
        ("POST", "/search", {"query": [{"text": "x"}], "targets": ["smell"]}, 400),
        ("POST", "/search", {"query": [sensor({"imu_columns": [[1]]})]}, 400),
        ("POST", "/search", {"query": [sensor({"imu_rate_hz": "fast"})]}, 400),
        ("POST", "/items:delete", {"ids": [1, 99_999]}, 404),
        ("POST", "/items:delete", {"ids": [0]}, 422),
        ("POST", "/items:delete", {"path": ""}, 422),
        ("GET", "/items/99999", None, 404),
        ("GET", "/items/0", None, 422),
        ("GET", "/items/x", None, 422),
        ("DELETE", "/items/99999", None, 404),
        ("GET", "/items/1/preview?segment=99999", None, 404),
        ("GET", "/nothing", None, 404),
    ],
)
def test_what_cannot_be_answered_is_a_problem_document(
    client: TestClient, method: str, path: str, body: Any, status: int
) -> None:
    answer = client.request(method, BASE + path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status and problem["title"] and problem["detail"]


def test_an_unknown_collection_is_not_made_by_asking(client: TestClient) -> None:
    answer = client.post("/v1/collections/none/search", json={"query": [{"text": "x"}]})
    assert answer.status_code == 404 and "none" in answer.json()["detail"]


def test_more_than_the_limit_is_refused_whether_it_says_so_or_not(client: TestClient) -> None:
    big = b"x" * 2_000_001
    said = client.post(f"{BASE}/search", content=big)
    unsaid = client.post(f"{BASE}/search", content=iter([big[:1_000_000], big[1_000_000:]]))
    assert said.status_code == unsaid.status_code == 413
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_other_sites_cannot_ask(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.get("/v1/collections", headers=headers)
    assert answer.status_code in (403, 421)
    assert client.get("/v1/collections", headers={"origin": "http://localhost"}).status_code == 200


def test_a_file_that_was_exchanged_for_a_link_elsewhere_is_not_shown(tmp_path: Path) -> None:
    folder, secret = tmp_path / "media", tmp_path / "secret.txt"
    folder.mkdir()
    secret.write_text("the password")
    note = folder / "note.txt"
    note.write_text("hello")
    with Engine(tmp_path / "library", encoder="starter") as engine:
        engine.index([folder], workers=0)
    note.unlink()
    note.symlink_to(secret)
    app = create_app(ServerSettings(tmp_path / "library"))
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.get(f"{BASE}/items/1/media")
    assert answer.status_code == 403 and "password" not in answer.text


def test_beyond_the_loopback_a_key_is_needed_and_does_what_it_may(library: Path) -> None:
    with Library(library) as opened:
        reader = opened.keys.create("reader", Scope.READ)
        writer = opened.keys.create("writer", Scope.WRITE)
    app = create_app(ServerSettings(library, keys_required=True))
    with TestClient(app, base_url="http://somewhere.example") as client:
        url, patch = f"{BASE}/items/1", {"metadata": {"seen": "yes"}}
        assert client.get(url).status_code == 401
        assert client.get(url, headers={"authorization": "Bearer wrong"}).status_code == 401
        assert client.get("/").status_code == client.get("/healthz").status_code == 200
        may_read = {"authorization": f"Bearer {reader}"}
        assert client.get(url, headers=may_read).status_code == 200
        question = {"query": [{"text": "dog"}]}
        assert client.post(f"{BASE}/search", json=question, headers=may_read).status_code == 200
        assert client.patch(url, json=patch, headers=may_read).status_code == 403
        assert client.delete(url, headers=may_read).status_code == 403
        assert client.patch(url, json=patch, headers={"x-api-key": writer}).status_code == 200
        assert client.post("/v1/session", json={"key": "wrong"}).status_code == 401
        opened_session = client.post("/v1/session", json={"key": reader})
        cookie = opened_session.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie
        assert client.get(url).status_code == 200
        client.delete("/v1/session")
        assert client.get(url).status_code == 401


def test_the_page_is_small_and_loads_nothing_from_elsewhere(client: TestClient) -> None:
    names = ["style.css", "icon.png", "main.js", "api.js", "parts.js", "hits.js", "record.js"]
    bodies = [client.get("/").content]
    bodies += [client.get(f"/static/{name}").content for name in names]
    assert all(bodies) and sum(map(len, bodies)) < 200_000
    written = b"".join(bodies)
    for outside in (b"https://", b"http://", b"innerHTML", b"eval(", b" onclick=", b" style="):
        assert outside not in written, outside


def test_a_sound_of_silence_and_a_black_picture_are_previewed(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    soundfile.write(folder / "silence.wav", np.zeros(8_000), 8_000)
    Image.new("RGB", (40, 30)).save(folder / "black.png")
    with Engine(tmp_path / "library", encoder="starter") as engine:
        engine.index([folder], workers=0)
    app = create_app(ServerSettings(tmp_path / "library"))
    with TestClient(app, base_url="http://localhost") as client:
        for number in (1, 2):
            assert client.get(f"{BASE}/items/{number}/preview").status_code == 200
