"""Makes small real videos, each frame of a brightness that tells its number."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

STEP = 6  # brightness between neighbouring frames, far above what a codec loses


def film(
    path: Path,
    frames: int = 30,
    rate_hz: int = 10,
    size: tuple[int, int] = (64, 48),
    *,
    sound: bool = False,
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate_hz)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.bit_rate = 2_000_000
        track = container.add_stream("aac", rate=16_000) if sound else None
        for number in range(frames):
            pixels = np.full((size[1], size[0], 3), 20 + number * STEP % 220, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if track:
            _sing(container, track, frames / rate_hz)
    return path


def _sing(container: av.container.OutputContainer, track: av.AudioStream, seconds: float) -> None:
    time_s = np.arange(int(seconds * 16_000)) / 16_000
    wave = (0.5 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)[None]
    frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
    frame.sample_rate = 16_000
    container.mux(track.encode(frame))
    container.mux(track.encode())


def numbers(pixels: np.ndarray) -> list[int]:
    """Which frames these are, by their brightness."""
    return [round((float(frame.mean()) - 20) / STEP) for frame in pixels]
