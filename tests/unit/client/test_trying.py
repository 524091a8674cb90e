"""What is tried again, how often, and what never is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import anyio
import httpx
import pytest

from searchengine import AsyncClient, Client
from searchengine.client import drivers, trying
from searchengine.errors import (
    CheckpointError,
    ItemNotFound,
    QueryError,
    SearchEngineError,
    ServerError,
    StoreLocked,
)

EMPTY = {"hits": [], "generation": 1, "seconds": {}, "complete": True, "relevant": None}


def problem(status: int, title: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"title": title, "detail": "so"}, headers=headers)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses, which are not made."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(drivers.time, "sleep", pauses.append)
    monkeypatch.setattr(drivers.anyio, "sleep", pause)
    return pauses


class Server:
    """Answers with one outcome after the other; the last stays."""

    def __init__(self, *outcomes: httpx.Response | type[httpx.RequestError]) -> None:
        self._outcomes: Iterator[Any] = iter(outcomes)
        self._last: Any = None
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self._last = next(self._outcomes, self._last)
        if isinstance(self._last, httpx.Response):
            said = self._last
            return httpx.Response(said.status_code, headers=said.headers, content=said.content)
        raise self._last("no luck", request=request)


def client(server: Server, **settings: Any) -> Client:
    return Client("http://server", transport=httpx.MockTransport(server), **settings)


Doing = Callable[[Client], Any]
SEARCH: Doing = lambda client: client.search(text="a dog")  # noqa: E731
DESCRIBE: Doing = lambda client: client.describe(1, {"a": 1})  # noqa: E731

BUSY = problem(503, "Busy", **{"retry-after": "2"})
SLOW_DOWN = problem(429, "TooManyRequests", **{"retry-after": "1"})


@pytest.mark.parametrize(
    "outcome", [BUSY, SLOW_DOWN, httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadError]
)
def test_a_question_is_asked_again(slept: list[float], outcome: Any) -> None:
    server = Server(outcome, outcome, httpx.Response(200, json=EMPTY))
    assert len(SEARCH(client(server))) == 0
    assert len(server.requests) == 3 and len(slept) == 2


def test_an_async_client_pauses_alike(slept: list[float]) -> None:
    server = Server(BUSY, httpx.Response(200, json=EMPTY))

    async def ask() -> int:
        async with AsyncClient("http://server", transport=httpx.MockTransport(server)) as client:
            return len(await client.search(text="a dog"))

    assert anyio.run(ask) == 0
    assert len(server.requests) == 2 and 2 <= slept[0] <= 2 + trying.FIRST_S


@pytest.mark.parametrize(
    "outcome",
    [
        *(BUSY, problem(502, "HTTPError"), problem(500, "Defect"), problem(423, "StoreLocked")),
        *(httpx.ReadError, httpx.ReadTimeout, httpx.WriteError, httpx.RemoteProtocolError),
    ],
)
@pytest.mark.parametrize(
    "doing",
    [
        DESCRIBE,
        lambda client: client.delete(ids=[1]),
        lambda client: client.drop_collection("x"),
        lambda client: client.create_collection("x"),
        lambda client: client.index(["/x"]),
    ],
)
def test_a_change_that_may_have_happened_is_never_repeated(
    slept: list[float], outcome: Any, doing: Doing
) -> None:
    server = Server(outcome)
    with pytest.raises(SearchEngineError):
        doing(client(server))
    assert len(server.requests) == 1 and slept == []


@pytest.mark.parametrize("outcome", [SLOW_DOWN, httpx.ConnectError, httpx.PoolTimeout])
def test_a_change_that_cannot_have_happened_is_tried_again(
    slept: list[float], outcome: Any
) -> None:
    server = Server(outcome, problem(404, "ItemNotFound"))
    with pytest.raises(ItemNotFound):
        DESCRIBE(client(server))
    assert len(server.requests) == 2


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_there_is_an_end_to_trying(slept: list[float], retries: int) -> None:
    server = Server(BUSY)
    with pytest.raises(ServerError, match="http://server: so") as caught:
        SEARCH(client(server, retries=retries))
    assert caught.value.status == 503
    assert len(server.requests) == retries + 1 and len(slept) == retries


def test_pauses_grow_and_are_never_the_same(slept: list[float]) -> None:
    server = Server(httpx.ConnectError)
    for _ in range(20):
        with pytest.raises(ServerError, match="no luck; is a server running there"):
            SEARCH(client(server, retries=8))
    rounds = [slept[start : start + 8] for start in range(0, 160, 8)]
    assert len(set(slept)) == 160
    for number in range(8):
        most = max(one[number] for one in rounds)
        assert 0 < most <= min(trying.LONGEST_S, trying.FIRST_S * 2**number)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("5", 5), ("0", 0), ("soon", 0), ("-1", 0), ("1.5", 0), ("", 0)],
)
def test_the_server_says_when(slept: list[float], said: str, seconds: float) -> None:
    wanted = problem(503, "Busy")
    wanted.headers["retry-after"] = said
    SEARCH(client(Server(wanted, httpx.Response(200, json=EMPTY))))
    assert seconds <= slept[0] <= seconds + trying.FIRST_S


def test_the_server_says_when_by_a_date(slept: list[float]) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    wanted = problem(429, "TooManyRequests", **{"retry-after": date})
    SEARCH(client(Server(wanted, httpx.Response(200, json=EMPTY))))
    assert 15 < slept[0] <= 20 + trying.FIRST_S


def test_a_server_that_wants_long_peace_is_an_error_at_once(slept: list[float]) -> None:
    server = Server(problem(503, "Busy", **{"retry-after": "3600"}))
    with pytest.raises(ServerError):
        SEARCH(client(server))
    assert len(server.requests) == 1 and slept == []


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (httpx.ReadTimeout, ServerError),
        (problem(503, "CheckpointError", **{"retry-after": "1"}), CheckpointError),
        (problem(423, "StoreLocked", **{"retry-after": "1"}), StoreLocked),
        (problem(400, "QueryError"), QueryError),
        (problem(422, "InvalidRequest"), QueryError),
        (problem(500, "Defect"), ServerError),
    ],
)
def test_what_waiting_will_not_mend_is_an_error_at_once(
    slept: list[float], outcome: Any, error: type[Exception]
) -> None:
    server = Server(outcome)
    with pytest.raises(error):
        SEARCH(client(server))
    assert len(server.requests) == 1 and slept == []


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, text="<html>not found</html>"),
        httpx.Response(500, json=["a list"]),
        httpx.Response(302, headers={"location": "http://elsewhere"}),
        httpx.Response(401, json={"title": "KeyNeeded", "detail": "a key is needed"}),
        httpx.Response(418, json={"title": "BaseException", "detail": "no class of ours"}),
    ],
)
def test_whatever_a_server_says_is_an_error_of_ours(answer: httpx.Response) -> None:
    with pytest.raises(ServerError) as caught:
        SEARCH(client(Server(answer)))
    assert caught.value.status == answer.status_code
    assert str(caught.value).startswith("http://server: ")


def test_a_key_is_sent_to_the_server_alone() -> None:
    server = Server(httpx.Response(200, json=EMPTY))
    with client(server, api_key="secret") as opened:
        SEARCH(opened)
    assert server.requests[0].headers["authorization"] == "Bearer secret"
    assert "secret" not in str(server.requests[0].url) + repr(opened)


def test_nothing_is_sent_when_the_question_makes_no_sense() -> None:
    server = Server(httpx.Response(200, json=EMPTY))
    with pytest.raises(QueryError, match="decoded already"):
        client(server).search(image=object())
    with pytest.raises(QueryError, match="smell"):
        client(server).search(smell="x")
    assert server.requests == []
