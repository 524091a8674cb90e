"""Previews as a page asks for them."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from searchengine.demo import corpus
from searchengine.engine import Engine
from searchengine.server import problems
from searchengine.server.house import House, ServerSettings
from searchengine.server.previews.gallery import PREVIEWS
from searchengine.server.routes import previews
from searchengine.server.routes.previews import MODALITY_HEADER
from searchengine.types import Modality
from tests.unit.media.filming import film

NAMES = {
    Modality.IMAGE: "photos/beach.jpg",
    Modality.AUDIO: "sounds/thunder.ogg",
    Modality.TEXT: "texts/dogs.md",
    Modality.DEPTH: "depth/chair.png",
    Modality.THERMAL: "thermal/crowd.png",
    Modality.IMU: "motion/run.csv",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seen")
    for name in NAMES.values():
        (folder / "media" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(corpus() / name, folder / "media" / name)
    film(folder / "media" / "film.mp4", frames=300, rate_hz=10, sound=True)
    Image.new("RGB", (20, 20), "red").save(folder / "outside.png")
    (folder / "media" / "link.png").symlink_to(folder / "outside.png")
    with Engine(folder / "library", encoder="starter") as engine:
        assert not engine.index([folder / "media"]).failures
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    app = FastAPI()
    app.state.house = House(ServerSettings(folder / "library"))
    problems.install(app)
    app.include_router(previews.router)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
    app.state.house.close()


@pytest.fixture(scope="module")
def items(folder: Path) -> dict[str, tuple[Any, Any]]:
    """Item and segments by the name of the file."""
    with Engine(folder / "library") as engine:
        return {Path(item.path).name: engine.show(item.id) for item in engine.items(limit=50)}


def url(item_id: int, **how: Any) -> str:
    asked = "&".join(f"{name}={value}" for name, value in how.items())
    return f"/v1/collections/default/items/{item_id}/preview?{asked}"


def size_of(content: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(content)).size


def test_every_segment_of_every_modality_has_a_preview(
    client: TestClient, items: dict[str, tuple[Any, Any]]
) -> None:
    seen = set()
    for item, segments in items.values():
        if item.path.endswith("link.png"):
            continue
        for segment in segments:
            seen.add(segment.modality)
            answer = client.get(url(item.id, segment=segment.id, size=200))
            assert answer.status_code == 200, answer.text
            assert answer.headers["cache-control"] == "private, max-age=3600"
            if segment.modality is Modality.TEXT:
                assert answer.headers["content-type"] == "text/plain; charset=utf-8"
                assert answer.text.strip()
            else:
                assert answer.headers["content-type"] == "image/webp"
                assert max(size_of(answer.content)) <= 200
    assert seen == set(Modality)


def test_segments_of_a_film_differ_and_its_soundtrack_is_heard(
    client: TestClient, items: dict[str, tuple[Any, Any]]
) -> None:
    item, segments = items["film.mp4"]
    posters = [
        client.get(url(item.id, segment=segment.id)).content
        for segment in segments
        if segment.modality is Modality.VIDEO
    ]
    assert len(set(posters)) == len(posters) == 3
    assert client.get(url(item.id, kind="waveform")).status_code == 200
    strip = client.get(url(item.id, kind="strip", size=640))
    assert size_of(strip.content)[0] == 640


def test_what_the_client_has_is_not_sent_again(
    client: TestClient, items: dict[str, tuple[Any, Any]]
) -> None:
    for name in ("beach.jpg", "dogs.md"):
        item, _ = items[name]
        first = client.get(url(item.id))
        again = client.get(
            url(item.id), headers={"if-none-match": f'W/"x", {first.headers["etag"]}'}
        )
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    item, _ = items["beach.jpg"]
    tags = {client.get(url(item.id, size=size)).headers["etag"] for size in (100, 101)}
    assert len(tags) == 2


def test_a_preview_is_drawn_once(
    client: TestClient, folder: Path, items: dict[str, tuple[Any, Any]]
) -> None:
    item, _ = items["chair.png"]
    kept = folder / "library" / PREVIEWS
    first = client.get(url(item.id, size=77)).content
    before = set(kept.rglob("*.webp"))
    assert client.get(url(item.id, size=77)).content == first
    assert set(kept.rglob("*.webp")) == before and before


def test_a_file_that_has_changed_is_seen_as_it_is_now(
    client: TestClient, items: dict[str, tuple[Any, Any]]
) -> None:
    item, _ = items["crowd.png"]
    old = Path(item.path).read_bytes()
    first = client.get(url(item.id))
    Image.fromarray(np.full((48, 64), 9, np.uint8)).save(item.path)
    second = client.get(url(item.id))
    Path(item.path).write_bytes(old)
    assert first.headers["etag"] != second.headers["etag"] and first.content != second.content


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"kind": "waveform"}, 400),
        ({"kind": "nonsense"}, 422),
        ({"size": 31}, 422),
        ({"size": 32}, 200),
        ({"size": 1280}, 200),
        ({"size": 1281}, 422),
        ({"segment": 10**9}, 404),
        ({"segment": 2**70}, 422),
        ({"segment": 0}, 422),
    ],
)
def test_what_cannot_be_is_refused(
    client: TestClient, items: dict[str, tuple[Any, Any]], how: dict[str, Any], status: int
) -> None:
    item, _ = items["beach.jpg"]
    answer = client.get(url(item.id, **how))
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_link_out_of_the_roots_is_not_followed(
    client: TestClient, items: dict[str, tuple[Any, Any]]
) -> None:
    item, _ = items["link.png"]
    answer = client.get(url(item.id))
    assert (answer.status_code, answer.json()["title"]) == (403, "OutsideRoots")


def test_a_file_that_is_gone_or_broken_is_said_to_be(
    client: TestClient, items: dict[str, tuple[Any, Any]]
) -> None:
    item, _ = items["run.csv"]
    path, old = Path(item.path), Path(item.path).read_bytes()
    path.write_bytes(b"\0\1broken")
    assert client.get(url(item.id)).status_code == 422
    path.unlink()
    assert client.get(url(item.id)).json()["title"] == "FileGone"
    path.write_bytes(old)
    assert client.get(url(10**6)).json()["title"] == "NoItem"
    assert client.get("/v1/collections/other/items/1/preview").status_code == 404


@pytest.mark.parametrize("modality", list(Modality))
def test_a_file_that_is_not_indexed_has_the_same_kinds(
    client: TestClient, folder: Path, modality: Modality
) -> None:
    path = folder / "media" / NAMES.get(modality, "film.mp4")
    hint = {"modality": modality.value} if modality in (Modality.DEPTH, Modality.THERMAL) else {}
    answer = client.post("/v1/preview", files={"f": (path.name, path.read_bytes())}, params=hint)
    assert answer.status_code == 200, answer.text
    assert answer.headers[MODALITY_HEADER] == modality
    wanted = "text/plain; charset=utf-8" if modality is Modality.TEXT else "image/webp"
    assert answer.headers["content-type"] == wanted


def test_names_of_uploads_say_what_they_are_and_lead_nowhere(
    client: TestClient, folder: Path
) -> None:
    chair = (folder / "media" / NAMES[Modality.DEPTH]).read_bytes()
    answer = client.post("/v1/preview", files={"f": ("a.depth.png", chair)})
    assert answer.headers[MODALITY_HEADER] == "depth"
    for name in ("../../../etc/x.png", "/etc/x.png", "x.png/../..", "\0.png", "a." + "b" * 300):
        answer = client.post("/v1/preview", files={"f": (name, chair)})
        assert answer.status_code in (200, 415), answer.text
        assert "/tmp" not in answer.text if answer.status_code == 415 else True


def test_the_field_may_say_the_modality(client: TestClient, folder: Path) -> None:
    crowd = (folder / "media" / NAMES[Modality.THERMAL]).read_bytes()
    for field in ("thermal", "image"):
        answer = client.post("/v1/preview", files={field: ("x.png", crowd)})
        assert answer.headers[MODALITY_HEADER] == field
    answer = client.post("/v1/preview?modality=thermal", files={"image": ("x.png", crowd)})
    assert answer.headers[MODALITY_HEADER] == "thermal"
    assert client.post("/v1/preview", files={"audio": ("x.png", crowd)}).status_code == 422


def test_an_upload_that_is_none_is_refused(client: TestClient) -> None:
    for sent in (
        {"data": {"f": "words"}},
        {"files": {"f": ("a.png", b"")}},
        {"files": {"f": ("a.png", b"\x89PNG broken")}},
        {"files": [("f", ("a.png", b"x")), ("g", ("b.png", b"x"))]},
        {"content": b"{}", "headers": {"content-type": "application/json"}},
        {"content": b"--", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"content": b"--", "headers": {"content-type": "multipart/form-data"}},
    ):
        answer = client.post("/v1/preview", **sent)  # type: ignore[arg-type]
        assert answer.status_code in (400, 422), (sent, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
