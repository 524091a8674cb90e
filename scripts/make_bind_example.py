"""Make the worked example of docs/new_modality.md: what a vibration sensor feels on machines.

    python scripts/make_bind_example.py FOLDER [--per-kind 60]

Every file is a simulation: six channels (acceleration and turn rate, three axes each) at 200 Hz for
10 s, with its own speed, strength, mounting direction and noise. A quarter of the machines, drawn
by number, is marked ``"split": "test"`` and described in words that no training file uses.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE_HZ = 200.0
SECONDS = 10.0
GRAVITY_M_S2 = 9.81
TEST_EVERY = 4

Doubles = npt.NDArray[np.float64]
TIMES_S: Doubles = np.arange(int(SECONDS * RATE_HZ)) / RATE_HZ


def turning(random: np.random.Generator, strength: float = 0.5) -> Doubles:
    """A rotor and two harmonics of it."""
    turns_hz = random.uniform(12, 40)
    phase = 2 * np.pi * turns_hz * TIMES_S
    return strength * sum(np.sin(n * phase + random.uniform(0, 6)) / n**2 for n in (1, 2, 3))


def ringing(
    random: np.random.Generator, hits_hz: float, ring_hz: float, strength: float
) -> Doubles:
    """Blows at a rate, each ringing out within some hundredths of a second."""
    since_s = np.mod(TIMES_S + random.uniform(0, 1), 1 / hits_hz)
    return strength * np.exp(-since_s * 60) * np.sin(2 * np.pi * ring_hz * since_s)


def smooth(random: np.random.Generator) -> Doubles:
    return turning(random, random.uniform(0.3, 0.8))


def unbalanced(random: np.random.Generator) -> Doubles:
    return random.uniform(5, 12) * np.sin(2 * np.pi * random.uniform(12, 40) * TIMES_S)


def worn_bearing(random: np.random.Generator) -> Doubles:
    blows = ringing(random, random.uniform(30, 45), random.uniform(70, 95), random.uniform(4, 9))
    return turning(random) + blows


def hammering(random: np.random.Generator) -> Doubles:
    return ringing(random, random.uniform(5, 12), random.uniform(40, 60), random.uniform(25, 60))


def broken_tooth(random: np.random.Generator) -> Doubles:
    turns_hz, mesh_hz = random.uniform(2, 4), random.uniform(55, 75)
    mesh = 1.5 * np.sin(2 * np.pi * mesh_hz * TIMES_S)
    return mesh + ringing(random, turns_hz, mesh_hz, random.uniform(8, 15))


def switched_off(random: np.random.Generator) -> Doubles:
    return np.zeros_like(TIMES_S)


def starting(random: np.random.Generator) -> Doubles:
    hz = random.uniform(25, 45) * np.clip(TIMES_S / random.uniform(7, 10), 0, 1)
    return (hz / 12) * np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ)


def stopping(random: np.random.Generator) -> Doubles:
    return starting(random)[::-1]


def sloshing(random: np.random.Generator) -> Doubles:
    turns_hz = random.uniform(0.6, 1.2)
    swing = np.sin(2 * np.pi * turns_hz * TIMES_S)
    return random.uniform(2, 5) * swing * (1 + 0.5 * np.sin(2 * np.pi * turns_hz / 3 * TIMES_S))


#: Each kind of machine: what moves it, captions to learn from, and one to be asked with.
KINDS: dict[str, tuple[Callable[[np.random.Generator], Doubles], tuple[str, ...], str]] = {
    "smooth": (
        smooth,
        ("a motor running smoothly", "a machine in good order, humming evenly"),
        "a healthy motor running normally",
    ),
    "unbalanced": (
        unbalanced,
        ("a motor with an unbalanced rotor", "strong shaking because a fan is out of balance"),
        "an unbalanced fan that shakes",
    ),
    "bearing": (
        worn_bearing,
        ("a motor with a worn bearing", "a damaged ball bearing that rattles"),
        "a defective bearing",
    ),
    "hammer": (
        hammering,
        ("a hammer drill at work", "heavy blows of a jackhammer"),
        "hammering on a wall",
    ),
    "gear": (
        broken_tooth,
        ("a gearbox with a broken tooth", "gears grinding, one tooth is missing"),
        "a gear wheel with a damaged tooth",
    ),
    "off": (
        switched_off,
        ("a machine that is switched off", "nothing moves, everything stands still"),
        "a machine at rest",
    ),
    "start": (
        starting,
        ("a motor starting up", "an engine that speeds up"),
        "a machine being started",
    ),
    "stop": (
        stopping,
        ("a motor slowing down to a stop", "an engine that runs down and stops"),
        "a machine coming to a stop",
    ),
    "wash": (
        sloshing,
        ("a washing machine turning its drum slowly", "laundry tumbling in a drum"),
        "a tumble dryer with clothes in it",
    ),
}


def recording(move: Callable[[np.random.Generator], Doubles], seed: int) -> npt.NDArray[np.float32]:
    """float32 (2000, 6): acceleration in m/s2, gravity included, then turn rate in rad/s."""
    random = np.random.default_rng(seed)
    along = random.normal(size=3)
    along /= np.linalg.norm(along)
    down = random.normal((0, 0, 1), 0.2)
    accel = np.outer(move(random), along) + GRAVITY_M_S2 * down / np.linalg.norm(down)
    gyro = np.outer(move(random), random.normal(size=3)) * 0.05
    noise = random.uniform(0.02, 0.2)
    both = np.concatenate(
        [
            accel + random.normal(0, noise, accel.shape),
            gyro + random.normal(0, noise / 10, gyro.shape),
        ],
        axis=1,
    )
    return both.astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-kind", type=int, default=60, help="machines of each kind")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (kind, (move, captions, asked)) in enumerate(KINDS.items()):
        for machine in range(given.per_kind):
            is_test = machine % TEST_EVERY == 0
            name = f"{kind}-{machine:03}.npy"
            np.save(given.folder / name, recording(move, 1000 * number + machine))
            caption = asked if is_test else captions[machine % len(captions)]
            rows.append(
                {
                    "file_name": name,
                    "modality": "imu",
                    "imu_rate_hz": RATE_HZ,
                    "label": kind,
                    "caption": caption,
                    "split": "test" if is_test else "train",
                }
            )
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (given.folder / "metadata.jsonl").write_text(text, encoding="utf-8")
    print(f"{len(rows)} recordings of {len(KINDS)} kinds of machine in {given.folder}")


if __name__ == "__main__":
    main()
