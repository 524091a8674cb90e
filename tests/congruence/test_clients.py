"""What only clients have: the same signatures twice, uploads, keys, jobs that end early."""

from __future__ import annotations

import inspect
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx
import pytest

from searchengine import AsyncClient, Client, Engine
from searchengine.errors import ConfigError, DecodeError, ServerError, UnsupportedMedia
from searchengine.store.keys import Scope
from searchengine.store.library import Library
from searchengine.types import Modality, Progress
from tests.congruence.doors import served


def methods(kind: type) -> dict[str, list[inspect.Parameter]]:
    """Public methods with their parameters, but ``self``."""
    found = inspect.getmembers(kind, inspect.isfunction)
    return {
        name: list(inspect.signature(method).parameters.values())[1:]
        for name, method in found
        if not name.startswith("_") and name != "run"
    }


#: What an Engine has to do with its own disk and memory.
LOCAL = {
    *("answer", "compact", "decode", "encoder", "export", "find", "part", "passages", "plan"),
    *("answer_all", "tune", "verify"),
}
#: What only a server has.
REMOTE = {"add", "models"}


def unannotated(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    return [one.replace(annotation=inspect.Parameter.empty) for one in parameters]


def test_clients_have_the_methods_of_an_engine_with_its_keywords() -> None:
    local, remote = methods(Engine), methods(Client)
    assert local.keys() - LOCAL == remote.keys() - REMOTE
    for name in local.keys() & remote.keys() - {"index"}:
        assert unannotated(local[name]) == unannotated(remote[name]), name
    # a callable that does nothing is a default of its own
    names = [[(p.name, p.kind) for p in each["index"]] for each in (local, remote)]
    assert names[0] == names[1]


def test_both_clients_are_congruent() -> None:
    assert methods(Client) == methods(AsyncClient)
    made = [inspect.signature(kind).parameters for kind in (Client, AsyncClient)]
    assert [unannotated(list(one.values())) for one in made[:1]] == [
        unannotated(list(one.values())) for one in made[1:]
    ]


@pytest.fixture(scope="module")
def writable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Path]]:
    folder = tmp_path_factory.mktemp("clients")
    with Engine(folder / "library", encoder="starter") as engine:
        engine.create_collection("default")
    with served(folder / "library", roots=(folder,)) as url, Client(url) as client:
        yield client, folder


def test_a_file_that_is_sent_becomes_an_item(writable: tuple[Client, Path]) -> None:
    client, folder = writable
    note = folder / "nöte.txt"
    note.write_text("zebras graze")
    item = client.add(note, metadata={"year": 2021})
    assert item.modality is Modality.TEXT and item.metadata["year"] == 2021
    assert Path(item.path).name == "nöte.txt" and Path(item.path) != note
    assert client.search(text="zebras", k=1).hits[0].item == item
    assert client.delete(ids=[item.id]) == 1
    assert not Path(item.path).exists() and note.exists()


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("none.txt", DecodeError, "no such file"),
        ("empty.png", DecodeError, "the file is empty"),
        ("broken.png", DecodeError, "not readable as image (cannot identify image file)"),
        ("program.exe", UnsupportedMedia, "files named 'program.exe' are of no kind that is read"),
    ],
)
def test_a_file_that_cannot_be_kept_is_named(
    writable: tuple[Client, Path], name: str, kind: type, reason: str
) -> None:
    client, folder = writable
    if name != "none.txt":
        (folder / name).write_bytes(b"" if name == "empty.png" else b"words")
    with pytest.raises(kind) as caught:
        client.add(folder / name)
    assert str(caught.value) == f"{folder / name}: {reason}"


def test_an_error_of_whoever_watches_cancels_the_job(writable: tuple[Client, Path]) -> None:
    client, folder = writable
    many = folder / "many"
    many.mkdir()
    for number in range(400):
        (many / f"{number}.txt").write_text(f"words of number {number}. " * 40)

    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.index([many], on_progress=stop)
    (job,) = client._http.get("/v1/jobs").json()["jobs"]
    assert job["cancel"] is True


def test_folders_outside_the_roots_are_the_server_s_to_refuse(
    writable: tuple[Client, Path],
) -> None:
    client, _ = writable
    with pytest.raises(ServerError, match=r"/etc is in no registered root") as caught:
        client.index(["/etc"])
    assert caught.value.status == 403


def test_encoders_of_the_server_are_listed(writable: tuple[Client, Path]) -> None:
    client, _ = writable
    found = {model.name: model for model in client.models()}
    assert found["starter"].dim == 384 and Modality.IMU in found["starter"].modalities


def test_a_key_opens_what_it_may_and_its_absence_is_explained(library: Path) -> None:
    with Library(library) as opened:
        key = opened.keys.create("sdk", Scope.READ)
    with served(library, keys_required=True) as url:
        with Client(url) as client, pytest.raises(ServerError, match="SEARCHENGINE_API_KEY"):
            client.search(text="a dog")
        with Client(url, api_key=key) as client:
            assert len(client.search(text="a dog")) == 10
            with pytest.raises(ServerError, match="may only read") as caught:
                client.describe(1, {"a": 1})
            assert caught.value.status == 403


@pytest.mark.parametrize("url", ["", "localhost:8765", "ftp://x", "http://", "http://[::1", "/x"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        Client(url)
    with pytest.raises(ConfigError):
        AsyncClient(url)


def test_threads_share_a_client_and_tasks_an_async_one(url: str, engine: Engine) -> None:
    words = [f"a dog number {number}" for number in range(12)]
    # scores, for words that share a batch differ in the last digits, which may swap equals
    wanted = [
        pytest.approx([hit.score for hit in engine.search(text=one)], abs=1e-4) for one in words
    ]
    found: dict[str, list[float]] = {}
    with Client(url) as client:

        def ask(one: str) -> None:
            found[one] = [hit.score for hit in client.search(text=one)]

        threads = [threading.Thread(target=ask, args=(one,)) for one in words]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [found[one] for one in words] == wanted

    async def ask_all() -> list[list[float]]:
        answers: dict[str, list[float]] = {}
        async with AsyncClient(url) as client, anyio.create_task_group() as group:

            async def ask_one(one: str) -> None:
                answers[one] = [hit.score for hit in await client.search(text=one)]

            for one in words:
                group.start_soon(ask_one, one)
        return [answers[one] for one in words]

    assert anyio.run(ask_all) == wanted


def test_a_large_file_is_sent_from_disk_and_never_held(tmp_path: Path) -> None:
    film = tmp_path / "long.mp4"
    with film.open("wb") as file:
        file.truncate(256_000_000)
    sent = 0

    def server(request: httpx.Request) -> httpx.Response:
        nonlocal sent
        assert isinstance(request.stream, httpx.SyncByteStream)
        sent = sum(len(block) for block in request.stream)
        return httpx.Response(413, json={"title": "TooLarge", "detail": "too large"})

    class Streaming(httpx.MockTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return server(request)

    with Client("http://server", transport=Streaming(server)) as client:
        tracemalloc.start()
        with pytest.raises(ServerError, match="too large"):
            client.search(video=film)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert sent > 256_000_000 and most < 8_000_000
