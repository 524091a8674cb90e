"""How much of a GPU do ImageBind's towers use? bfloat16, random weights of the released size.

    python scripts/bench_gpu.py                          # 8 GB of disk or /dev/shm for weights
    python scripts/bench_gpu.py --device cpu --small     # does it run? no figure means anything

Of each tower: inputs a second that are on the GPU already, by batch, and what share that is of the
card's own rate for one large matrix product; through ``Towers.embed``, from float32 in ordinary
memory to vectors; and the least cosine with float32. An operation is a multiplication or an
addition. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from random_weights import random_weights
from torch import Tensor

from searchengine.models.imagebind import ImageBind, ImageBindConfig
from searchengine.models.imagebind.checkpoint import load_tower
from searchengine.models.imagebind.config import TOWERS
from searchengine.models.imagebind.towers import Towers
from searchengine.models.imagebind.transformer import Block

SMALL = ImageBindConfig(
    out_embed_dim=16,
    **dict[str, Any]({f"{tower}_embed_dim": 32 for tower in TOWERS}),
    **dict[str, Any]({f"{tower}_num_blocks": 2 for tower in TOWERS}),
    **dict[str, Any]({f"{tower}_num_heads": 2 for tower in TOWERS}),
)

#: Rows of the square matrices whose product is the card's own rate.
MATRIX = {"cuda": 8192, "cpu": 512}

#: The largest batch that is tried.
MOST = {"cuda": 1024, "cpu": 4}

#: Seconds that one figure may take.
PATIENCE_S = 0.7


@dataclass(frozen=True, slots=True)
class Case:
    """Inputs of a tower: the shape of one, tokens it becomes, numbers under its kernel, batches."""

    tower: str
    shape: tuple[int, ...]
    tokens: int
    kernel: int
    batches: tuple[int, ...]
    name: str = ""

    def inputs(self, count: int) -> Tensor:
        """float32 noise, or words with the end mark as the last of ``tokens``."""
        if self.tower != "text":
            return torch.randn(count, *self.shape)
        ids = torch.randint(1, 49_000, (count, 77))
        ids[:, self.tokens - 1 :] = 0
        ids[:, self.tokens - 1] = 49_407
        return ids

    def operations(self, config: ImageBindConfig) -> float:
        """Of one input, in matrix products alone: 2 x 167e9 of a picture."""
        size = config.tower(self.tower)
        d, n = size.width, self.tokens
        keys = n + (self.tower not in ("vision", "text"))
        block = 12 * n * d * d + 2 * n * keys * d  # projections and MLP; likeness and mixture
        return 2.0 * (size.blocks * block + n * self.kernel * d + d * config.out_embed_dim)


CASES = (
    Case("vision", (3, 224, 224), 257, 1176, (1, 16, 64, 128, 256), "a picture"),
    Case("text", (77,), 77, 0, (1, 64, 256, 1024), "a text of 77 tokens"),
    Case("text", (77,), 10, 0, (1, 64, 256, 1024), "a text of 10 tokens"),
    Case("audio", (1, 128, 204), 229, 256, (1, 64, 256, 512), "a clip of sound"),
    Case("depth", (1, 224, 224), 197, 256, (1, 64, 256, 512), "a depth map"),
    Case("thermal", (1, 224, 224), 197, 256, (1, 64, 256, 512), "a thermal image"),
    Case("imu", (6, 2000), 251, 48, (1, 64, 256, 1024), "a recording of motion"),
)


class Bench:
    def __init__(
        self, folder: Path, config: ImageBindConfig, device: str, compiled: Sequence[str]
    ) -> None:
        self.folder, self.config, self.compiled = folder, config, compiled
        self.towers = Towers(folder, config, device, "bf16")
        self.device = self.towers.device
        self.most = MOST[self.device.type]
        self.rate = self._matrix_rate()

    def _matrix_rate(self) -> float:
        """Operations a second of one product of bfloat16 matrices."""
        side = MATRIX[self.device.type]
        a, b = (torch.randn(side, side, device=self.device, dtype=torch.bfloat16) for _ in "ab")
        rate = 2 * side**3 / self.seconds(lambda: a @ b)
        print(f"{side} x {side} x {side}: {rate / 1e12:.4g} TFLOP/s is the whole", flush=True)
        return rate

    def seconds(self, call: Callable[[], Any]) -> float:
        """Median seconds, after two calls that do not count."""
        took, begun = [], time.perf_counter()
        for number in range(22):
            start = time.perf_counter()
            call()
            self.wait()
            took.append(time.perf_counter() - start)
            if number >= 4 and time.perf_counter() - begun > PATIENCE_S:
                break
        return statistics.median(took[2:])

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def tower(self, case: Case) -> None:
        start = time.perf_counter()
        model = self.towers.load(case.tower)
        self.wait()
        tera = case.operations(self.config) / 1e12
        print(f"\n{case.tower}, {case.name}: {tera * 1e3:.4g} GFLOP; ", end="")
        print(f"loaded in {time.perf_counter() - start:.2f} s", flush=True)
        self._cosine(case)
        batches = [count for count in case.batches if count <= self.most]
        best = max(self._batch(case, model, count, "") for count in batches)
        self._from_memory(case, min(best[1] * 4, self.most))
        if case.tower in self.compiled:
            for block in model.modules():
                if isinstance(block, Block):
                    block.compile(dynamic=False)
            start = time.perf_counter()
            self._batch(case, model, best[1], "compiled, ")
            print(f"  compiling and measuring took {time.perf_counter() - start:.0f} s", flush=True)
        self.towers.unload(case.tower)

    def _batch(self, case: Case, model: ImageBind, count: int, how: str) -> tuple[float, int]:
        x = case.inputs(count).to(self.device)
        x = x.to(torch.bfloat16) if x.is_floating_point() else x
        with torch.inference_mode():
            rate_hz = count / self.seconds(lambda: model(case.tower, x))
        self._say(case, rate_hz, f"{how}batch {count}")
        return rate_hz, count

    def _from_memory(self, case: Case, count: int) -> None:
        x = case.inputs(count)
        rate_hz = len(x) / self.seconds(lambda: self.towers.embed(case.tower, x))
        self._say(case, rate_hz, f"embed {len(x)}")

    def _say(self, case: Case, rate_hz: float, what: str) -> None:
        share = rate_hz * case.operations(self.config) / self.rate
        memory = torch.cuda.max_memory_allocated() / 1e9 if self.device.type == "cuda" else 0
        print(
            f"  {what:20} {rate_hz:9.1f} /s  {share:5.1%}  (most memory {memory:.1f} GB)",
            flush=True,
        )

    def _cosine(self, case: Case) -> None:
        whole = load_tower(self.folder, case.tower, self.config).to(self.device)
        x = case.inputs(min(16, self.most))
        with torch.inference_mode():
            right = whole.embed(case.tower, x.to(self.device)).cpu()
        cosine = float((right * self.towers.embed(case.tower, x)).sum(-1).min())
        print(f"  least cosine with float32: {cosine:.6f}", flush=True)

    def kernels(self, case: Case, count: int) -> None:
        """Where the time of one tower goes."""
        model = self.towers.load(case.tower)
        x = case.inputs(count).to(self.device, torch.bfloat16)
        with torch.inference_mode(), torch.profiler.profile() as profile:
            model(case.tower, x)
            self.wait()
        key = f"self_{self.device.type}_time_total"
        print(profile.key_averages().table(sort_by=key, row_limit=16, max_name_column_width=70))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="a tiny model, to see that it runs")
    parser.add_argument("--weights", type=Path, help="folder of random weights; made if need be")
    parser.add_argument("--only", nargs="*", choices=TOWERS, default=TOWERS)
    parser.add_argument(
        "--compiled", nargs="*", choices=TOWERS, default=(), help="torch.compile as well"
    )
    parser.add_argument("--kernels", action="store_true", help="where the time of a picture goes")
    given = parser.parse_args()
    config = SMALL if given.small else ImageBindConfig.huge()
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as scratch:
        folder = given.weights or Path(scratch)
        if not (folder / "weights.json").exists():
            start = time.perf_counter()
            random_weights(folder, config, given.only)
            print(f"weights made in {time.perf_counter() - start:.0f} s", flush=True)
        run(Bench(folder, config, given.device, given.compiled), given)


def run(bench: Bench, given: argparse.Namespace) -> None:
    name = torch.cuda.get_device_name() if bench.device.type == "cuda" else "CPU"
    print(f"torch {torch.__version__}, {name}", flush=True)
    calls = [partial(bench.tower, case) for case in CASES if case.tower in given.only]
    if given.kernels:
        calls.append(partial(bench.kernels, CASES[0], min(128, bench.most)))
    for call in calls:
        try:
            call()
        except Exception:  # the next figures are still worth having
            traceback.print_exc()


if __name__ == "__main__":
    main()
