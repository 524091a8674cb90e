"""Is the engine fast? Each question beside the naive way, in one interleaved run, as ratios.

    python scripts/bench_engine.py search            # 200k vectors, Engine beside bare FAISS
    python scripts/bench_engine.py open --rows 1000000
    python scripts/bench_engine.py add recheck busy batch

Vectors are synthetic and shaped like joint embeddings: each modality a cone of its own, clusters
within it. Threads are pinned to one where a single query is timed. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
from PIL import Image

from indexer.pipeline import Run
from searchengine.encoders.encoder import Prepared
from searchengine.engine import Engine
from searchengine.query.search import search
from searchengine.store.change import Addition, Change
from searchengine.store.library import Library
from searchengine.types import (
    Collection,
    FloatArray,
    Media,
    MediaInfo,
    Modality,
    Query,
    QueryPart,
    Sampling,
    SearchResult,
    Span,
)

K = 10
DIM = 1024
CHUNK = 20_000


class Given:
    """An encoder whose media are vectors already: what is left is the engine itself."""

    name, identity = "given", "given@1"
    modalities = frozenset(Modality)

    def __init__(self, dim: int = DIM, delay_s: float = 0.0) -> None:
        self.centers: dict[Modality, FloatArray] = {}
        self.dim = dim
        self._delay_s = delay_s

    def sampling(self, info: MediaInfo, span: Span | None) -> Sampling:
        return Sampling(short_side_px=224)

    def preprocess(self, media: Media, modality: Modality) -> Prepared:
        if isinstance(media, np.ndarray) and media.dtype == np.float32:
            return media
        seed = int(np.asarray(media).reshape(-1, 3)[0] @ (1, 256, 65_536))
        return np.random.default_rng(seed).normal(size=self.dim)

    def encode(self, batch: list[Prepared], modality: Modality) -> FloatArray:
        if isinstance(batch[0], np.ndarray) and batch[0].dtype == np.float32:
            return np.stack(batch)  # a query that is a vector already costs nothing
        time.sleep(self._delay_s * len(batch))
        rows = np.stack(batch).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def cone(rows: int, seed: int, dim: int = DIM) -> FloatArray:
    """Unit vectors about one mean (cosine between two about 0.5), in 2,000 clusters.

    Within a cluster they vary in 48 directions, as embeddings do (their local dimension is a few
    dozen), and a little in all others.
    """
    fixed = np.random.default_rng(1)
    mean, centres, directions = (
        fixed.normal(size=(count, dim)).astype(np.float32) / np.sqrt(dim)
        for count in (1, 2_000, 48)
    )
    rng = np.random.default_rng(seed)
    made = np.empty((rows, dim), np.float32)
    for start in range(0, rows, CHUNK):
        part = made[start : start + CHUNK]
        spread = rng.normal(size=(len(part), len(directions))).astype(np.float32)
        part[:] = 0.15 * rng.normal(size=part.shape) / np.sqrt(dim)
        part += mean + 0.75 * centres[rng.integers(len(centres), size=len(part))]
        part += 0.6 / np.sqrt(len(directions)) * spread @ directions
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return made


def across(rows: int, seed: int) -> FloatArray:
    """Queries of another modality: about another mean, half of what they mean, and noise."""
    rng = np.random.default_rng(seed)
    own_mean = np.random.default_rng(1).normal(size=(1, DIM)) / np.sqrt(DIM)
    other_mean, noise = rng.normal(size=(1, DIM)), rng.normal(size=(rows, DIM))
    made = other_mean + 0.6 * noise
    made = made / np.sqrt(DIM) + 0.5 * (1.4 * cone(rows, seed) - own_mean)
    unit: FloatArray = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return unit


def fill(library: Library, collection: Collection, rows: int, prefix: str = "/bench") -> None:
    """Store vectors as if they were images, a chunk a commit."""
    with library.writer() as writer:
        for start in range(0, rows, CHUNK):
            vectors = cone(min(CHUNK, rows - start), start, collection.dim)
            made = [
                item(f"{prefix}/{start + i}.jpg", vectors[i : i + 1]) for i in range(len(vectors))
            ]
            writer.commit(collection, Change(additions=made))


def item(path: str, vectors: FloatArray, modality: Modality = Modality.IMAGE) -> Addition:
    return Addition(
        path=path,
        modality=modality,
        mime_type="image/jpeg",
        size_bytes=1,
        modified_ns=1,
        sha256=path,
        recipe="",
        duration_s=None,
        metadata={"width": 640},
        row="{}",
        segments=((modality, None),),
        vectors=vectors,
    )


def create(folder: Path, dim: int = DIM) -> tuple[Library, Collection]:
    library = Library(folder, create=True)
    with library.writer() as writer:
        encoder = Given(dim)
        return library, writer.create("default", encoder.name, encoder.identity, "{}", dim)


def interleaved(rounds: int, *ways: Callable[[int], float]) -> list[float]:
    """Median CPU milliseconds of each way, taken in turn, less the seconds that it returns."""
    spent: list[list[float]] = [[] for _ in ways]
    for number in range(rounds):
        for times, way in zip(spent, ways, strict=True):
            start = time.process_time()
            aside = way(number)
            times.append((time.process_time() - start - aside) * 1000)
    return [statistics.median(times[rounds // 10 :]) for times in spent]


def bench_search(rows: int) -> None:
    """Engine.search without the encoding, beside faiss and an exact rerank of its candidates."""
    faiss.omp_set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        library, collection = create(Path(folder))
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        fill(library, collection, rows)
        with library.writer() as writer:
            writer.rebuild(collection)
        faiss.omp_set_num_threads(1)
        table = library.snapshot(collection).tables[Modality.IMAGE]
        queries = cone(400, seed=7_000_000)
        stored = np.concatenate([block for _, block in table.shards.blocks()])
        ids = table.shards.ids()
        effort = table.effort([Modality.IMAGE], Modality.IMAGE)
        parameters = faiss.SearchParametersIVF(nprobe=round(table.index.nlist * effort.probed))
        encoder = Given()

        def bare(number: int) -> list[int]:
            query = queries[number]
            depth = (K + 1) * effort.rerank_factor
            _, near = table.index.search(query[None], depth, params=parameters)
            near = np.sort(near[0])
            cosines = stored[np.searchsorted(ids, near)].astype(np.float32) @ query
            best: list[int] = near[np.argsort(-cosines)[:K]].tolist()
            return best

        def engine(number: int) -> SearchResult:
            return ask(queries[number], Modality.IMAGE)

        def ask(query: FloatArray, modality: Modality) -> SearchResult:
            asked = Query((QueryPart((query,), modality),), k=K)
            return search(asked, encoder, library, collection)

        def exact(query: FloatArray) -> set[int]:
            scores = np.concatenate(
                [
                    stored[at : at + CHUNK].astype(np.float32) @ query
                    for at in range(0, len(stored), CHUNK)
                ]
            )
            return set(ids[np.argpartition(-scores, K)[:K]].tolist())

        def recall(asked: FloatArray, modality: Modality) -> float:
            found = [{hit.segment.id for hit in ask(query, modality)} for query in asked]
            shares = [len(a & exact(q)) / K for a, q in zip(found, asked, strict=True)]
            return statistics.mean(shares)

        bare_ms, engine_ms = interleaved(
            400, lambda n: 0.0 * len(bare(n)), lambda n: engine(n).seconds["encode"]
        )
        strangers = across(100, 8_000_000)
        (across_ms,) = interleaved(
            100, lambda n: ask(strangers[n], Modality.TEXT).seconds["encode"]
        )
        print(
            f"search  {rows} x {DIM} ({table.method}): bare faiss + rerank {bare_ms:.2f} ms, "
            f"Engine {engine_ms:.2f} ms, ratio {engine_ms / bare_ms:.2f} (limit 1.5), "
            f"recall@{K} {recall(queries[:100], Modality.IMAGE):.3f} (at least 0.95), "
            f"from another modality {recall(strangers, Modality.TEXT):.3f} in {across_ms:.2f} ms"
        )
        library.close()


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def bench_open(rows: int) -> None:
    """Opening a library, in a fresh process; memory beside the codes of the first stage."""
    with tempfile.TemporaryDirectory() as folder:
        library, collection = create(Path(folder))
        fill(library, collection, rows)
        library.close()
        child = multiprocessing.get_context("spawn").Process(target=_open, args=(folder,))
        child.start()
        child.join()


def _open(folder: str) -> None:
    before, start = resident_mb(), time.perf_counter()
    with Library(Path(folder)) as library:
        snapshot = library.snapshot(library.catalog.collection("default"))
        seconds, after = time.perf_counter() - start, resident_mb()
        table = snapshot.tables[Modality.IMAGE]
        codes_mb = table.indexed * (DIM // 4 + 8) / 1e6
        print(
            f"open    {table.live} x {DIM} ({table.method}): {seconds:.2f} s (limit 1), resident "
            f"+{after - before:.0f} MB; codes are {codes_mb:.0f} MB (limit +300)"
        )


def photos(folder: Path, count: int, first: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        image = Image.new("RGB", (8, 8), (number % 256, number // 256 % 256, number // 65_536))
        image.save(folder / f"{number}.png")


def bench_add(rows: int) -> None:
    """Ten files into a full library and into an empty one, in turn, scanning aside."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        full, filled = create(top / "full", 384)
        fill(full, filled, rows)
        spent: dict[str, list[float]] = {"full": [], "empty": []}
        for turn in range(15):
            photos(top / f"new{turn}", 10, first=turn * 10)
            empty, fresh = create(top / f"empty{turn}", 384)
            for name, library, collection in (("full", full, filled), ("empty", empty, fresh)):
                start = time.perf_counter()
                Run(library, collection, Given(384), workers=0).index([top / f"new{turn}"])
                spent[name].append(time.perf_counter() - start)
            empty.close()
        one, other = (statistics.median(spent[name]) * 1000 for name in ("full", "empty"))
        print(
            f"add     10 files: into {rows} items {one:.1f} ms, into none {other:.1f} ms, "
            f"ratio {one / other:.2f} (limit 2)"
        )
        full.close()


def bench_recheck(files: int) -> None:
    """An unchanged folder again: nothing encoded, nothing written."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        for part in range(0, files, 1_000):
            photos(top / "media" / str(part // 1_000), 1_000, first=part)
        with Engine(top / "library", encoder=Given(64)) as engine:
            first = engine.index([top / "media"], workers=0)
            times = [engine.index([top / "media"]).seconds for _ in range(3)]
            print(
                f"recheck {files} files: {statistics.median(times):.2f} s (limit 10); "
                f"first run {first.seconds:.1f} s, {first.new} new"
            )


def bench_busy(files: int) -> None:
    """How much of a run the encoder works, when encoding is what takes the time."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        rng = np.random.default_rng(0)
        (top / "media").mkdir()
        for number in range(files):
            noise = rng.integers(0, 255, (60, 80, 3), dtype=np.uint8)
            Image.fromarray(noise).resize((1600, 1200)).save(top / "media" / f"{number}.jpg")
        with Engine(top / "library", encoder=Given(384, delay_s=0.05)) as engine:
            report = engine.index([top / "media"])
            print(
                f"busy    {files} photos of 2 MP, 50 ms each in the encoder: busy "
                f"{report.encoder_busy:.1%} of {report.seconds:.1f} s (at least 90 %)"
            )


def bench_batch(rows: int) -> None:
    """Questions in words with the starter's network: one by one, and as one batch, in turn."""
    words = [word for path in Path("docs").glob("*.md") for word in path.read_text().split()]
    asked = [{"text": " ".join(words[n * 5 : n * 5 + 5])} for n in range(256)]
    with tempfile.TemporaryDirectory() as folder, Engine(folder, encoder="starter") as engine:
        collection = engine.create_collection("default")
        with Library(Path(folder)) as library:
            fill(library, collection, rows)
        blocks = [asked[:64], asked[64:128], asked[128:192], asked[192:]]
        for warm in (engine.search(**asked[0]), *engine.batch(asked[:8])):
            assert not isinstance(warm, Exception)

        def alone(number: int) -> float:
            return 0.0 * len([engine.search(**one) for one in blocks[number % 4]])

        def together(number: int) -> float:
            return 0.0 * len(list(engine.batch(blocks[number % 4])))

        one, block = (ms / 64 for ms in interleaved(4, alone, together))
        print(
            f"batch   64 questions in words, {rows} vectors: one by one {one:.2f} ms each, in a "
            f"batch {block:.2f} ms each, ratio {one / block:.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what", nargs="*", default=["search", "open", "add", "recheck", "batch", "busy"]
    )
    parser.add_argument("--rows", type=int, default=0, help="vectors, instead of the usual number")
    asked = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} processors, faiss {faiss.__version__}")
    if "search" in asked.what:
        bench_search(asked.rows or 200_000)
    if "open" in asked.what:
        bench_open(asked.rows or 1_000_000)
    if "add" in asked.what:
        bench_add(asked.rows or 100_000)
    if "recheck" in asked.what:
        bench_recheck(asked.rows or 100_000)
    if "batch" in asked.what:
        bench_batch(asked.rows or 15_000)
    if "busy" in asked.what:
        bench_busy(asked.rows or 400)


if __name__ == "__main__":
    main()
