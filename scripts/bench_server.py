"""Is the server fast, and does it stay well under load? A real server, asked over the loopback.

    python scripts/bench_server.py latency          # one at a time, beside Engine.search
    python scripts/bench_server.py load             # 64 clients and one, in turn, /healthz watched
    python scripts/bench_server.py memory           # 10,000 requests, 64 at a time
    python scripts/bench_server.py encoding         # the encoder alone, one by one and in blocks

The library is the demo corpus with the starter encoder. Every question is another one. Server and
clients share the processors. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import itertools
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from searchengine.demo import corpus
from searchengine.encoders.registry import load
from searchengine.engine import Engine
from searchengine.types import Modality

CLIENTS = 64
#: Of a load: one client and many, in turn.
ROUNDS = 5
SEARCH = "/v1/collections/default/search"
WORDS = (
    "a dog on a beach",
    "thunder and rain",
    "people outside at night",
    "a red car in the snow",
    "children playing football in a park",
    "a cat asleep",
    "birdsong in the morning",
    "waves breaking on rocks while the sun goes down",
)


def questions() -> Iterator[str]:
    """Ever new words."""
    return (f"{words} {number}" for number in itertools.count() for words in WORDS)


def body(words: str) -> bytes:
    return json.dumps({"query": [{"text": words}], "k": 10}).encode()


@dataclass
class Server:
    """``searchengine serve`` in a process of its own."""

    port: int
    process: subprocess.Popen[bytes]

    def cpu_s(self) -> float:
        """Processor time it has taken, in ticks of 10 ms."""
        said = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(said[11]) + int(said[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def served(library: Path) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "searchengine", "--library", str(library), "serve"]
    process = subprocess.Popen([*command, "--port", str(port), "--no-worker"])
    try:
        for _ in range(600):
            time.sleep(0.1)
            try:
                if get(http.client.HTTPConnection("127.0.0.1", port), "/readyz") == 200:
                    break
            except OSError:
                continue
        yield Server(port, process)
    finally:
        process.terminate()
        process.wait(60)


def get(connection: http.client.HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def ask(connection: http.client.HTTPConnection, words: str) -> int:
    connection.request("POST", SEARCH, body(words), {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


@contextmanager
def demo_library() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        with Engine(Path(folder), encoder="starter") as engine:
            engine.index([corpus()])
        yield Path(folder)


def bench_latency(library: Path, rounds: int) -> None:
    """The same question by HTTP and by Engine.search, in turn, one client."""
    words = questions()
    with served(library) as server, Engine(library) as engine:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        spent: dict[str, list[float]] = {"engine": [], "http": []}
        ways: dict[str, Callable[[str], object]] = {
            "engine": lambda said: engine.search(text=said, k=10),
            "http": lambda said: ask(connection, said),
        }
        for number in range(rounds + 20):
            said = next(words)
            for name, way in ways.items():
                start = time.perf_counter()
                way(said)
                if number >= 20:
                    spent[name].append((time.perf_counter() - start) * 1000)
        engine_ms, http_ms = (statistics.median(spent[name]) for name in ("engine", "http"))
        print(
            f"latency   p50 of {rounds}: Engine.search {engine_ms:.2f} ms, HTTP {http_ms:.2f} ms, "
            f"more by {http_ms - engine_ms:.2f} ms (limit {1.3 * engine_ms + 3:.2f} ms)"
        )


@dataclass
class Counted:
    """What came back under load."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    waited_ms: list[float] = field(default_factory=list)


async def storm(port: int, requests: int, clients: int, words: Iterator[str]) -> Counted:
    """Each client asks again as soon as it is answered."""
    counted, left = Counted(), iter(range(requests))
    start = time.perf_counter()
    await asyncio.gather(*(_client(port, left, words, counted) for _ in range(clients)))
    counted.seconds = time.perf_counter() - start
    return counted


async def _client(port: int, left: Iterator[int], words: Iterator[str], counted: Counted) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in left:
        sent, start = body(next(words)), time.perf_counter()
        writer.write(
            b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (SEARCH.encode(), len(sent), sent)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split()[0]))
        counted.statuses[int(head.split()[1])] += 1
        counted.waited_ms.append((time.perf_counter() - start) * 1000)
    writer.close()


def bench_load(library: Path, requests: int) -> None:
    """64 clients beside one client, in turn; /healthz every 20 ms while the 64 ask."""
    words = questions()
    spent: dict[int, list[Spent]] = {1: [], CLIENTS: []}
    counted, health_ms = Counted(), list[float]()
    with served(library) as server:
        asyncio.run(storm(server.port, 200, CLIENTS, words))
        for _ in range(ROUNDS):
            few = requests // ROUNDS // 8
            spent[1].append(_spent(server, few, 1, words, Counted()))
            with watching(server.port) as taken_ms:
                many = _spent(server, requests // ROUNDS, CLIENTS, words, counted)
            spent[CLIENTS].append(many)
            health_ms += taken_ms
    for clients, rounds in spent.items():
        a_second, server_ms, client_ms = (
            statistics.median(one) for one in zip(*rounds, strict=True)
        )
        print(
            f"load      {clients} clients: {a_second:.0f} answers/s; a request takes "
            f"{server_ms:.1f} ms of processor time of the server, {client_ms:.2f} of its client"
        )
    ratios = sorted(m[0] / o[0] for o, m in zip(spent[1], spent[CLIENTS], strict=True))
    waited, health_ms = sorted(counted.waited_ms), sorted(health_ms)
    print(
        f"          answers/s, {CLIENTS} beside one: {statistics.median(ratios):.2f} x "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}); {dict(counted.statuses)}; "
        f"p50 {_share(waited, 0.5):.0f} ms, p99 {_share(waited, 0.99):.0f} ms; /healthz "
        f"p50 {_share(health_ms, 0.5):.1f} ms, p99 {_share(health_ms, 0.99):.1f} ms, "
        f"most {health_ms[-1]:.1f} ms of {len(health_ms)} (limit 50 ms)"
    )


#: Answers a second, and milliseconds of processor time a request: of the server, of the client.
Spent: TypeAlias = tuple[float, float, float]


def _spent(
    server: Server, requests: int, clients: int, words: Iterator[str], into: Counted
) -> Spent:
    cpu_s, own_s = server.cpu_s(), time.process_time()
    counted = asyncio.run(storm(server.port, requests, clients, words))
    into.statuses += counted.statuses
    into.waited_ms += counted.waited_ms
    took_s, own_s = server.cpu_s() - cpu_s, time.process_time() - own_s
    return requests / counted.seconds, 1000 * took_s / requests, 1000 * own_s / requests


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[int(len(ordered) * share)]


@contextmanager
def watching(port: int) -> Iterator[list[float]]:
    """Asks /healthz from a process of its own, that nobody here keeps waiting."""
    code = (
        "import http.client, select, sys, time\n"
        f"c = http.client.HTTPConnection('127.0.0.1', {port})\n"
        "while not select.select([sys.stdin], [], [], 0.02)[0]:\n"
        "    s = time.perf_counter(); c.request('GET', '/healthz'); c.getresponse().read()\n"
        "    print((time.perf_counter() - s) * 1000)\n"
    )
    probe = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    taken: list[float] = []
    try:
        yield taken
    finally:
        said, _ = probe.communicate("")
        taken += map(float, said.split())


def bench_memory(library: Path, requests: int) -> None:
    """Resident memory after a warm-up and after that many requests more."""
    words = questions()
    with served(library) as server:
        asyncio.run(storm(server.port, 2_000, CLIENTS, words))
        before, shown, statuses = server.rss_mb(), [], Counter[int]()
        for _ in range(5):
            statuses += asyncio.run(storm(server.port, requests // 5, CLIENTS, words)).statuses
            shown.append(f"{server.rss_mb() - before:+.1f}")
        print(
            f"memory    {before:.0f} MB after 2,000 requests; then MB more, "
            f"each {requests // 5}: {', '.join(shown)}; {dict(statuses)}"
        )


def bench_encoding(name: str, texts: int) -> None:
    """Texts by themselves and as the server encodes those of 64 clients, in turn."""
    encoder, words = load(name), questions()
    spent: dict[int, list[float]] = {1: [], CLIENTS: []}
    for number in range(6):
        for together, seconds in spent.items():
            said, start = [next(words) for _ in range(texts)], time.perf_counter()
            prepared = [encoder.preprocess(one, Modality.TEXT) for one in said]
            for first in range(0, texts, together):
                encoder.encode(prepared[first : first + together], Modality.TEXT)
            if number:
                seconds.append(texts / (time.perf_counter() - start))
    one, many = (statistics.median(seconds) for seconds in spent.values())
    print(
        f"encoding  {name}: {one:.1f} texts/s one by one, {many:.1f} in blocks of {CLIENTS}, "
        f"ratio {many / one:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["latency", "load", "memory", "encoding"])
    parser.add_argument("--requests", type=int, default=0, help="instead of the usual number")
    parser.add_argument("--encoder", default="starter", help="of `encoding`")
    asked = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    if "encoding" in asked.what:
        bench_encoding(asked.encoder, asked.requests or 128)
    if {"latency", "load", "memory"} & set(asked.what):
        with demo_library() as library:
            if "latency" in asked.what:
                bench_latency(library, asked.requests or 400)
            if "load" in asked.what:
                bench_load(library, asked.requests or 2_000)
            if "memory" in asked.what:
                bench_memory(library, asked.requests or 10_000)


if __name__ == "__main__":
    main()
