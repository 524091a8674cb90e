"""What a request is about, for as long as somebody waits for its answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from searchengine.errors import SearchEngineError

_errand: ContextVar[Errand | None] = ContextVar("errand", default=None)


class GivenUp(SearchEngineError):
    """Nobody waits for the answer any more: it took too long, or the client went away."""


class Errand:
    """Shared by the event loop, which may give it up, and the threads that work on it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: list[Callable[[], object]] = []
        self._given_up = False

    @contextmanager
    def current(self) -> Iterator[None]:
        """What is begun within, tasks and threads, is done for this errand."""
        token = _errand.set(self)
        try:
            yield
        finally:
            _errand.reset(token)

    def give_up(self) -> None:
        """Stop all that waits for it."""
        with self._lock:
            self._given_up = True
            stops, self._stops = self._stops, []
        for stop in stops:
            stop()

    def check(self) -> None:
        """Raises GivenUp."""
        if self._given_up:
            raise GivenUp("nobody waits for the answer any more")

    @contextmanager
    def stopping(self, stop: Callable[[], object]) -> Iterator[None]:
        """Have ``stop`` called, from any thread, when it is given up meanwhile. Raises GivenUp."""
        with self._lock:
            self.check()
            self._stops.append(stop)
        try:
            yield
        finally:
            with self._lock:
                if stop in self._stops:
                    self._stops.remove(stop)


def errand() -> Errand:
    """The one of this thread or task; one that nobody gives up outside of a request."""
    return _errand.get() or Errand()
