"""Depth maps, infrared frames and motion recordings of the demo corpus, drawn and simulated.

Nothing here is a recording: no real ones were found whose licence lets them be passed on with the
program. A frame is what a drone's infrared camera might give of grass and a road by night; a motion
is made of steps, sways and turns (train_starter_imu.py).
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from render_depth import render
from train_starter_imu import SIMULATIONS, Doubles, Random

from searchengine.models.starter.imu import RATE_HZ, WINDOW

SIZE_PX = (320, 256)
GROUND_K, WARM_K = 283.0, 12.0
#: Kelvin of one unit of a frame, as radiometric cameras write them.
THERMAL_SCALE_K = 0.01
STANDARD_GRAVITY_M_S2 = 9.80665
COLUMNS = [f"{sensor}_{axis}_{unit}" for sensor, unit in (("accel", "m_s2"), ("gyro", "rad_s"))
           for axis in "xyz"]  # fmt: skip


def write_depth(path: Path, kind: str, seed: int) -> None:
    """A 16-bit map in millimetres, 0 where nothing was measured, as Kinect writes them."""
    depth = render(kind, np.random.default_rng(seed))
    Image.fromarray((depth.metres * 1000).astype(np.uint16)).save(path, optimize=True)


def write_thermal(path: Path, kind: str, seed: int) -> None:
    """A 16-bit frame in hundredths of a kelvin."""
    random = np.random.default_rng(seed)
    canvas = Image.new("F", SIZE_PX, 0)
    FRAMES[kind](ImageDraw.Draw(canvas), random)
    warmth = ground(random) + blurred(np.asarray(canvas, np.float64))
    warmth += 0.02 * random.standard_normal(warmth.shape)
    counts = ((GROUND_K + WARM_K * warmth) / THERMAL_SCALE_K).astype(np.uint16)
    Image.fromarray(counts).save(path, optimize=True)


def blurred(warmth: Doubles) -> Doubles:
    """A lens's softness: each pixel with its neighbours."""
    padded = np.pad(warmth, 1, mode="edge")
    rows = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    soft: Doubles = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
    return soft


def ground(random: Random) -> Doubles:
    """Grass in patches of all sizes, and a road that has kept the sun's warmth."""
    width, height = SIZE_PX
    patches = np.zeros((height, width))
    for cells in (3, 8, 24):
        coarse = Image.fromarray(random.standard_normal((cells, cells)).astype(np.float32))
        patches += np.asarray(coarse.resize(SIZE_PX, Image.Resampling.BICUBIC)) / cells
    across = np.arange(width) - width * random.uniform(0.3, 0.7)
    down = (np.arange(height) - height / 2)[:, None]
    distance = np.abs(across + down * random.uniform(-0.5, 0.5))
    return 0.12 * patches + 0.15 / (1 + np.exp((distance - 45) / 2))


def people(canvas: ImageDraw.ImageDraw, random: Random) -> None:
    for _ in range(random.integers(8, 22)):
        x, y = random.uniform(10, 310), random.uniform(10, 240)
        tall, warm = random.uniform(7, 11), random.uniform(0.55, 1.0)
        canvas.ellipse((x - tall / 5, y, x + tall / 5, y + tall), fill=warm)
        canvas.ellipse((x - tall / 8, y - tall / 5, x + tall / 8, y + tall / 10), fill=warm)


def cars(canvas: ImageDraw.ImageDraw, random: Random) -> None:
    """In rows, as they are parked: bonnets warm, windows cold as the sky they mirror."""
    for row in range(random.integers(2, 4)):
        y, warm = 40 + 75 * row + random.uniform(-8, 8), random.uniform(0.2, 0.45)
        for x in range(20, 300, 24):
            if random.random() < 0.75:
                left = x + random.uniform(-2, 2)
                long = random.uniform(32, 36)
                canvas.rounded_rectangle((left, y, left + 15, y + long), 4, fill=warm)
                canvas.rectangle((left + 2, y + 8, left + 13, y + 12), fill=-0.3)
                canvas.rectangle((left + 3, y + long - 9, left + 12, y + long - 6), fill=-0.3)
                canvas.rectangle(
                    (left + 3, y + 2, left + 12, y + 6), fill=warm + random.uniform(0, 0.5)
                )


def nothing(canvas: ImageDraw.ImageDraw, random: Random) -> None:
    """Grass and a road."""


FRAMES: dict[str, Callable[[ImageDraw.ImageDraw, Random], None]] = {
    "people": people,
    "cars": cars,
    "nothing": nothing,
}


def write_motion(path: Path, kind: str, seed: int) -> None:
    """Ten seconds of a motion as a csv in m/s^2 and rad/s."""
    random = np.random.default_rng(seed)
    seconds = np.arange(4 * WINDOW) / RATE_HZ
    readings = SIMULATIONS[kind](seconds, random, 1.0)
    readings = readings + 0.005 * random.standard_normal(readings.shape)
    scaled = readings * np.array([[STANDARD_GRAVITY_M_S2]] * 3 + [[1.0]] * 3)
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["time_s", *COLUMNS])
        table.writerows(rounded(seconds, scaled))


def rounded(seconds: Doubles, readings: Doubles) -> list[list[str]]:
    return [
        [f"{at:.2f}", *(f"{value:.3f}" for value in row)]
        for at, row in zip(seconds, readings.T, strict=True)
    ]
