"""What the sandbox and its children say to each other: a JSON header, then raw arrays.

Nothing is ever unpickled, and nothing a child says is believed before it is checked: a child
may have been taken over by the file it decodes. There is no shared memory: a picture of 10 MB is
through the socket in 2 to 4 ms, and takes a JPEG decoder 65 at the least.
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

#: The media that are records; text is str and a picture is its pixels.
RECORDS: dict[Modality, type[Any]] = {
    Modality.VIDEO: Frames,
    Modality.AUDIO: Waveform,
    Modality.DEPTH: DepthMap,
    Modality.THERMAL: ThermalImage,
    Modality.IMU: ImuRecording,
}

#: The arrays of one medium in the order of its fields: kind and bytes of a number, then sides.
#: Sides of one letter are equal, a digit is a length. Text is its UTF-8.
ARRAYS: dict[Modality, dict[str, tuple[str, str]]] = {
    Modality.TEXT: {"text": ("u1", "n")},
    Modality.IMAGE: {"pixels": ("u1", "hw3")},
    Modality.VIDEO: {"pixels": ("u1", "thw3"), "times_s": ("f8", "t")},
    Modality.AUDIO: {"samples": ("f4", "cn")},
    Modality.DEPTH: {"metres": ("f4", "hw"), "valid": ("b1", "hw")},
    Modality.THERMAL: {"values": ("f4", "hw")},
    Modality.IMU: {"accel_m_s2": ("f4", "n3"), "gyro_rad_s": ("f4", "n3")},
}

#: The JSON of the longest outline and its metadata takes a tenth of this. More is an attack:
#: parsed, JSON can grow to thirty times its size.
MAX_HEADER_BYTES = 64_000_000

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
    """Read one message, with at most ``most_bytes`` of arrays.

    ``deadline`` is on the monotonic clock. Raises EOFError when the other side is gone,
    TimeoutError, or one of ``NONSENSE``.
    """
    (length,) = _LENGTH.unpack(_read(channel, _LENGTH.size, deadline))
    _check(length <= MAX_HEADER_BYTES)
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
    """The numbers of each medium as JSON, and its arrays in order."""
    messages: list[Message] = []
    arrays: list[Array] = []
    for one in media:
        values: Message = {}
        if isinstance(one, str):
            arrays.append(np.frombuffer(one.encode("utf-8", "surrogatepass"), np.uint8))
        elif isinstance(one, np.ndarray):
            arrays.append(one)
        else:
            values = {field.name: getattr(one, field.name) for field in fields(one)}
            names = [name for name, value in values.items() if isinstance(value, np.ndarray)]
            arrays += [values.pop(name) for name in names]
        messages.append(values)
    return {"media": messages}, arrays


def unpack_media(
    modality: Modality, count: int, message: Message, arrays: Sequence[Array]
) -> list[Media]:
    """The ``count`` media of ``modality`` that were asked for, or one of ``NONSENSE``."""
    messages, wanted = message["media"], ARRAYS[modality]
    _check(len(messages) == count and len(arrays) == count * len(wanted))
    remaining = iter(arrays)
    return [
        _unpack_one(modality, values, {name: next(remaining) for name in wanted})
        for values in messages
    ]


def _unpack_one(modality: Modality, values: Message, arrays: dict[str, Array]) -> Media:
    _check_arrays(modality, arrays)
    _check(modality in RECORDS or values == {})
    if modality is Modality.TEXT:
        return arrays["text"].tobytes().decode("utf-8", "surrogatepass")
    if modality is Modality.IMAGE:
        pixels: Array = arrays["pixels"]
        return pixels
    unit = {"unit": ThermalUnit(values.pop("unit"))} if modality is Modality.THERMAL else {}
    _check(all(_is_amount(value) and value > 0 for value in values.values()))
    media: Media = RECORDS[modality](**arrays, **values, **unit)
    return media


def _check_arrays(modality: Modality, arrays: dict[str, Array]) -> None:
    lengths: dict[str, int] = {}
    for name, (kind, sides) in ARRAYS[modality].items():
        array = arrays[name]
        _check(f"{array.dtype.kind}{array.dtype.itemsize}" == kind)
        for length, side in zip(array.shape, sides, strict=True):
            _check(length == lengths.setdefault(side, int(side) if side.isdigit() else length))


def pack_outline(outline: Outline) -> Message:
    info = {field.name: getattr(outline.info, field.name) for field in fields(outline.info)}
    return {"info": info, "spans": [pack_span(span) for span in outline.spans]}


def unpack_outline(modality: Modality, message: Message) -> Outline:
    """The outline of a file of ``modality``, or one of ``NONSENSE``."""
    info = MediaInfo(**{**message["info"], "modality": Modality(message["info"]["modality"])})
    _check(info.modality is modality and isinstance(info.mime_type, str))
    _check(isinstance(info.metadata, dict) and isinstance(info.has_sound, bool))
    for amount in (info.duration_s, info.rate_hz, info.count):
        _check(amount is None or _is_amount(amount))
    spans = tuple(unpack_span(span) for span in message["spans"])
    _check(all(span is None or _is_amount(span.start, span.end) for span in spans))
    return Outline(info, spans)


def _is_amount(*values: Any) -> bool:
    return all(isinstance(value, int | float) and 0 <= value < math.inf for value in values)


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
