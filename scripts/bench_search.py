"""One index beside its peers at equal recall: CPU a query, memory, and what building took.

    python scripts/bench_search.py --work /tmp/bench            # 200k x 1024, every peer installed
    python scripts/bench_search.py --base base.npy --queries q.npy --cross-queries text.npy
    python scripts/bench_search.py mixed              # an index a modality, or one for both
    python scripts/bench_search.py large --rows 1000000
    python scripts/bench_search.py batch --asked 1024 # questions one by one, and in blocks

Everything is tuned to recall@10 = 0.95 on one half of the queries and timed on the other, in turn,
a block of queries at a time, on one thread. CPU is that of this process and its children. Vectors,
where none are given, are synthetic and shaped like joint embeddings (see ``Shape``). What is built
is kept in ``--work``, so that a second run only asks. Peers: pip install '.[bench]'. Run it with
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 LANCE_CPU_THREADS=1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
import numpy.typing as npt
from bench_engine import Given, item

from searchengine.query.search import search, search_all
from searchengine.store.change import Addition, Change
from searchengine.store.library import Library
from searchengine.store.tables import PointRow
from searchengine.store.vectors.exact import cosines, nearest
from searchengine.store.vectors.faiss import extend, train
from searchengine.store.vectors.recipe import RECIPE
from searchengine.types import FloatArray, Modality, Query, QueryPart

Ids = npt.NDArray[np.int64]

K, DIM, WANTED, BLOCK = 10, 1024, 0.95, 20
CHUNK = 20_000


class Shape:
    """Vectors of two modalities shaped as measured joint embeddings are.

    Each modality is a cone: cosine within it 0.49, between the modalities 0.14, of a true pair
    0.29, distance between the means 0.84. Around the mean they vary in half the dimensions with
    a falling spectrum; a stranger's query shares a third of its variation with what it means and
    the rest is flatter. In 80,000 such vectors and 512 lists, 47 lists hold 0.95 of the nearest
    within the modality and about 80 from the other.
    """

    def __init__(self, dim: int = DIM) -> None:
        rng = np.random.default_rng(1)
        basis = np.linalg.qr(rng.normal(size=(dim, dim)))[0].astype(np.float32)
        self.rank = dim // 2
        spectrum = np.arange(1, self.rank + 1, dtype=np.float32) ** -0.5
        self._map = (spectrum / np.linalg.norm(spectrum))[:, None] * basis[2 : 2 + self.rank]
        self.means = [0.7 * basis[0], 0.196 * basis[0] + 0.672 * basis[1]]

    def base(self, rows: int, seed: int, modality: int = 0) -> FloatArray:
        rng = np.random.default_rng(seed)
        made = np.empty((rows, self._map.shape[1]), np.float32)
        for at in range(0, rows, CHUNK):
            part = made[at : at + CHUNK]
            part[:] = self._embed(self._latent(len(part), rng), modality, rng)
        return made

    def strangers(self, rows: int, seed: int, of: int) -> FloatArray:
        """Queries of the other modality that mean some of ``base(of, seed)``'s first chunk."""
        meant = self._latent(min(of, CHUNK), np.random.default_rng(seed))
        rng = np.random.default_rng(seed + 1)
        flat = rng.normal(size=(rows, self.rank)).astype(np.float32)
        flat *= np.arange(1, self.rank + 1, dtype=np.float32) ** 0.3
        flat /= np.linalg.norm(flat @ self._map, axis=1, keepdims=True)
        share = 0.304 / 0.9
        latent = share * meant[rng.integers(len(meant), size=rows)]
        return self._embed(latent + math.sqrt(1 - share**2) * flat, 1, rng)

    def _latent(self, rows: int, rng: np.random.Generator) -> FloatArray:
        return rng.standard_normal((rows, self.rank), np.float32)

    def _embed(self, latent: FloatArray, modality: int, rng: np.random.Generator) -> FloatArray:
        noise = rng.standard_normal((len(latent), self._map.shape[1]), np.float32)
        rest = math.sqrt(0.9) * latent @ self._map + noise * math.sqrt(0.1 / noise.shape[1])
        rest /= np.linalg.norm(rest, axis=1, keepdims=True)
        rest *= math.sqrt(0.51)
        rest += self.means[modality]
        rest /= np.linalg.norm(rest, axis=1, keepdims=True)
        return rest


class Way(Protocol):
    """A way to search. ``efforts`` ascend; ``build`` leaves everything below ``folder``, which
    those of one ``built`` share."""

    name: str
    built: str
    efforts: list[Any]

    def build(self, base: FloatArray, folder: Path) -> None: ...
    def open(self, folder: Path, base: FloatArray) -> None: ...
    def search(self, query: FloatArray, effort: Any, kind: Modality) -> Ids: ...


def geometric(first: float, last: float, step: float = 1.12) -> list[int]:
    count = round(math.log(last / first, step)) + 1
    return sorted({round(first * step**n) for n in range(count)})


class Ours:
    """The index by the recipe, and exact cosines of its candidates from mapped float16."""

    built = "ours"

    def __init__(self, depth: int, rows: int) -> None:
        self.name = f"ours, {depth} reranked"
        self._depth = depth
        self.efforts = geometric(4, RECIPE.lists(rows), 1.06)

    def build(self, base: FloatArray, folder: Path) -> None:
        wanted = RECIPE.points_per_list * RECIPE.lists(len(base))
        chosen = np.random.default_rng(0).choice(len(base), min(wanted, len(base)), replace=False)
        index = train(base[np.sort(chosen)], len(base), RECIPE)
        ids = np.arange(len(base))
        blocks = range(0, len(base), CHUNK)
        extend(index, ((ids[at : at + CHUNK], base[at : at + CHUNK]) for at in blocks))
        faiss.write_index(index, str(folder / "index"))

    def open(self, folder: Path, base: FloatArray) -> None:
        self._index = faiss.read_index(str(folder / "index"))
        stored = folder.parent / "stored.npy"
        if not stored.exists():
            np.save(stored, base.astype(np.float16))
        self._stored = np.load(stored, mmap_mode="r")

    def search(self, query: FloatArray, effort: int, kind: Modality) -> Ids:
        how = faiss.SearchParametersIVF(nprobe=effort)
        _, found = self._index.search(query[None], self._depth, params=how)
        near = np.sort(found[0][found[0] >= 0])
        similarities = cosines(self._stored[near], query[None])[0]
        return near[np.argsort(-similarities)[:K]]


class Whole:
    """``Engine.search`` after the encoding: everything from a query's vector to ten hits with their
    paths. The library holds the vectors as pictures, and ``askers`` as texts, for which it is tuned
    when it is made; here its effort is set, so that recall is equal.
    """

    built = "engine"

    def __init__(self, factor: int, rows: int, askers: FloatArray) -> None:
        self.name = f"whole engine, {factor} x"
        self._factor, self._askers = factor, askers
        self.efforts = geometric(4, RECIPE.lists(rows), 1.06)

    def build(self, base: FloatArray, folder: Path) -> None:
        with Library(folder, create=True, database_url="") as library, library.writer() as writer:
            encoder = Given(base.shape[1])
            made = writer.create("default", encoder.name, encoder.identity, "{}", encoder.dim)
            for modality, rows in ((Modality.TEXT, self._askers), (Modality.IMAGE, base)):
                added = [
                    item(f"/{modality}/{n}", rows[n : n + 1], modality) for n in range(len(rows))
                ]
                writer.commit(made, Change(additions=added))

    def open(self, folder: Path, base: FloatArray) -> None:
        self._library = Library(folder, database_url="")
        self._encoder = Given(base.shape[1])
        self._collection = self._library.catalog.collection("default")
        self._table = self._library.snapshot(self._collection).tables[Modality.IMAGE]
        self._first = int(self._table.shards.ids()[0])
        for kind, point in self._table.points.items():
            how = f"{point.probed:.3f} of the lists, {point.rerank_factor} x k, {point.recall:.3f}"
            print(f"tuned for {kind}: {how}", flush=True)

    def search(self, query: FloatArray, effort: int, kind: Modality) -> Ids:
        share = effort / self._table.index.nlist
        if self._table.points[kind].probed != share:
            self._table.points[kind] = PointRow(probed=share, rerank_factor=self._factor)
        hits = search(_asked(query, kind), self._encoder, self._library, self._collection)
        return np.array([hit.segment.id for hit in hits], np.int64) - self._first

    def search_all(self, queries: FloatArray, kind: Modality) -> None:
        """Many in one call."""
        asked = [_asked(query, kind) for query in queries]
        search_all(asked, self._encoder, self._library, self._collection)


def items(vectors: FloatArray, modality: Modality, first: int = 0) -> list[Addition]:
    """An item for each, named by its number."""
    rows = enumerate(np.split(vectors, len(vectors)), start=first)
    return [item(f"/{modality}/{n}", row, modality) for n, row in rows]


def _asked(query: FloatArray, kind: Modality) -> Query:
    return Query((QueryPart((query,), kind),), targets=(Modality.IMAGE,), k=K)


class Hnswlib:
    name = "hnswlib"
    built = "hnswlib"
    efforts = geometric(10, 2_000, 1.05)

    def build(self, base: FloatArray, folder: Path) -> None:
        import hnswlib

        index = hnswlib.Index("ip", base.shape[1])
        index.init_index(len(base), ef_construction=200, M=16)
        index.add_items(base, num_threads=1)
        index.save_index(str(folder / "index"))

    def open(self, folder: Path, base: FloatArray) -> None:
        import hnswlib

        self._index = hnswlib.Index("ip", base.shape[1])
        self._index.load_index(str(folder / "index"))
        self._index.set_num_threads(1)

    def search(self, query: FloatArray, effort: int, kind: Modality) -> Ids:
        self._index.set_ef(effort)
        return self._index.knn_query(query, K, num_threads=1)[0][0].astype(np.int64)


class Usearch:
    name = "usearch f16"
    built = "usearch"
    efforts = geometric(10, 4_000, 1.05)

    def build(self, base: FloatArray, folder: Path) -> None:
        from usearch.index import Index

        index = Index(ndim=base.shape[1], metric="ip", dtype="f16")
        index.add(np.arange(len(base)), base, threads=1)
        index.save(str(folder / "index"))

    def open(self, folder: Path, base: FloatArray) -> None:
        from usearch.index import Index

        self._index = Index.restore(str(folder / "index"))

    def search(self, query: FloatArray, effort: int, kind: Modality) -> Ids:
        self._index.expansion_search = effort
        return np.asarray(self._index.search(query, K, threads=1).keys, np.int64)


class Lancedb:
    """IVF_PQ, a code a 16 dimensions, refined from the stored vectors."""

    name = "lancedb"
    built = "lancedb"
    efforts = geometric(4, 800, 1.3)

    def build(self, base: FloatArray, folder: Path) -> None:
        import lancedb
        import pyarrow as pa
        from lancedb.index import IvfPq

        def batches() -> Iterator[Any]:
            for at in range(0, len(base), CHUNK):
                part = base[at : at + CHUNK]
                flat = pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), base.shape[1])
                ids = pa.array(np.arange(at, at + len(part)))
                yield pa.record_batch([ids, flat], names=["id", "vector"])

        first = next(batches())
        reader = pa.RecordBatchReader.from_batches(first.schema, batches())
        table = lancedb.connect(folder).create_table("v", reader, mode="overwrite")
        lists, codes = RECIPE.lists(len(base)), base.shape[1] // 8
        how = IvfPq(distance_type="dot", num_partitions=lists, num_sub_vectors=codes)
        table.create_index("vector", config=how)

    def open(self, folder: Path, base: FloatArray) -> None:
        import lancedb

        self._table = lancedb.connect(folder).open_table("v")

    def search(self, query: FloatArray, effort: int, kind: Modality) -> Ids:
        asked = self._table.search(query).distance_type("dot").nprobes(effort).refine_factor(10)
        return asked.limit(K).select(["id", "_distance"]).to_arrow()["id"].to_numpy()


class Milvus:
    """milvus-lite with IVF_FLAT."""

    name = "milvus-lite"
    built = "milvus-lite"
    efforts = geometric(4, 800, 1.3)

    def build(self, base: FloatArray, folder: Path) -> None:
        client = self._client(folder)
        schema = client.create_schema(auto_id=False)
        from pymilvus import DataType

        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=base.shape[1])
        params = client.prepare_index_params()
        lists = RECIPE.lists(len(base))
        params.add_index("vector", index_type="IVF_FLAT", metric_type="IP", params={"nlist": lists})
        client.create_collection("v", schema=schema)
        for at in range(0, len(base), 2_000):
            rows = [{"id": at + n, "vector": v} for n, v in enumerate(base[at : at + 2_000])]
            client.insert("v", rows)
        client.create_index("v", params)
        client.load_collection("v")

    def open(self, folder: Path, base: FloatArray) -> None:
        self._opened = self._client(folder)
        self._opened.load_collection("v")

    def search(self, query: FloatArray, effort: int, kind: Modality) -> Ids:
        params = {"metric_type": "IP", "params": {"nprobe": effort}}
        found = self._opened.search("v", data=[query], limit=K, search_params=params)
        return np.array([hit["id"] for hit in found[0]], np.int64)

    def _client(self, folder: Path) -> Any:
        from pymilvus import MilvusClient

        return MilvusClient(str(folder / "milvus.db"))


class Chroma:
    """chromadb. An effort that is set counts once the collection is opened anew."""

    name = "chroma"
    built = "chroma"
    efforts = geometric(10, 3_000, 1.05)

    def build(self, base: FloatArray, folder: Path) -> None:
        made = self._client(folder).create_collection(
            "vectors",
            configuration={
                "hnsw": {
                    "space": "ip",
                    "ef_construction": 200,
                    "max_neighbors": 16,
                    "num_threads": 1,
                    "batch_size": 5_000,
                    "sync_threshold": 5_000,  # what is not synced is indexed again when opened
                }
            },
        )
        for at in range(0, len(base), 5_000):
            part = base[at : at + 5_000]
            made.add(ids=[str(at + n) for n in range(len(part))], embeddings=part)

    def open(self, folder: Path, base: FloatArray) -> None:
        self._folder, self._effort = folder, 0

    def search(self, query: FloatArray, effort: int, kind: Modality) -> Ids:
        if effort != self._effort:
            self._client(self._folder).get_collection("vectors").modify(
                configuration={"hnsw": {"ef_search": effort}}
            )
            self._collection = self._client(self._folder).get_collection("vectors")
            self._effort = effort
        found = self._collection.query(query_embeddings=query[None], n_results=K, include=[])
        return np.array([int(name) for name in found["ids"][0]], np.int64)

    def _client(self, folder: Path) -> Any:
        import chromadb
        from chromadb.api.shared_system_client import SharedSystemClient

        SharedSystemClient.clear_system_cache()
        return chromadb.PersistentClient(str(folder))


def cpu_s() -> float:
    """CPU seconds of this process and the children that it has now."""
    total = time.process_time()
    for path in Path("/proc/self/task").glob("*/children"):
        for child in path.read_text().split():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def exact(base: FloatArray, queries: FloatArray) -> Ids:
    best, rows = np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
    for at in range(0, len(base), CHUNK):
        scores = queries @ base[at : at + CHUNK].T
        best = np.concatenate([best, scores], axis=1)
        here = np.broadcast_to(np.arange(at, at + scores.shape[1]), scores.shape)
        rows = np.concatenate([rows, here], axis=1)
        top = np.argpartition(-best, K, axis=1)[:, :K]
        best, rows = np.take_along_axis(best, top, 1), np.take_along_axis(rows, top, 1)
    return rows


def recall(way: Way, queries: FloatArray, truth: Ids, effort: Any, kind: Modality) -> float:
    found = [way.search(query, effort, kind) for query in queries]
    return statistics.mean(len(set(a) & set(b)) / K for a, b in zip(found, truth, strict=True))


def tuned(way: Way, queries: FloatArray, truth: Ids, kind: Modality) -> Any:
    """The least effort that reaches the recall wanted, by halving."""
    low, high = 0, len(way.efforts) - 1
    while low < high:
        middle = (low + high) // 2
        if recall(way, queries, truth, way.efforts[middle], kind) >= WANTED:
            high = middle
        else:
            low = middle + 1
    return way.efforts[low]


def built(way: Way, base: FloatArray, work: Path) -> dict[str, float] | None:
    """Build unless it is there already; CPU seconds and bytes, or None where it cannot be."""
    folder = work / way.built
    note = folder / "note.json"
    if not note.exists():
        folder.mkdir(parents=True, exist_ok=True)
        start = cpu_s()
        try:
            way.build(base, folder)
        except ImportError as error:
            print(f"{way.name}: left out, {error.name} is not installed", flush=True)
            return None
        spent = cpu_s() - start
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        note.write_text(json.dumps({"cpu_s": spent, "bytes": size}))
        print(f"{way.name}: built in {spent:.1f} s of CPU, {size / 1e6:.0f} MB", flush=True)
    return dict(json.loads(note.read_text()))


def opened(ways: list[Way], base: FloatArray, work: Path) -> dict[Way, dict[str, float]]:
    """Those that can be searched, with what building them took."""
    kept = {}
    for way in ways:
        if note := built(way, base, work):
            with leaving_out(way):
                way.open(work / way.built, base)
                kept[way] = note
    return kept


@contextlib.contextmanager
def leaving_out(way: Way) -> Iterator[None]:
    """A peer that fails is said to, and stops nothing."""
    try:
        yield
    except Exception as error:
        print(f"{way.name}: left out, {type(error).__name__}: {error}", flush=True)


def compare(
    notes: dict[Way, dict[str, float]], base: FloatArray, queries: FloatArray, kind: Modality
) -> None:
    """Tune each by the first half of the queries, then time it and its recall by the other."""
    truth, half, chosen = exact(base, queries), len(queries) // 2, {}
    for way in notes:
        with leaving_out(way):
            chosen[way] = tuned(way, queries[:half], truth[:half], kind)
    timed = interleaved(chosen, queries[half:], kind)
    first = next((ms for way, ms in timed.items() if way.name == "hnswlib"), math.nan)
    print(f"\nasked by {kind}: CPU ms a query, of hnswlib's, recall@{K}, effort, MB, build CPU s")
    for way, ms in timed.items():
        got = recall(way, queries[half:], truth[half:], chosen[way], kind)
        note = notes[way]
        print(
            f"  {way.name:20} {ms:8.2f} {ms / first:7.2f} {got:.3f} {chosen[way]:5} "
            f"{note['bytes'] / 1e6:6.0f} {note['cpu_s']:6.1f}",
            flush=True,
        )


def interleaved(
    chosen: dict[Way, Any], queries: FloatArray, kind: Modality, rounds: int = 15
) -> dict[Way, float]:
    """Median CPU milliseconds a query of blocks of queries, the ways in turn."""
    spent: dict[Way, list[float]] = {way: [] for way in chosen}
    for number in range(rounds + 1):
        at = number * BLOCK % (len(queries) - BLOCK + 1)
        for way, effort in chosen.items():
            start = cpu_s()
            for query in queries[at : at + BLOCK]:
                way.search(query, effort, kind)
            spent[way].append((cpu_s() - start) / BLOCK * 1000)
    return {way: statistics.median(times[1:]) for way, times in spent.items()}


def batch(way: Whole, queries: FloatArray, kind: Modality) -> None:
    """CPU of questions one by one and in blocks, in turn, at what the library was tuned to."""
    alone, together = [], []
    for at in range(0, len(queries) - 255, 256):
        block = queries[at : at + 256]
        start = cpu_s()
        for query in block:
            way.search_all(query[None], kind)
        middle = cpu_s()
        way.search_all(block, kind)
        alone.append((middle - start) / 256 * 1000)
        together.append((cpu_s() - middle) / 256 * 1000)
    one, many = statistics.median(alone), statistics.median(together)
    print(
        f"asked by {kind}: one by one {one:.2f} ms, in blocks of 256 {many:.2f} ms a query, "
        f"ratio {one / many:.1f}",
        flush=True,
    )


def large(rows: int, folder: Path) -> None:
    """A library stored a chunk at a time: the most memory it took, and searching it as tuned."""
    shape, encoder = Shape(), Given()
    if not Library.exists(folder):
        fill_large(rows, folder, shape, encoder)
    with Library(folder, database_url="") as library:
        made = library.catalog.collection("default")
        table = library.snapshot(made).tables[Modality.IMAGE]
        unlike = shape.strangers(256, CHUNK, rows)  # not the words that it was tuned with
        asked = {Modality.IMAGE: shape.base(256, 9), Modality.TEXT: unlike}
        for kind, queries in asked.items():
            truth = nearest(table.shards.blocks(), queries, K)
            spent, found = [], []
            for query in queries:
                start = cpu_s()
                hits = search(_asked(query, kind), encoder, library, made)
                spent.append((cpu_s() - start) * 1000)
                found.append({hit.segment.id for hit in hits})
            start = cpu_s()
            search_all([_asked(query, kind) for query in queries], encoder, library, made)
            block = (cpu_s() - start) * 1000 / len(queries)
            got = statistics.mean(len(a & set(b)) / K for a, b in zip(found, truth, strict=True))
            how = table.how([kind], Modality.IMAGE, None, False)
            print(
                f"asked by {kind}: {statistics.median(spent):.2f} ms, in a block of {len(queries)} "
                f"{block:.2f} ms a query, recall@{K} {got:.3f}, {how}",
                flush=True,
            )


def fill_large(rows: int, folder: Path, shape: Shape, encoder: Given) -> None:
    """Vectors stored a chunk at a time, and one index made of them at the end."""
    filling = replace(RECIPE, exact_below=rows)  # one index at the end, not one at every doubling
    with Library(folder, create=True, recipe=filling, database_url="") as library:
        start = cpu_s()
        with library.writer() as writer:
            made = writer.create("default", encoder.name, encoder.identity, "{}", encoder.dim)
            writer.commit(
                made, Change(additions=items(shape.strangers(1_000, 0, rows), Modality.TEXT))
            )
            for at in range(0, rows, CHUNK):
                part = shape.base(min(CHUNK, rows - at), at)
                writer.commit(made, Change(additions=items(part, Modality.IMAGE, at)))
        print(f"{rows} x {DIM} stored in {cpu_s() - start:.0f} s of CPU", flush=True)
    with Library(folder, database_url="") as library:
        start = cpu_s()
        with library.writer() as writer:
            writer.rebuild(made)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        table = library.snapshot(made).tables[Modality.IMAGE]
        print(
            f"{table.method} in {cpu_s() - start:.0f} s of CPU, tuning included; "
            f"{table.memory_bytes / 1e6:.0f} MB, at most {most:.2f} GB resident, mapped too",
            flush=True,
        )


def mixed(rows: int) -> None:
    """Vectors read for 0.95 of a stranger's nearest: an index a modality, or one for both."""
    shape = Shape()
    images, texts = shape.base(rows, 7), shape.base(rows, 8, modality=1)
    queries = shape.strangers(200, 7, rows)
    nearest = exact(images, queries)
    read = {}
    for name, held in (("its own", images), ("mixed", np.concatenate([images, texts]))):
        means = faiss.Kmeans(DIM, RECIPE.lists(len(held)), spherical=True, seed=1)
        means.train(held[:: max(1, len(held) // (64 * means.k))])
        member = np.concatenate(
            [
                (held[at : at + CHUNK] @ means.centroids.T).argmax(1)
                for at in range(0, len(held), CHUNK)
            ]
        )
        order = np.argsort(-(queries @ means.centroids.T), axis=1)
        rank = np.argsort(order, axis=1)
        places = np.take_along_axis(rank, member[nearest], axis=1)
        probes = int(np.quantile(places, WANTED)) + 1
        sizes = np.bincount(member, minlength=means.k)
        read[name] = sizes[order[:, :probes]].sum(axis=1).mean()
        print(f"{name}: {probes} of {means.k} lists, {read[name]:.0f} vectors read", flush=True)
    print(f"mixed reads {read['mixed'] / read['its own']:.1f} x as many (at least 6)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what", nargs="?", default="peers", choices=["peers", "build", "batch", "large", "mixed"]
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--asked", type=int, default=400, help="queries of each kind")
    parser.add_argument("--base", type=Path, help="float32 (n, d), of length 1")
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--cross-queries", type=Path)
    parser.add_argument("--peers", default="hnswlib,usearch,lancedb,milvus,chroma")
    parser.add_argument("--work", type=Path, help="keep what is built here")
    given = parser.parse_args()
    faiss.omp_set_num_threads(1)
    if given.what == "mixed":
        mixed(given.rows)
        return
    if given.what == "large":
        with tempfile.TemporaryDirectory() as top:
            large(given.rows, (given.work or Path(top)) / "large")
        return
    if given.base:
        base = np.ascontiguousarray(np.load(given.base), np.float32)
        files = {Modality.IMAGE: given.queries, Modality.TEXT: given.cross_queries}
        asked = {kind: np.load(f).astype(np.float32) for kind, f in files.items() if f}
    else:
        shape = Shape()
        base = shape.base(given.rows, 7)
        asked = {
            Modality.IMAGE: shape.base(given.asked, 9),
            Modality.TEXT: shape.strangers(given.asked, 7, given.rows),
        }
    known = {"hnswlib": Hnswlib, "usearch": Usearch, "lancedb": Lancedb, "milvus": Milvus}
    known["chroma"] = Chroma
    ways: list[Way] = [Ours(depth, len(base)) for depth in (20, 40, 100, 200)]
    askers = asked.get(Modality.TEXT, base)
    ways += [Whole(factor, len(base), askers[: len(askers) // 2]) for factor in (3, 9)]
    ways += [known[name]() for name in given.peers.split(",") if name]
    with tempfile.TemporaryDirectory() as folder:
        notes = opened(ways, base, given.work or Path(folder))
        for kind, queries in asked.items():
            if given.what == "peers":
                compare(notes, base, queries, kind)
            if given.what == "batch":
                batch(next(way for way in notes if isinstance(way, Whole)), queries, kind)


if __name__ == "__main__":
    main()
