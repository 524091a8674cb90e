"""What a child says is taken for what was asked, or for nonsense, and never for more."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.media import wire
from searchengine.media.outline import Outline
from searchengine.types import MediaInfo, Modality

PIXELS = np.zeros((6, 8, 3), np.uint8)
SOUND = np.zeros((2, 100), np.float32)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    ("modality", "values", "arrays"),
    [
        (Modality.IMAGE, [{}], []),
        (Modality.IMAGE, [{}, {}], [PIXELS, PIXELS]),
        (Modality.IMAGE, [], []),
        (Modality.IMAGE, [{}], [PIXELS[0]]),
        (Modality.IMAGE, [{}], [PIXELS[..., :2]]),
        (Modality.IMAGE, [{}], [PIXELS.astype(np.float32)]),
        (Modality.IMAGE, [None], [PIXELS]),
        (Modality.TEXT, [{}], [np.frombuffer(b"\xff\xfe", np.uint8)]),
        (Modality.AUDIO, [{}], [SOUND]),
        (Modality.AUDIO, [{"rate_hz": 0}], [SOUND]),
        (Modality.AUDIO, [{"rate_hz": float("nan")}], [SOUND]),
        (Modality.AUDIO, [{"rate_hz": "16000"}], [SOUND]),
        (Modality.AUDIO, [{"rate_hz": 16_000, "samples": 1}], [SOUND]),
        (Modality.AUDIO, [{"rate_hz": 16_000, "more": 1}], [SOUND]),
        (Modality.DEPTH, [{}], [SOUND, np.zeros((100, 2), bool)]),
        (Modality.THERMAL, [{"unit": "celsius"}], [SOUND]),
        (Modality.IMU, [{"rate_hz": 50}], [SOUND, SOUND]),
    ],
)
def test_media_that_were_not_asked_for_are_nonsense(
    modality: Modality, values: list[Any], arrays: list[npt.NDArray[Any]]
) -> None:
    with pytest.raises(wire.NONSENSE):
        wire.unpack_media(modality, 1, {"media": values}, arrays)


@given(st.text(st.characters(codec=None)))
def test_any_text_survives(text: str) -> None:
    message, arrays = wire.pack_media([text])
    assert wire.unpack_media(Modality.TEXT, 1, message, arrays) == [text]


@given(JSON, st.sampled_from(list(Modality)))
def test_any_json_is_an_outline_of_ours_or_nonsense(said: Any, modality: Modality) -> None:
    right = {"modality": modality, "mime_type": "x/y"}
    for message in (said, {"info": said, "spans": []}, {"info": right, "spans": said}):
        try:
            outline = wire.unpack_outline(modality, message)
        except wire.NONSENSE:
            continue
        assert outline.info == MediaInfo(modality, "x/y")
        json.dumps(wire.pack_outline(outline), allow_nan=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"modality": "audio"},
        {"mime_type": 3},
        {"duration_s": float("inf")},
        {"rate_hz": "25"},
        {"count": -1},
        {"has_sound": "no"},
        {"metadata": []},
        {"__class__": "Popen"},
    ],
)
def test_an_outline_of_another_file_or_of_another_kind_is_nonsense(wrong: dict[str, Any]) -> None:
    message = wire.pack_outline(Outline(MediaInfo(Modality.VIDEO, "video/mp4", 1.0), (None,)))
    assert wire.unpack_outline(Modality.VIDEO, message).info.duration_s == 1.0
    with pytest.raises(wire.NONSENSE):
        wire.unpack_outline(Modality.VIDEO, {**message, "info": {**message["info"], **wrong}})


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"not json",
        b"\xff",
        b"[" * 100_000,
        b"[{}, [], 3]",
        b"[[], []]",
        b'[{}, [["|O", [1]]]]',
        b'[{}, [["<f4", [-1]]]]',
        b'[{}, [["<f4", [1.5]]]]',
        b'[{}, [["<f4", [1000, 1000]]]]',
        b'[{}, [["<f4", [1000000000000, 1000000000000]]]]',
        b'[{}, [[["<f4"], [1]]]]',
        b"[" + b"9" * 10_000 + b", []]",
    ],
)
def test_a_header_that_is_none_is_nonsense(
    ends: tuple[socket.socket, socket.socket], header: bytes
) -> None:
    ours, theirs = ends
    theirs.sendall(struct.pack("<Q", len(header)) + header)
    with pytest.raises(wire.NONSENSE):
        wire.receive(ours, 1_000_000, time.monotonic() + 5)


def test_a_long_header_is_refused_before_it_is_read(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    theirs.sendall(struct.pack("<Q", wire.MAX_HEADER_BYTES + 1))
    with pytest.raises(wire.NONSENSE):
        wire.receive(ours, 1 << 62, time.monotonic() + 5)


def test_who_speaks_drop_by_drop_is_late_all_the_same(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    theirs.sendall(struct.pack("<Q", 100) + b"[")
    with pytest.raises(TimeoutError):
        wire.receive(ours, 1_000_000, time.monotonic() + 0.1)


def test_empty_and_strided_arrays_arrive_as_they_are(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    strided = np.arange(48, dtype=np.uint8).reshape(6, 8)[::2, ::-1]
    sent: list[npt.NDArray[Any]] = [np.zeros((0, 3), np.float32), strided]
    wire.send(theirs, {"said": np.float64(1.5)}, sent)
    message, got = wire.receive(ours, 1_000_000)
    assert message == {"said": 1.5}
    for one, other in zip(got, sent, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.flags.owndata and one.flags.writeable
