"""Video files to the frames that are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from searchengine.errors import DecodeError
from searchengine.media.containers import Recording, opened
from searchengine.media.image import MAX_PIXELS
from searchengine.types import Frames, Sampling, Span

#: Decoded frames held at once, which takes twice as much while they are joined; asking for
#: more is a mistake, not a long video.
MAX_FRAME_BYTES = 800_000_000

#: Frames a second assumed where a container does not say.
FALLBACK_RATE_HZ = 25.0


def read_frames(path: Path, span: Span | None = None, sampling: Sampling | None = None) -> Frames:
    """Decode the frames of ``span`` (seconds), or just ``sampling.frame_indices`` of the file.

    Frame ``i`` is the one shown at ``i / rate_hz`` (the average rate): where the rate varies,
    indices spread evenly in time all the same. Frames are made smaller on the way to
    ``short_side_px``, never larger, and turned as the container says. Decoding starts at the
    key frame before the first frame that is wanted. A frame that the file turns out not to
    have is stood in for by the last before it.

    Raises DecodeError when nothing can be decoded or the frames do not fit into memory.
    """
    sampling = sampling or Sampling()
    with opened(path, "video") as recording:
        stream = recording.stream
        _check_size(path, stream)
        rate_hz = frame_rate_hz(stream)
        half_s = 0.5 / rate_hz  # times are rounded: a frame counts from half a period before
        count = stream.frames or round(recording.length_s() * rate_hz)
        if sampling.frame_indices is None:
            found = _spanned(recording, span, half_s)
        else:
            wanted_s = [index / rate_hz for index in sampling.frame_indices]
            found = _nearest(recording, wanted_s, half_s)
        times, pixels = _kept(path, found, sampling.short_side_px)
    if not pixels:
        raise DecodeError(str(path), "no frame of that part can be decoded")
    return Frames(np.stack(pixels), np.array(times), rate_hz, max(count, len(set(times))))


def frame_rate_hz(stream: Any) -> float:
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return float(rate) if rate else FALLBACK_RATE_HZ


def _spanned(recording: Recording, span: Span | None, half_s: float) -> Iterator[tuple[float, Any]]:
    start_s, end_s = (span.start - half_s, span.end - half_s) if span else (0.0, float("inf"))
    for time_s, frame in recording.frames_from(start_s):
        if time_s >= end_s:
            return
        if time_s >= start_s:
            yield time_s, frame


def _nearest(
    recording: Recording, wanted_s: Sequence[float], half_s: float
) -> Iterator[tuple[float, Any]]:
    """For each wanted time the last frame until then, else the first there is."""
    remaining = iter(wanted_s)
    wanted = next(remaining, None)
    if wanted is None:
        return
    held = None
    for time_s, frame in recording.frames_from(wanted - half_s):
        while time_s > wanted + half_s:
            yield held or (time_s, frame)
            wanted = next(remaining, None)
            if wanted is None:
                return
        held = time_s, frame
    while held and wanted is not None:
        yield held
        wanted = next(remaining, None)


def _kept(
    path: Path, found: Iterable[tuple[float, Any]], short_side_px: int | None
) -> tuple[list[float], list[npt.NDArray[np.uint8]]]:
    """Times and pixels; all of the size of the first, and one frame repeated is one array."""
    times: list[float] = []
    pixels: list[npt.NDArray[np.uint8]] = []
    last, size = None, None
    for time_s, frame in found:
        _check_size(path, frame)
        size = size or _scaled(frame, short_side_px)
        pixels.append(pixels[-1] if frame is last else _pixels(frame, size))
        times.append(time_s)
        last = frame
        if pixels[0].nbytes * len(pixels) > MAX_FRAME_BYTES:
            raise DecodeError(
                str(path), f"its frames need more than {MAX_FRAME_BYTES // 10**6} MB; ask for less"
            )
    return times, pixels


def _check_size(path: Path, picture: Any) -> None:
    if picture.width * picture.height > MAX_PIXELS:
        raise DecodeError(str(path), f"{picture.width} x {picture.height} pixels is too large")


def _scaled(frame: Any, short_side_px: int | None) -> tuple[int, int]:
    width, height = frame.width, frame.height
    scale = min(1.0, (short_side_px or min(width, height)) / min(width, height))
    return round(width * scale), round(height * scale)


def _pixels(frame: Any, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    image = frame.to_ndarray(format="rgb24", width=size[0], height=size[1], interpolation="AREA")
    quarters = round(getattr(frame, "rotation", 0) / 90) % 4  # counter-clockwise, as rot90
    turned: npt.NDArray[np.uint8] = np.ascontiguousarray(np.rot90(image, k=quarters))
    return turned
