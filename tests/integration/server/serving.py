"""A server in this process, over a small library of texts and one picture."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import soundfile
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from searchengine.engine import Engine
from searchengine.server.app import create_app
from searchengine.server.house import ServerSettings
from searchengine.server.serving import Protocol, Server
from searchengine.types import Modality
from tests.hash_encoder import HashEncoder

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


def make_hash_library(folder: Path, encoder: HashEncoder) -> Path:
    """As ``make_library``, and a sound; encoded by hashes, so that little time goes by."""
    media = folder / "media"
    media.mkdir(parents=True)
    for number, words in enumerate(WORDS):
        (media / f"{number}.txt").write_text(words)
    Image.new("RGB", (32, 32), "green").save(media / "green.png")
    soundfile.write(media / "noise.wav", np.random.default_rng(0).normal(size=8_000) / 9, 8_000)
    with Engine(folder / "library", encoder=encoder) as engine:
        assert not engine.index([media], workers=1).failures
    return folder / "library"


@contextmanager
def hashing(encoder: HashEncoder) -> Iterator[None]:
    """Every encoder that is loaded is this one."""
    with patch("searchengine.encoders.registry.load", lambda name, device="auto": encoder):
        yield


@contextmanager
def listening(app: FastAPI, **config: Any) -> Iterator[str]:
    """The URL of the app on a real socket, served by a thread of this process."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        settings = uvicorn.Config(app, http=Protocol, ws="none", log_level="warning", **config)
        server = Server(app, settings)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([door])))
        thread.start()
        try:
            assert app.state.ready.wait(60)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(60)


class Gated(HashEncoder):
    """A hash encoder that encodes nothing while the gate is shut; counts what waits at it."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()

    def encode(self, batch: Any, modality: Modality) -> Any:
        self.begun.set()
        assert self.gate.wait(60)
        return super().encode(batch, modality)


def until(true: Any) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
