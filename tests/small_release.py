"""A published checkpoint in small, with random weights, and a server to fetch it from."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch

from searchengine.models.imagebind import ImageBind, ImageBindConfig
from searchengine.models.imagebind.config import TOWERS
from searchengine.models.imagebind.release import Release

SMALL = ImageBindConfig(
    out_embed_dim=16,
    **{f"{tower}_embed_dim": 16 for tower in TOWERS},
    **{f"{tower}_num_blocks": 1 for tower in TOWERS},
    **{f"{tower}_num_heads": 2 for tower in TOWERS},
)


def small_state(seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights under the published names, the causal mask included."""
    torch.manual_seed(seed)
    mask = {"modality_preprocessors.text.mask": torch.zeros(77, 77)}
    return {**ImageBind(SMALL).state_dict(), **mask}


def release_of(path: Path, url: str = "http://localhost:1/small.pth") -> Release:
    """``path`` as if it had been published."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return Release("small", url, len(data), digest, "CC-BY-NC-SA-4.0", "https://licence", SMALL)


@dataclass
class Server:
    """What ``data`` is served as at ``url``, and what was asked of it.

    ``drop_after`` ends each connection after so many bytes of its answer, ``ranges`` False knows
    no parts; the first ``failures`` are answered with 503.
    """

    data: bytes
    url: str = ""
    drop_after: int | None = None
    ranges: bool = True
    says_length: bool = True
    status: int | None = None
    failures: int = 0
    asked: list[str | None] = field(default_factory=list)
    sent_bytes: int = 0


@contextmanager
def serving(data: bytes) -> Iterator[Server]:
    """A real HTTP server on this machine."""
    server = Server(data)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(server, self)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_port}/small.pth"
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def _answer(server: Server, request: BaseHTTPRequestHandler) -> None:
    wanted = request.headers.get("Range")
    server.asked.append(wanted)
    if server.failures:
        server.failures -= 1
        request.send_error(503)
        return
    if server.status:
        request.send_error(server.status)
        return
    start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
    body = server.data[start:]
    request.send_response(206 if start else 200)
    if start:
        whole = len(server.data)
        request.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
    if server.says_length:
        request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    sent = body if server.drop_after is None else body[: server.drop_after]
    server.sent_bytes += len(sent)
    request.wfile.write(sent)
