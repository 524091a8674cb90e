"""How fast a GPU scans vectors, against what its memory can deliver.

    python scripts/bench_scan.py                       # 10M x 1024 on cuda: 20 GB
    python scripts/bench_scan.py --device cpu --rows 100000 --dim 128

Exact search and search of the nearest lists, 1, 16 and 256 queries at a time; what is found is
compared with single precision over everything. Bytes read count each vector once a batch, beside
the measured speed of a copy (bytes read and written). Needs torch and numpy only.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent.parent))

from searchengine.store.vectors.scan import SCORES, ListScan, Scan

K = 10
PART = 250_000
STARTED = time.perf_counter()


def say(*words: Any) -> None:
    print(f"[{time.perf_counter() - STARTED:6.1f} s]", *words, flush=True)


class Cone:
    """Vectors as ``scripts/bench_search.py`` has them: one cone, clusters, a falling spectrum."""

    def __init__(self, dim: int, device: str) -> None:
        torch.manual_seed(1)
        self.device, self.dim = device, dim
        rank = min(256, dim // 2)
        basis = torch.linalg.qr(torch.randn(dim, dim))[0]
        scale = torch.arange(1, rank + 1) ** -0.5
        self.mean = (0.7 * basis[0]).to(device)
        self.other = (0.196 * basis[0] + 0.672 * basis[1]).to(device)
        self.map = ((scale / scale.norm())[:, None] * basis[2 : 2 + rank]).to(device)
        self.centres = torch.randn(2_000, rank, device=device)

    def latent(self, rows: int) -> Tensor:
        chosen = self.centres[torch.randint(2_000, (rows,), device=self.device)]
        return math.sqrt(0.5) * (chosen + torch.randn(chosen.shape, device=self.device))

    def embed(self, latent: Tensor, mean: Tensor) -> Tensor:
        noise = torch.randn(len(latent), self.dim, device=self.device) / math.sqrt(self.dim)
        rest = math.sqrt(0.9) * latent @ self.map + math.sqrt(0.1) * noise
        rest = torch.nn.functional.normalize(rest, dim=1)
        return torch.nn.functional.normalize(mean + math.sqrt(0.51) * rest, dim=1)

    def vectors(self, rows: int) -> Tensor:
        made = torch.empty((rows, self.dim), dtype=torch.float16, device=self.device)
        for at in range(0, rows, PART):
            made[at : at + PART] = self.embed(self.latent(min(PART, rows - at)), self.mean).half()
        return made

    def queries(self, rows: int) -> dict[str, Tensor]:
        return {
            "of the same modality": self.embed(self.latent(rows), self.mean),
            "of another modality": self.embed(self.latent(rows), self.other),
        }


def sync(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def median_s(call: Callable[[], object], device: str, budget_s: float) -> float:
    for _ in range(3):
        call()
    sync(device)
    times: list[float] = []
    begun = time.perf_counter()
    while len(times) < 5 or (time.perf_counter() - begun < budget_s and len(times) < 200):
        start = time.perf_counter()
        call()
        sync(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def copy_speed(device: str) -> float:
    """Bytes a second that a copy reads and writes."""
    size = 4 << 30 if device == "cuda" else 64 << 20
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / median_s(lambda: target.copy_(source), device, 1)


def reference(vectors: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
    """The K nearest of all rows, multiplied in single precision."""
    torch.backends.cuda.matmul.allow_tf32 = False
    best = torch.full((len(queries), 0), 0.0, device=vectors.device)
    rows = torch.zeros((len(queries), 0), dtype=torch.int64, device=vectors.device)
    for at in range(0, len(vectors), PART):
        found, where = (queries @ vectors[at : at + PART].float().T).topk(K, dim=1)
        best, rows = torch.cat([best, found], 1), torch.cat([rows, where + at], 1)
        best, order = best.topk(K, dim=1)
        rows = rows.gather(1, order)
    return rows, best


def agreement(found: Tensor, wanted: Tensor) -> float:
    return (found[:, :, None] == wanted[:, None, :]).any(1).float().mean().item()


def attempt(name: str, step: Callable[[], Any]) -> Any:
    try:
        return step()
    except Exception:
        say(f"{name} FAILED:\n{traceback.format_exc()}")
        return None


def lists_of(vectors: Tensor, lists: int, sample: int, rounds: int = 8) -> tuple[Tensor, Tensor]:
    """Spherical k-means: centroids float16 (lists, d) and the list int64 (n,) of each vector."""
    chosen = torch.randperm(len(vectors), device=vectors.device)[:sample]
    points = vectors[chosen]
    centroids = points[:lists].clone()
    for _ in range(rounds):
        member = _nearest_list(points, centroids)
        sums = torch.zeros(centroids.shape, dtype=torch.float32, device=points.device)
        sums.index_add_(0, member, points.float())
        empty = torch.bincount(member, minlength=lists) == 0
        sums[empty] = points[torch.randint(len(points), (int(empty.sum()),))].float()
        centroids = torch.nn.functional.normalize(sums, dim=1).to(vectors.dtype)
    return centroids, _nearest_list(vectors, centroids)


def _nearest_list(points: Tensor, centroids: Tensor) -> Tensor:
    step = max((SCORES * 16) // len(centroids), 1)
    parts = [(points[at : at + step] @ centroids.T).argmax(1) for at in range(0, len(points), step)]
    return torch.cat(parts)


def bench_exact(vectors: Tensor, asked: dict[str, Tensor], copied: float, device: str) -> None:
    scan = Scan(vectors)
    size = vectors.numel() * vectors.element_size()
    (same, *_) = asked.values()
    for batch in (1, 16, 256):
        taken = attempt(
            f"exact {batch}",
            lambda b=batch: median_s(lambda: scan.nearest(same[:b], K), device, 5),
        )
        if taken:
            say(
                f"exact, {batch:3} at a time: {taken * 1e3:7.2f} ms, "
                f"{batch / taken:9.0f} queries/s, "
                f"{size / taken / 1e9:6.0f} GB/s read, {size / taken / copied:.0%} of a copy"
            )
    for batch in (1, 16, 256):
        naive = attempt(
            f"naive {batch}",
            lambda b=batch: median_s(
                lambda: (same[:b].to(vectors.dtype) @ vectors.T).topk(K, dim=1), device, 3
            ),
        )
        if naive:
            say(f"one product and topk, {batch:3} at a time: {naive * 1e3:7.2f} ms")
    for kind, queries in asked.items():
        some = queries[:64]
        wanted, cosines = reference(vectors, some)
        rows, found = scan.nearest(some, K)
        say(
            f"exact, queries {kind}: recall@{K} {agreement(rows, wanted):.4f} against single "
            f"precision, cosines within {(found - cosines).abs().max().item():.1e}"
        )


def bench_lists(
    vectors: Tensor, asked: dict[str, Tensor], copied: float, device: str, lists: int
) -> None:
    wanted = {kind: reference(vectors, queries[:64])[0] for kind, queries in asked.items()}
    start = time.perf_counter()
    centroids, member = lists_of(vectors, lists, 64 * lists)
    order = member.argsort(stable=True)
    starts = torch.zeros(lists + 1, dtype=torch.int64, device=device)
    starts[1:] = torch.bincount(member, minlength=lists).cumsum(0)
    sorted_vectors = torch.empty_like(vectors)
    for at in range(0, len(order), PART):
        sorted_vectors[at : at + PART] = vectors[order[at : at + PART]]
    sync(device)
    say(f"lists: {lists} learnt and filled in {time.perf_counter() - start:.1f} s")
    scan = ListScan(sorted_vectors, centroids, starts)
    for kind, queries in asked.items():
        nprobe, recall = 2, 0.0
        while nprobe < lists:
            rows = order[scan.nearest(queries[:64], K, nprobe)[0]]
            recall = agreement(rows, wanted[kind])
            if recall >= 0.95:
                break
            nprobe = min(nprobe * 3 // 2, lists)
        chosen = (centroids @ queries[:64].half().T).topk(nprobe, dim=0).indices
        share = (starts[chosen + 1] - starts[chosen]).sum(0).float().mean().item() / len(vectors)
        for batch in (1, 16, 256):
            taken = attempt(
                f"lists {batch}",
                lambda b=batch, n=nprobe, q=queries: median_s(
                    lambda: scan.nearest(q[:b], K, n), device, 3
                ),
            )
            if taken:
                read = share * batch * vectors.numel() * vectors.element_size()
                say(
                    f"lists, queries {kind}, {nprobe} probed ({share:.1%} of the vectors, recall "
                    f"{recall:.3f}), {batch:3} at a time: {taken * 1e3:7.2f} ms, "
                    f"{batch / taken:9.0f} queries/s, {read / taken / copied:.0%} of a copy"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--dim", type=int, default=1024)
    given = parser.parse_args()
    device = given.device
    if device == "cpu":
        torch.set_num_threads(1)
    name = torch.cuda.get_device_name() if device == "cuda" else "the processor"
    say(f"torch {torch.__version__}, {name}, {given.rows} x {given.dim} float16")
    copied = attempt("copy", lambda: copy_speed(device)) or math.nan
    say(f"a copy reads and writes {copied / 1e9:.0f} GB/s")
    cone = Cone(given.dim, device)
    vectors, asked = cone.vectors(given.rows), cone.queries(256)
    sync(device)
    say(f"made {vectors.numel() * 2 / 1e9:.1f} GB of vectors")
    attempt("exact", lambda: bench_exact(vectors, asked, copied, device))
    lists = round((2 if given.rows < 1_000_000 else 4) * math.sqrt(given.rows))
    attempt("lists", lambda: bench_lists(vectors, asked, copied, device, lists))
    say("done")


if __name__ == "__main__":
    main()
