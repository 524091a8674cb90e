"""Video files to the frames that are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from searchengine.errors import DecodeError
from searchengine.media.image import MAX_PIXELS
from searchengine.types import Frames, Sampling, Span

#: Decoded frames held at once; asking for more is a mistake, not a long video.
MAX_FRAME_BYTES = 1_000_000_000

#: Frames a second assumed where a container does not say.
FALLBACK_RATE_HZ = 25.0


def read_frames(path: Path, span: Span | None = None, sampling: Sampling | None = None) -> Frames:
    """Decode the frames of ``span`` (seconds), or just ``sampling.frame_indices`` of the file.

    Frames are made smaller on the way to ``short_side_px``, never larger, and turned as the
    container says. Decoding starts at the key frame before the first frame that is wanted. A
    frame that the file turns out not to have is stood in for by the last before it.

    Raises DecodeError when nothing can be decoded or the frames do not fit into memory.
    """
    sampling = sampling or Sampling()
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise DecodeError(str(path), "no picture in it")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            return _read(path, container, stream, span, sampling)
    except (OSError, ValueError, av.FFmpegError) as error:
        raise DecodeError(str(path), f"not a readable video ({error})") from error


def frame_rate_hz(stream: Any) -> float:
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return float(rate) if rate else FALLBACK_RATE_HZ


def duration_s(container: Any, stream: Any) -> float | None:
    """What the stream says, else the container; None when neither knows."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _read(path: Path, container: Any, stream: Any, span: Span | None, sampling: Sampling) -> Frames:
    if stream.width * stream.height > MAX_PIXELS:
        raise DecodeError(str(path), f"{stream.width} x {stream.height} pixels is too large")
    rate_hz = frame_rate_hz(stream)
    wanted_s = _wanted_times(span, sampling, rate_hz)
    first_s = float(wanted_s[0]) if wanted_s is not None else (span.start if span else 0.0)
    end_s = span.end if span else float("inf")
    half_s = 0.5 / rate_hz  # a frame is shown from half a period before its time in our count
    pixels: list[npt.NDArray[np.uint8]] = []
    times: list[float] = []
    held: tuple[float, Any] | None = None
    position = 0
    for time_s, frame in _frames(container, stream, first_s - half_s):
        if wanted_s is None:
            if time_s >= end_s - half_s:
                break
            if time_s >= first_s - half_s:
                _keep(path, pixels, times, time_s, frame, sampling)
            continue
        while position < len(wanted_s) and time_s > wanted_s[position] + half_s:
            _keep(path, pixels, times, *(held or (time_s, frame)), sampling)
            position += 1
        held = (time_s, frame)
        if position == len(wanted_s):
            break
    if wanted_s is not None and held is not None:
        for _ in range(position, len(wanted_s)):
            _keep(path, pixels, times, *held, sampling)
    if not pixels:
        raise DecodeError(str(path), "no frame of that part can be decoded")
    count = stream.frames or round((duration_s(container, stream) or 0.0) * rate_hz)
    return Frames(np.stack(pixels), np.array(times), rate_hz, max(count, len(pixels)))


def _wanted_times(
    span: Span | None, sampling: Sampling, rate_hz: float
) -> npt.NDArray[np.float64] | None:
    if sampling.frame_indices is None:
        return None
    if not sampling.frame_indices:
        raise ValueError("no frames asked for")
    return np.array(sampling.frame_indices, np.float64) / rate_hz


def _frames(container: Any, stream: Any, from_s: float) -> Iterator[tuple[float, Any]]:
    """Frames with their times from the start of the file, from the key frame before ``from_s``."""
    origin = (stream.start_time or 0) * (stream.time_base or Fraction(1, 1000))
    if from_s > 0 and stream.time_base is not None:
        container.seek(int((Fraction(from_s) + origin) / stream.time_base), stream=stream)
    for frame in container.decode(stream):
        if frame.time is not None:
            yield frame.time - float(origin), frame


def _keep(
    path: Path,
    pixels: list[npt.NDArray[np.uint8]],
    times: list[float],
    time_s: float,
    frame: Any,
    sampling: Sampling,
) -> None:
    if times and times[-1] == time_s and sampling.frame_indices is not None:
        pixels.append(pixels[-1])
    else:
        pixels.append(_pixels(frame, sampling.short_side_px))
    times.append(time_s)
    if pixels[0].nbytes * len(pixels) > MAX_FRAME_BYTES:
        raise DecodeError(
            str(path), f"its frames need more than {MAX_FRAME_BYTES // 10**9} GB; cut it shorter"
        )


def _pixels(frame: Any, short_side_px: int | None) -> npt.NDArray[np.uint8]:
    scale = min(1.0, (short_side_px or frame.height) / min(frame.width, frame.height))
    if short_side_px is None:
        scale = 1.0
    size = {"width": round(frame.width * scale), "height": round(frame.height * scale)}
    image = frame.reformat(format="rgb24", interpolation="AREA", **size).to_ndarray()
    quarters = round(getattr(frame, "rotation", 0) / 90) % 4  # counter-clockwise, as rot90
    turned: npt.NDArray[np.uint8] = np.ascontiguousarray(np.rot90(image, k=quarters))
    return turned
