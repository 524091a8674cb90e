"""What the sandbox and its children say to each other: a JSON header, then raw arrays.

Nothing is ever unpickled, and nothing a child says is believed before it is checked: a child
may have been taken over by the file it decodes.
"""

from __future__ import annotations

import json
import math
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from searchengine.media.decode import Wanted
from searchengine.media.options import MediaOptions
from searchengine.media.outline import Outline
from searchengine.types import (
    DepthMap,
    Frames,
    ImuRecording,
    Media,
    MediaInfo,
    Modality,
    Sampling,
    Span,
    SpanUnit,
    ThermalImage,
    ThermalUnit,
    Waveform,
)

Array: TypeAlias = npt.NDArray[Any]
Message: TypeAlias = dict[str, Any]

#: Media that are records of arrays and numbers, by name.
RECORDS = {kind.__name__: kind for kind in (Waveform, Frames, DepthMap, ThermalImage, ImuRecording)}

#: Types of array that occur in media, as numpy spells them.
DTYPES = frozenset({"|u1", "|b1", "<f4", "<f8", ">f4", ">f8"})

#: What a message that is not one of ours raises when it is taken apart.
NONSENSE = (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError)

_LENGTH = struct.Struct("<Q")


def send(channel: socket.socket, message: Message, arrays: Sequence[Array] = ()) -> None:
    """Write one message; ``receive`` gives it back."""
    shapes = [(array.dtype.str, array.shape) for array in arrays]
    header = json.dumps([message, shapes], default=_number).encode()
    channel.sendall(_LENGTH.pack(len(header)) + header)
    for array in arrays:
        if array.size:
            channel.sendall(_bytes(np.ascontiguousarray(array)))


def receive(
    channel: socket.socket, most_bytes: int, deadline: float | None = None
) -> tuple[Message, list[Array]]:
    """Read one message of at most ``most_bytes``, until ``deadline`` on the monotonic clock.

    Raises EOFError when the other side is gone, TimeoutError, or one of ``NONSENSE``.
    """
    (length,) = _LENGTH.unpack(_read(channel, _LENGTH.size, deadline))
    _check(length <= most_bytes)
    message, shapes = json.loads(_read(channel, length, deadline))
    _check(isinstance(message, dict))
    for dtype, shape in shapes:
        _check(dtype in DTYPES and all(isinstance(side, int) and side >= 0 for side in shape))
    sizes = [np.dtype(dtype).itemsize * math.prod(shape) for dtype, shape in shapes]
    _check(sum(sizes) <= most_bytes)
    arrays = [np.empty(shape, dtype) for dtype, shape in shapes]
    for array in arrays:
        if array.size:
            _fill(channel, _bytes(array), deadline)
    return message, arrays


def pack_media(media: Iterable[Media]) -> tuple[Message, list[Array]]:
    """Media as JSON and the arrays that are left out of it, in order."""
    messages: list[Message] = []
    arrays: list[Array] = []
    for one in media:
        if isinstance(one, str):
            messages.append({"text": one})
        elif isinstance(one, np.ndarray):
            messages.append({"arrays": ["pixels"]})
            arrays.append(one)
        else:
            values = {field.name: getattr(one, field.name) for field in fields(one)}
            names = [name for name, value in values.items() if isinstance(value, np.ndarray)]
            arrays += [values.pop(name) for name in names]
            messages.append({"kind": type(one).__name__, "values": values, "arrays": names})
    return {"media": messages}, arrays


def unpack_media(message: Message, arrays: Iterable[Array]) -> list[Media]:
    remaining = iter(arrays)
    return [_unpack_one(one, remaining) for one in message["media"]]


def _unpack_one(message: Message, arrays: Iterable[Array]) -> Media:
    if "text" in message:
        return str(message["text"])
    found: dict[str, Array] = dict(zip(message["arrays"], arrays, strict=False))
    _check(len(found) == len(message["arrays"]))
    if "kind" not in message:
        pixels: Array = found["pixels"]
        return pixels
    values = message["values"]
    if "unit" in values:
        values["unit"] = ThermalUnit(values["unit"])
    record: type[Any] = RECORDS[message["kind"]]
    media: Media = record(**found, **values)
    return media


def pack_outline(outline: Outline) -> Message:
    info = {field.name: getattr(outline.info, field.name) for field in fields(outline.info)}
    return {"info": info, "spans": [pack_span(span) for span in outline.spans]}


def unpack_outline(message: Message) -> Outline:
    info = message["info"]
    info["modality"] = Modality(info["modality"])
    return Outline(MediaInfo(**info), tuple(unpack_span(span) for span in message["spans"]))


def pack_span(span: Span | None) -> list[Any] | None:
    return [span.start, span.end, span.unit] if span else None


def unpack_span(message: Sequence[Any] | None) -> Span | None:
    return Span(message[0], message[1], SpanUnit(message[2])) if message else None


def pack_wanted(wanted: Wanted) -> Message:
    return {
        "span": pack_span(wanted.span),
        "short_side_px": wanted.sampling.short_side_px,
        "frame_indices": wanted.sampling.frame_indices,
    }


def unpack_wanted(message: Message) -> Wanted:
    indices = message["frame_indices"]
    sampling = Sampling(message["short_side_px"], None if indices is None else tuple(indices))
    return Wanted(unpack_span(message["span"]), sampling)


def unpack_options(message: Message) -> MediaOptions:
    columns = tuple((ours, theirs) for ours, theirs in message["imu_columns"])
    return MediaOptions(**{**message, "imu_columns": columns})


def _read(channel: socket.socket, length: int, deadline: float | None) -> bytearray:
    data = bytearray(length)
    _fill(channel, memoryview(data), deadline)
    return data


def _fill(channel: socket.socket, view: memoryview, deadline: float | None) -> None:
    while view:
        if deadline is not None:
            channel.settimeout(max(deadline - time.monotonic(), 1e-3))
        got = channel.recv_into(view)
        if got == 0:
            raise EOFError
        view = view[got:]
        if deadline is not None and view and time.monotonic() > deadline:
            raise TimeoutError


def _bytes(array: Array) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _check(sound: bool) -> None:
    if not sound:
        raise ValueError("not a message of ours")


def _number(value: Any) -> Any:
    """numpy's numbers, which JSON does not know."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be sent")
