"""Previews of files, drawn when somebody asks for them, and kept."""

from __future__ import annotations

from pathlib import Path

from searchengine.media.sandbox import Sandbox
from searchengine.server.previews.cache import MOST_BYTES, Cache
from searchengine.server.previews.kinds import Kind, draw
from searchengine.server.previews.sheet import Preview
from searchengine.server.previews.source import Source

#: A folder of the library; what is in it can be drawn again.
PREVIEWS = "previews"

#: Files decoded at once: a page of hits asks for twenty, and queries need the processors too.
WORKERS = 2


class Gallery:
    """Decodes in processes of its own, so that no query waits for a picture. Threads share it."""

    def __init__(self, library: Path, most_bytes: int = MOST_BYTES) -> None:
        self._cache = Cache(library / PREVIEWS, most_bytes)
        self._sandbox = Sandbox(WORKERS)

    def close(self) -> None:
        self._sandbox.close()

    def kept(self, key: str, source: Source, kind: Kind, size_px: int) -> Preview:
        """From disk when it was drawn before under that ``key``. Raises MediaError."""
        found = self._cache.get(key)
        if found is None:
            found = self.drawn(source, kind, size_px)
            self._cache.put(key, found)
        return found

    def drawn(self, source: Source, kind: Kind, size_px: int) -> Preview:
        """Drawn anew, and not kept. Raises MediaError."""
        return draw(source.read(self._sandbox, kind, size_px), kind, size_px, source.start_s)
