"""Is the starter fast? Its graphs beside the same networks in torch, and a cold query.

    python scripts/bench_starter.py [--rounds N]          # one item of each kind, weights loaded
    python scripts/bench_starter.py --cold [--rounds N]   # whole processes, on the demo's library

An item is prepared from decoded media, as a query's is. Both sides get the same prepared input, in
turn, in one process, torch with half of its threads; figures are medians. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from searchengine.demo import corpus
from searchengine.encoders.starter import Starter
from searchengine.types import (
    DepthMap,
    ImuRecording,
    Media,
    Modality,
    ThermalImage,
    ThermalUnit,
    Waveform,
)

#: What is asked of a fresh process, from the folder of the demo's corpus.
COLD = {
    "words": ["horses"],
    "sound": ["--audio", "sounds/meow.wav"],
    "picture": ["--image", "photos/german_shepherd.jpg"],
    "infrared": ["--thermal", "thermal/crowd.png"],
    "depth": ["--depth", "depth/bed.png"],
    "motion": ["--imu", "motion/run.csv"],
}


def items() -> dict[str, tuple[Modality, Media]]:
    """One of each kind, of the size that people have; noise costs what pictures cost."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (480, 640, 3), dtype=np.uint8)
    metres = random.uniform(0.5, 4, (480, 640)).astype(np.float32)
    motion = random.normal(size=(2, 1_000, 3)).astype(np.float32)
    sound = random.normal(size=(2, 5 * 44_100)).astype(np.float32) * 0.1
    frame = random.random((512, 640), np.float32)
    return {
        "a short text": (Modality.TEXT, "a dog on a beach"),
        "a text of 128 pieces": (Modality.TEXT, "a dog on a beach " * 40),
        "a picture of 640 x 480": (Modality.IMAGE, pixels),
        "5 s of stereo sound": (Modality.AUDIO, Waveform(sound, 44_100)),
        "a depth map of 640 x 480": (Modality.DEPTH, DepthMap(metres, metres < 3.5)),
        "an infrared frame": (Modality.THERMAL, ThermalImage(frame, ThermalUnit.RELATIVE)),
        "10 s of motion": (Modality.IMU, ImuRecording(motion[0], motion[1], 100.0)),
    }


def warm(rounds: int) -> None:
    starter, plain = Starter(), networks()
    for name, (modality, media) in items().items():
        prepared = starter.preprocess(media, modality)
        calls: dict[str, Callable[[], Any]] = {
            "prepare": partial(starter.preprocess, media, modality),
            "encode": partial(starter.encode, [prepared], modality),
        }
        if modality in plain:
            calls["torch"] = partial(plain[modality], prepared)
        took = {what: seconds * 1e3 for what, seconds in in_turn(calls, rounds).items()}
        whole = took["prepare"] + took["encode"]
        line = f"{name:24} {whole:6.1f} ms: prepared in {took['prepare']:.1f}"
        if "torch" in took:
            ratio = took["torch"] / took["encode"]
            line += f", encoded in {took['encode']:.1f}"
            line += f", by torch in {took['torch']:.1f}: {ratio:.1f} x"
        print(line, flush=True)


def networks() -> dict[Modality, Callable[[Any], Any]]:
    """The same networks by torch, eager."""
    import starter_networks as plain
    import torch

    from searchengine.models.starter import audio, depth, imu

    torch.set_num_threads(max(1, torch.get_num_threads() // 2))  # with all it waits for decoders
    made = {
        Modality.IMAGE: plain.load_pictures("lite2"),
        Modality.AUDIO: plain.load_ours(plain.AudioNet(), audio.WEIGHTS),
        Modality.DEPTH: plain.load_ours(plain.DepthNet(), depth.WEIGHTS),
        Modality.THERMAL: plain.Infrared(),
        Modality.IMU: plain.load_ours(plain.ImuNet(), imu.WEIGHTS),
    }

    def run(network: Any, prepared: Any) -> Any:
        with torch.inference_mode():
            return network(torch.from_numpy(prepared))

    return {modality: partial(run, network) for modality, network in made.items()}


def in_turn(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each call, all called once a round."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 2):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if number >= 2:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def cold(rounds: int) -> None:
    """Processes that ask one thing, one after the other."""
    with tempfile.TemporaryDirectory(prefix="bench-starter-") as library:
        program = [sys.executable, "-m", "searchengine", "--library", library]
        run(program, ["index", ".", "--encoder", "starter"])
        asked = {name: partial(run, program, ["query", *what]) for name, what in COLD.items()}
        asked["torch alone"] = partial(run, [sys.executable, "-c"], ["import torch"])
        for name, seconds in in_turn(asked, rounds).items():
            print(f"{name:12} {seconds:5.2f} s")


def run(program: list[str], arguments: list[str]) -> None:
    subprocess.run([*program, *arguments], cwd=corpus(), check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cold", action="store_true", help="time whole processes")
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    cold(given.rounds) if given.cold else warm(given.rounds)


if __name__ == "__main__":
    main()
