"""Run as the sandbox's child: the real thing, but with decoders that a hostile file has won over.

What happens is told by the name of the file that is decoded.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from searchengine.errors import DecodeError
from searchengine.media import confined, wire
from searchengine.media.decode import Wanted, guarded
from searchengine.media.options import MediaOptions
from searchengine.types import Media, Modality

_decode, _answer = confined.decode, confined.answer


def decode(
    path: Path, modality: Modality, wanted: Sequence[Wanted], options: MediaOptions
) -> list[Media]:
    with guarded(path):
        match path.stem:
            case "hang":
                time.sleep(600)
            case "clutch":  # as a codec that hangs and never lets go of Python's lock
                ctypes.PyDLL(None).sleep(600)
            case "spin":
                while True:
                    pass
            case "eat":
                return [np.ones((60_000, 60_000, 3), np.uint8)]
            case "segfault":
                ctypes.string_at(0)
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                os._exit(7)
            case "write":
                with Path(f"{path}.out").open("wb") as file:
                    file.write(b"x" * 100)
            case "chatter":
                for stream in (1, 2):
                    os.write(stream, b"word " * 1_000_000)
            case "pid":
                return [str(os.getpid())]
            case "files":
                return [str([path.open("rb") for _ in range(1000)])]
            case "lost":
                raise DecodeError("elsewhere", "a reason")
    return _decode(path, modality, wanted, options)


def answer(request: wire.Message, memory_bytes: int) -> tuple[wire.Message, list[wire.Array]]:
    """What a decoder that has been taken over may say."""
    match Path(request["path"]).stem:
        case "lies":
            return {"media": [{"__class__": "Popen"}]}, [_PICTURE]
        case "object":
            return {"media": []}, [np.empty(0, object)]
        case "huge":
            return {"media": []}, [_Huge()]  # type: ignore[list-item]
    return _answer(request, memory_bytes)


_PICTURE = np.zeros((6, 8, 3), np.uint8)


class _Huge:
    """Says that it is a petabyte."""

    dtype, shape, size = np.dtype(np.uint8), (10**15,), 0


if __name__ == "__main__":
    confined.decode, confined.answer = decode, answer
    confined.main()
