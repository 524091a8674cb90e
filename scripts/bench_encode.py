"""Is ImageBind fast? Our encoder beside the plain way: float32, one item a call, whole texts.

    python scripts/bench_encode.py                      # random weights of the released size
    python scripts/bench_encode.py --weights FOLDER     # prepared weights, kept or made there
    python scripts/bench_encode.py --only cold load     # process start, memory; no towers compared

Both sides take the same prepared inputs, in turn, in one process; figures are medians. Random
weights take 7.2 GB of disk. Nothing here is a test. For GPUs there is ``bench_gpu.py``.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from random_weights import random_weights
from torch import Tensor

from searchengine.encoders.imagebind import TOWERS as TOWER_OF
from searchengine.encoders.imagebind import ImageBindEncoder
from searchengine.models.imagebind import ImageBind, ImageBindConfig
from searchengine.models.imagebind.checkpoint import load_tower
from searchengine.models.imagebind.options import Options
from searchengine.models.imagebind.towers import Towers
from searchengine.models.imagebind.weights import installed
from searchengine.types import Modality

HUGE = ImageBindConfig.huge()

#: Shape of one input of each modality, and the batches that are timed.
INPUTS = {
    Modality.TEXT: ((77,), (1, 16)),
    Modality.IMAGE: ((3, 224, 224), (1, 8)),
    Modality.AUDIO: ((3, 1, 128, 204), (1, 8)),
    Modality.DEPTH: ((1, 224, 224), (1, 8)),
    Modality.THERMAL: ((1, 224, 224), (1, 8)),
    Modality.IMU: ((6, 2000), (1, 8)),
}

TEXTS = [
    "a photo of a dog",
    "the sound of rain on a tin roof",
    "two people walking along a beach at sunset",
    "a car engine that does not start",
]


def inputs(encoder: ImageBindEncoder, modality: Modality, count: int) -> list[Any]:
    """Prepared inputs, of which text is real and everything else noise."""
    if modality is Modality.TEXT:
        return [encoder.preprocess(TEXTS[i % len(TEXTS)], modality) for i in range(count)]
    shape = INPUTS[modality][0]
    shape = shape if modality is Modality.AUDIO else (1, *shape)
    random = np.random.default_rng(0)
    return [random.normal(size=shape).astype(np.float32) for _ in range(count)]


def plainly(model: ImageBind, modality: Modality, prepared: Sequence[Any]) -> np.ndarray:
    """float32, one by one, of a text all 77 tokens."""
    tower = TOWER_OF.get(modality, modality.value)
    vectors = []
    with torch.inference_mode():
        for one in prepared:
            x = torch.from_numpy(one)
            vector = _whole_text(model, x[None]) if tower == "text" else _one(model, tower, x)
            vectors.append(torch.nn.functional.normalize(vector, dim=-1)[0].numpy())
    return np.stack(vectors)


def _one(model: ImageBind, tower: str, x: Tensor) -> Tensor:
    return model(tower, x[None] if len(x) > 1 else x)


def _whole_text(model: ImageBind, ids: Tensor) -> Tensor:
    """What the text tower does, without leaving out what follows the end."""
    tokens = model.modality_trunks["text"](model.modality_preprocessors["text"](ids), causal=True)
    last = tokens[torch.arange(len(ids)), ids.argmax(dim=-1)]
    projected: Tensor = model.modality_heads["text"](last)
    return projected


def in_turn(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each call, all called once a round."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def compare(folder: Path, modality: Modality, rounds: int, precisions: Sequence[str]) -> None:
    """One tower at a time, so that all copies fit in memory."""
    encoders = {
        name: ImageBindEncoder(folder, config=HUGE, device="cpu", options=Options(precision=name))
        for name in precisions
    }
    plain = load_tower(folder, TOWER_OF.get(modality, modality.value), HUGE)
    for count in INPUTS[modality][1]:
        prepared = inputs(encoders[precisions[0]], modality, count)
        sides: dict[str, Callable[[], Any]] = {
            name: partial(encoder.encode, prepared, modality) for name, encoder in encoders.items()
        }
        right = plainly(plain, modality, prepared)
        least = {name: float((right * side()).sum(axis=1).min()) for name, side in sides.items()}
        took = in_turn({"plain": partial(plainly, plain, modality, prepared), **sides}, rounds)
        print(f"{modality:8} {count:3}  plain {took['plain'] * 1e3:6.0f} ms", end="")
        for name in precisions:
            ratio = took["plain"] / took[name]
            print(f"   {name} {took[name] * 1e3:6.0f} ms {ratio:5.1f} x {least[name]:.5f}", end="")
        print(flush=True)


COLD = """
import json, resource, sys, time
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e9
import torch
base, start = resident(), time.perf_counter()
"""

FIRST_TEXT = """
from pathlib import Path
from searchengine.encoders.imagebind import ImageBindEncoder
from searchengine.types import Modality
encoder = ImageBindEncoder(Path(sys.argv[1]), device="cpu")
encoder.encode([encoder.preprocess("a photo of a dog", Modality.TEXT)], Modality.TEXT)
"""

ALL_TOWERS = """
from pathlib import Path
from searchengine.models.imagebind.checkpoint import load_tower
from searchengine.models.imagebind.config import TOWERS
begun = time.perf_counter()
kept = [load_tower(Path(sys.argv[1]), tower, precision="bf16") for tower in TOWERS]
print(f"  of that, loading {time.perf_counter() - begun:.2f} s", file=sys.stderr)
"""

SAID = "print(json.dumps([time.perf_counter() - start, resident() - base]))"


def in_new_process(what: str, script: str, folder: Path, rounds: int) -> None:
    """Median seconds and resident gigabytes, beyond those of importing torch."""
    command = [sys.executable, "-c", COLD + script + SAID, str(folder)]
    runs = [json.loads(subprocess.check_output(command)) for _ in range(rounds)]
    seconds, gigabytes = (statistics.median(values) for values in zip(*runs, strict=True))
    print(f"{what}: {seconds:.2f} s, {gigabytes:.2f} GB resident, beyond importing torch")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, help="prepared weights; made there if need be")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precisions", nargs="*", default=["auto"], help="ours: auto int8 bf16")
    parser.add_argument("--only", nargs="*", help="modalities, or: cold load")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-encode-") as scratch:
        folder = given.weights or Path(scratch)
        if not installed(folder):
            random_weights(folder, HUGE)
        run(folder, given)


def run(folder: Path, given: argparse.Namespace) -> None:
    rounds, only = given.rounds, given.only
    towers = Towers(folder, HUGE, "cpu")
    print(
        f"torch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads, "
        f"{towers.device}, {towers.precision}"
    )
    for modality in INPUTS:
        if not only or modality in only:
            compare(folder, modality, rounds, given.precisions)
    if not only or "cold" in only:
        in_new_process("first text", FIRST_TEXT, folder, rounds)
    if not only or "load" in only:
        in_new_process("all towers mapped", ALL_TOWERS, folder, rounds)


if __name__ == "__main__":
    main()
