"""A server in this process, over a small library of texts and one picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from PIL import Image

from searchengine.engine import Engine
from searchengine.server.app import create_app
from searchengine.server.house import ServerSettings

BASE = "/v1/collections/default"
WORDS = ("dogs bark at night", "rain falls on the roof", "a horse crosses a river")


def make_library(folder: Path) -> Path:
    """Three texts and a picture, indexed by ``starter`` into ``folder/library``."""
    media = folder / "media"
    media.mkdir(parents=True)
    for number, words in enumerate(WORDS):
        (media / f"{number}.txt").write_text(words)
    Image.new("RGB", (32, 32), "green").save(media / "green.png")
    with Engine(folder / "library", encoder="starter") as engine:
        assert not engine.index([media], workers=1).failures
    return folder / "library"


@contextmanager
def serving(library: Path, **settings: Any) -> Iterator[TestClient]:
    """A client of a server that is ready."""
    app = create_app(ServerSettings(library, **settings))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        assert app.state.ready.wait(60)
        yield client
