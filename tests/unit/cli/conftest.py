"""Values of the domain, and a terminal to show them on."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest

from searchengine.types import Hit, MediaItem, Modality, Segment, Span


class Terminal(io.StringIO):
    """A screen that remembers what it was sent."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What an action sends to a terminal of so many columns that knows colours."""

    def run(action: Callable[[], None], columns: int = 80) -> str:
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.delenv("NO_COLOR", raising=False)
        terminal = Terminal()
        with redirect_stdout(terminal), redirect_stderr(terminal):
            action()
        return terminal.getvalue()

    return run


@pytest.fixture
def make_hit() -> Callable[..., Hit]:
    def hit(
        path: str = "/media/rain.wav",
        rank: int = 1,
        modality: Modality = Modality.AUDIO,
        span: Span | None = None,
        **metadata: Any,
    ) -> Hit:
        item = MediaItem(7, path, modality, "audio/wav", 1000, 0, "ab" * 32, 12.0, metadata)
        return Hit(rank, 0.75, 0.25, item, Segment(70, 7, 0, modality, span))

    return hit
