"""Previews that were drawn before, on disk, up to a number of bytes."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from searchengine.server.previews.sheet import Preview

log = logging.getLogger(__name__)

#: Some 25,000 previews of the usual size.
MOST_BYTES = 512 * 1024 * 1024

#: When it is full, the least recently seen go until this share is left.
_KEPT = 0.9

_SUFFIX = ".webp"


def key_of(*parts: object) -> str:
    """What a preview depends on, as a name for it: 32 hexadecimal digits."""
    said = "\0".join(map(str, parts))
    return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()[:32]


class Cache:
    """Pictures by key in ``folder``, which may be removed at any time. Threads may share one.

    A file's time of modification is when it was last asked for. A full or write-protected disk
    keeps nothing and harms nothing.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._size_bytes: int | None = None
        self._lock = threading.Lock()

    def get(self, key: str) -> Preview | None:
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return Preview(content) if content else None

    def put(self, key: str, preview: Preview) -> None:
        """Whole or not at all, also when the process is killed meanwhile."""
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                file.write(preview.content)
            Path(file.name).replace(path)
        except OSError as error:
            log.warning("%s: %s; previews are not kept", self._folder, error.strerror or error)
            return
        self._note(len(preview.content))

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}{_SUFFIX}"

    def _note(self, added_bytes: int) -> None:
        with self._lock:
            if self._size_bytes is None:
                self._size_bytes = sum(size for _, size, _ in self._files())
            else:
                self._size_bytes += added_bytes
            if self._size_bytes > self._most_bytes:
                self._size_bytes = self._shrink()

    def _shrink(self) -> int:
        """Remove the least recently seen; returns the bytes that are left."""
        files = sorted(self._files())
        left = sum(size for _, size, _ in files)
        for _, size, path in files:
            if left <= _KEPT * self._most_bytes:
                break
            with contextlib.suppress(OSError):
                path.unlink()
                left -= size
        return left

    def _files(self) -> Iterator[tuple[int, int, Path]]:
        """When it was last seen, its bytes, its path; half-written ones of a kill too."""
        for path in self._folder.glob("??/*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                yield status.st_mtime_ns, status.st_size, path
