"""Index jobs over HTTP: a folder is indexed while the server goes on, and every failure is told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from searchengine.server.app import create_app
from searchengine.server.house import ServerSettings
from tests.hash_encoder import HashEncoder
from tests.integration.server.serving import (
    BASE,
    hashing,
    listening,
    make_hash_library,
    make_library,
    serving,
)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "more").mkdir()
    (folder / "more" / "owl.txt").write_text("an owl in the moonlight")
    (folder / "more" / "broken.png").write_bytes(b"\x89PNG and then nothing")
    return folder


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, media: Path) -> Iterator[TestClient]:
    library = make_library(tmp_path_factory.mktemp("served"))
    with serving(library, roots=(media,)) as client:
        yield client


def finished(client: TestClient, job: dict[str, Any], seconds: float = 90) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while job["state"] not in ("done", "failed", "cancelled"):
        assert time.monotonic() < end, job
        time.sleep(0.2)
        job = client.get(f"/v1/jobs/{job['id']}").json()
    return job


def test_a_folder_is_indexed_and_every_failure_is_told(client: TestClient, media: Path) -> None:
    answer = client.post("/v1/jobs", json={"paths": [str(media)]})
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    told = client.get(f"/v1/jobs/{job['id']}/events")
    assert told.headers["content-type"].startswith("text/event-stream")
    states = [
        json.loads(line.removeprefix("data: "))
        for line in told.text.splitlines()
        if line.startswith("data: ")
    ]
    assert states[-1]["state"] == "done" and states[-1]["progress"]["done"] == 2
    job = client.get(f"/v1/jobs/{job['id']}").json()
    assert job == states[-1] and job["report"]["new"] == 1
    assert [Path(one["path"]).name for one in job["report"]["failures"]] == ["broken.png"]
    found = client.post(f"{BASE}/search", json={"query": [{"text": "an owl"}], "k": 1}).json()
    assert found["hits"][0]["path"].endswith("owl.txt")
    assert client.get("/v1/jobs").json()["jobs"][0] == job


def test_a_job_can_make_its_collection(client: TestClient, media: Path) -> None:
    wanted = {"collection": "owls", "paths": [str(media / "more" / "owl.txt")]}
    job = finished(client, client.post("/v1/jobs", json=wanted).json())
    assert job["state"] == "done", job
    assert client.get("/v1/collections/owls").json()["items"] == 1


@pytest.mark.parametrize(
    ("paths", "status"),
    [
        (["/etc"], 403),
        (["ROOT/../.."], 403),
        (["ROOT/nothing"], 400),
        (["a\x00b"], 422),
        ([""], 403),
        ([], 400),
        (["ROOT"] * 101, 422),
    ],
)
def test_only_what_is_there_below_a_root_is_indexed(
    client: TestClient, media: Path, paths: list[str], status: int
) -> None:
    given = [path.replace("ROOT", str(media)) for path in paths]
    answer = client.post("/v1/jobs", json={"paths": given})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_link_out_of_the_roots_is_not_followed(client: TestClient, media: Path) -> None:
    link = media.parent / "way out"
    link.symlink_to("/etc")
    inside = media / "link"
    inside.symlink_to("/etc")
    assert client.post("/v1/jobs", json={"paths": [str(link)]}).status_code == 403
    assert client.post("/v1/jobs", json={"paths": [str(inside)]}).status_code == 403
    inside.unlink()


@pytest.mark.parametrize("path", ["/999", "/0", "/x", "/999/events"])
def test_a_job_that_is_not_there_is_a_problem(client: TestClient, path: str) -> None:
    answer = client.get(f"/v1/jobs{path}")
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_without_a_worker_a_job_waits_and_can_be_cancelled(tmp_path: Path) -> None:
    library = make_library(tmp_path)
    with serving(library, worker=False) as client:
        job = client.post("/v1/jobs", json={"paths": [str(tmp_path / "media")]}).json()
        assert job["state"] == "queued"
        over = client.delete(f"/v1/jobs/{job['id']}")
        assert over.status_code == 202 and over.json()["state"] == "cancelled"
        assert client.delete(f"/v1/jobs/{job['id']}").json() == over.json()


def test_a_job_that_was_left_goes_on_with_the_next_server(tmp_path: Path) -> None:
    library = make_library(tmp_path)
    with serving(library, worker=False) as client:
        job = client.post("/v1/jobs", json={"paths": [str(tmp_path / "media")]}).json()
    with serving(library) as client:
        assert finished(client, job)["report"]["unchanged"] == 4


def test_so_many_jobs_are_followed_at_once_and_no_more(tmp_path: Path) -> None:
    library, most = make_hash_library(tmp_path, HashEncoder()), 3
    with hashing(HashEncoder()), ExitStack() as following:
        app = create_app(ServerSettings(library, worker=False, max_streams=most))
        with listening(app) as url, httpx.Client(base_url=url, timeout=60) as client:
            job = client.post("/v1/jobs", json={"paths": [str(tmp_path / "media")]}).json()
            events, lines = f"/v1/jobs/{job['id']}/events", []

            def follow() -> httpx.Response:
                answer = following.enter_context(client.stream("GET", events))
                if answer.status_code == 200:
                    lines.append(answer.iter_lines())  # hangs up when it is forgotten
                    assert next(lines[-1])
                return answer

            followed = [follow() for _ in range(most)]
            assert [one.status_code for one in followed] == [200] * most
            refused = follow()
            assert refused.status_code == 503 and refused.headers["retry-after"]
            assert refused.headers["content-type"] == "application/problem+json"
            assert "3 jobs are being followed" in json.loads(refused.read())["detail"]
            assert client.get(f"/v1/jobs/{job['id']}").status_code == 200
            followed[0].close()
            wait_for(lambda: app.state.house.streams.taken == most - 1)
            assert follow().status_code == 200
            following.close()
            wait_for(lambda: app.state.house.streams.taken == 0)


def wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
