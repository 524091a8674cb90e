"""The catalog in PostgreSQL beside SQLite: the same rows, the same questions, in turns.

    python scripts/bench_catalog.py postgresql://... [--items 50000]

Every item has one segment, a passage of 60 words whose frequencies fall as Zipf's law says, and two
metadata fields.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from searchengine.query.filters import parse_filter
from searchengine.store.change import Addition, Change
from searchengine.store.library import Library
from searchengine.types import Collection, Modality

DIM, WORDS, VOCABULARY, COMMIT, ROUNDS = 16, 60, 30_000, 5_000, 30


def additions(first: int, count: int) -> list[Addition]:
    rng = np.random.default_rng(first)
    ranks = np.minimum(rng.zipf(1.3, (count, WORDS)), VOCABULARY)
    vectors = rng.normal(size=(count, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        Addition(
            path=f"/media/{first + n:08}.txt",
            modality=Modality.TEXT,
            mime_type="text/plain",
            size_bytes=n,
            modified_ns=n,
            sha256=f"{first + n:064}",
            recipe="",
            duration_s=None,
            metadata={},
            row=json.dumps({"year": 1900 + n % 100, "tag": [f"tag{n % 7}"]}),
            segments=((Modality.TEXT, None),),
            vectors=vectors[n : n + 1],
            passages=(" ".join(f"word{rank}" for rank in ranks[n]),),
        )
        for n in range(count)
    ]


def fill(libraries: dict[str, Library], items: int) -> dict[str, Collection]:
    spent = dict.fromkeys(libraries, 0.0)
    collections = {}
    for name, library in libraries.items():
        with library.writer() as writer:
            collections[name] = writer.create("default", "hash", "hash@1", "{}", DIM)
    for first in range(0, items, COMMIT):
        new = additions(first, min(COMMIT, items - first))
        for name, library in libraries.items():
            start = time.perf_counter()
            with library.writer() as writer:
                writer.commit(collections[name], Change(additions=new))
            spent[name] += time.perf_counter() - start
    report("items committed a second", {name: items / s for name, s in spent.items()}, "{:8.0f}")
    return collections


def ask(
    what: str, libraries: dict[str, Library], question: Callable[[Library, str], object]
) -> None:
    times: dict[str, list[float]] = {name: [] for name in libraries}
    for _ in range(ROUNDS):
        for name, library in libraries.items():
            start = time.perf_counter()
            question(library, name)
            times[name].append((time.perf_counter() - start) * 1e3)
    report(f"{what}, ms", {name: statistics.median(ms) for name, ms in times.items()}, "{:8.2f}")


def report(what: str, found: dict[str, float], form: str) -> None:
    values = "  ".join(f"{name} {form.format(value)}" for name, value in found.items())
    first, second = found.values()
    print(f"{what:34} {values}  ratio {second / first:5.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--items", type=int, default=50_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        libraries = {
            "SQLite": Library(Path(folder) / "a", create=True, database_url=""),
            "PostgreSQL": Library(Path(folder) / "b", create=True, database_url=given.url),
        }
        mine = fill(libraries, given.items)
        rng = np.random.default_rng(0)
        some = rng.integers(1, given.items, 100).tolist()
        year = parse_filter("year >= 1990 and tag = tag3")
        ask("generation", libraries, lambda lib, n: lib.catalog.generation(mine[n]))
        ask("hydrate 100", libraries, lambda lib, n: lib.catalog.hydrate(some))
        ask("filter, 1.4 % meet it", libraries, lambda lib, n: lib.catalog.allowed(mine[n], year))
        rest = parse_filter("not year >= 1990 and not tag = tag3")
        ask("filter, 77 % meet it", libraries, lambda lib, n: lib.catalog.allowed(mine[n], rest))
        ask("facets", libraries, lambda lib, n: lib.catalog.facets(mine[n], None))
        for words in ("word9000", "word300 word2000", "word20 word50", "word1 word2 word3"):
            ask(
                f"words: {words}",
                libraries,
                lambda lib, n, words=words: lib.catalog.find_words(mine[n], words, 100),
            )
        for library in libraries.values():
            library.close()


if __name__ == "__main__":
    main()
