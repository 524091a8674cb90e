"""Searches of many clients are answered together, and each as if it were alone."""

from __future__ import annotations

import base64
import io
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from searchengine.server.app import create_app
from searchengine.server.house import ServerSettings
from searchengine.types import Modality
from tests.integration.server.serving import (
    BASE,
    Gated,
    hashing,
    listening,
    make_hash_library,
    until,
)

#: Of all clients; to make one for each takes longer than what they ask.
CONTEXT = ssl.create_default_context()


class Counted(Gated):
    """Counts how much was encoded together, and keeps pictures waiting at a gate of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[int] = []
        self.pictures = threading.Event()
        self.pictures.set()

    def encode(self, batch: Any, modality: Modality) -> Any:
        self.blocks.append(len(batch))
        assert modality is not Modality.IMAGE or self.pictures.wait(60)
        return super().encode(batch, modality)


@pytest.fixture(scope="module")
def encoder() -> Counted:
    return Counted()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, encoder: Counted) -> Iterator[FastAPI]:
    library = make_hash_library(tmp_path_factory.mktemp("crowded"), encoder)
    with hashing(encoder):
        yield create_app(ServerSettings(library, worker=False, deadline_s=120, max_requests=300))


@pytest.fixture(scope="module")
def url(app: FastAPI) -> Iterator[str]:
    with listening(app) as url:
        yield url


def ask(url: str, body: dict[str, Any], route: str = "search") -> httpx.Response:
    with httpx.Client(base_url=url, timeout=120, verify=CONTEXT) as client:
        return client.post(f"{BASE}/{route}", json=body)


def crowd(
    url: str, app: FastAPI, encoder: Counted, bodies: list[dict[str, Any]]
) -> list[httpx.Response]:
    """Answers to all of them, who wait together while somebody else is answered."""
    encoder.begun.clear()
    encoder.gate.clear()
    with ThreadPoolExecutor(1 + len(bodies)) as pool:
        try:
            first = pool.submit(ask, url, {"query": [{"text": "dogs"}]})
            until(encoder.begun.is_set)
            asked = [pool.submit(ask, url, body) for body in bodies]
            until(lambda: app.state.asking.waiting == len(bodies))
            encoder.blocks.clear()
        finally:
            encoder.gate.set()
        assert first.result(120).status_code == 200
        return [one.result(120) for one in asked]


def alike(one: Any, other: Any) -> bool:
    """Documents, but for the last digits of numbers, which depend on the order of a sum."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == pytest.approx(other, abs=1e-4)) if isinstance(one, float) else one == other


def test_64_searches_at_once_are_each_answered_as_if_alone(
    url: str, app: FastAPI, encoder: Counted
) -> None:
    kinds: list[dict[str, Any]] = [
        {"k": 1},
        {"k": 3, "offset": 1},
        {"explain": True},
        {"filter": "year >= 2020"},
        {"path": "*.txt", "group_by": "none"},
        {"hybrid": True},
        {"targets": ["text"], "score": "cosine"},
        {"dedup": True, "diverse": 0.3},
    ]
    words = ("dogs at night", "rain on the roof", "a river", "horses")
    bodies = [{"query": [{"text": f"{words[n % 4]} {n}"}], **kinds[n % 8]} for n in range(62)]
    bodies += [{"query": [{"id": 1}]}, {"query": [{"id": 2}, {"text": "rain", "weight": -0.5}]}]
    answers = crowd(url, app, encoder, bodies)
    assert [answer.status_code for answer in answers] == [200] * 64
    assert max(encoder.blocks) == 16 and len(encoder.blocks) == 4
    assert sum(encoder.blocks) == 63  # one of them needs no encoder
    for body, answer in zip(bodies, answers, strict=True):
        together, alone = answer.json(), ask(url, body).json()
        assert together.pop("seconds").keys() >= alone.pop("seconds").keys()
        assert alike(together, alone), (together, alone)


def test_a_search_that_cannot_be_answered_fails_alone(
    url: str, app: FastAPI, encoder: Counted
) -> None:
    good = {"query": [{"text": "dogs"}]}
    wrong: list[tuple[dict[str, Any], int, str]] = [
        ({**good, "filter": "year >"}, 400, "InvalidFilter"),
        ({**good, "k": 0}, 400, "QueryError"),
        ({**good, "score": "surprise"}, 400, "QueryError"),
        ({"query": [{"text": " "}]}, 400, "EmptyQuery"),
        ({"query": [{"id": 999}]}, 400, "QueryError"),
        ({"query": [{"text": "dogs"}, {"text": "dogs", "weight": -1}]}, 400, "EmptyQuery"),
    ]
    answers = crowd(url, app, encoder, [one for bad, _, _ in wrong for one in (bad, good)])
    assert [answer.status_code for answer in answers[1::2]] == [200] * len(wrong)
    said = [(answer.status_code, answer.json()["title"]) for answer in answers[::2]]
    assert said == [(status, title) for _, status, title in wrong]


def test_a_defect_that_one_search_meets_stops_no_other(
    url: str, app: FastAPI, encoder: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = encoder.preprocess

    def preprocess(media: Any, modality: Modality) -> Any:
        if media == "the word":
            raise RuntimeError("a defect")
        return healthy(media, modality)

    monkeypatch.setattr(encoder, "preprocess", preprocess)
    words = ("dogs", "the word", "rain")
    answers = crowd(url, app, encoder, [{"query": [{"text": one}]} for one in words])
    assert [answer.status_code for answer in answers] == [200, 500, 200]
    assert answers[1].json()["title"] == "Defect"


def test_past_the_bound_searches_are_refused_at_once(
    url: str, app: FastAPI, encoder: Counted
) -> None:
    encoder.begun.clear()
    encoder.gate.clear()
    body = {"query": [{"text": "dogs"}]}
    with ThreadPoolExecutor(129) as pool:
        try:
            asked = [pool.submit(ask, url, body)]
            until(encoder.begun.is_set)
            asked += [pool.submit(ask, url, body) for _ in range(128)]
            until(lambda: app.state.asking.waiting == 128)
            refused = ask(url, body)
            assert refused.status_code == 503 and refused.json()["title"] == "Busy"
            assert refused.headers["retry-after"]
            batch = ask(url, {"queries": [body]}, "search:batch")
            assert batch.status_code == 503
        finally:
            encoder.gate.set()
        assert [one.result(120).status_code for one in asked] == [200] * 129


def test_who_asks_with_words_does_not_wait_for_pictures(url: str, encoder: Counted) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "png")
    pixels = base64.b64encode(file.getvalue()).decode()
    encoder.pictures.clear()
    encoder.blocks.clear()
    picture = {"query": [{"modality": "image", "file": pixels, "name": "x.png"}]}
    with ThreadPoolExecutor(1) as pool:
        try:
            slow = pool.submit(ask, url, picture)
            until(lambda: encoder.blocks)
            assert ask(url, {"query": [{"text": "dogs"}]}).status_code == 200
            assert not slow.done()
        finally:
            encoder.pictures.set()
        assert slow.result(120).status_code == 200, slow.result().text


def test_embeddings_of_many_are_those_of_each(url: str, app: FastAPI, encoder: Counted) -> None:
    def embed(words: str) -> httpx.Response:
        return ask(url, {"query": [{"text": words}]}, "embed")

    asked = [f"word{number}" for number in range(8)] + [" "]
    with ThreadPoolExecutor(len(asked)) as pool:
        together = list(pool.map(embed, asked))
    assert [one.status_code for one in together] == [200] * 8 + [400]
    for words, one in zip(asked[:8], together, strict=False):
        vector = encoder.encode([encoder.preprocess(words, Modality.TEXT)], Modality.TEXT)[0]
        assert one.json()["embedding"] == pytest.approx(vector.tolist())
