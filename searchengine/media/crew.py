"""The sandbox's processes: lent one call at a time, replaced when worn or dead."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator

from searchengine.errors import SearchEngineError
from searchengine.media.child import Child, Limits

#: A child this many calls from its end has its successor started, so that nobody waits for it.
WARNING_CALLS = 20


class Crew:
    """Up to ``size`` children, each started when there is nothing idle to lend."""

    def __init__(self, size: int, limits: Limits) -> None:
        self._limits = limits
        self._idle: queue.LifoQueue[Child | None] = queue.LifoQueue()  # the warmest first
        for _ in range(size):
            self._idle.put(None)  # a place where no child is
        self._successors: list[Child] = []
        self._children: set[Child] = set()
        self._lock = threading.Lock()
        self._closed = False

    @contextlib.contextmanager
    def lent(self) -> Iterator[Child]:
        """Waits for a free child. Raises SearchEngineError once the crew is closed."""
        child = self._idle.get()
        try:
            if child is not None and not child.is_running():
                child.dispose()  # killed while it was idle: no file is to blame
            if child is None or not child.alive:
                child = self._successor() or self._start()
            yield child
        except Exception:
            if self._closed:
                raise SearchEngineError("the sandbox was closed while it was decoding") from None
            raise
        finally:
            self._idle.put(self._kept(child))
            if self._closed:
                self._dispose_idle()

    def close(self) -> None:
        """Children that are busy are killed; who borrowed them cleans up."""
        with self._lock:
            self._closed = True
            for child in self._children:
                child.kill()
        self._dispose_idle()

    def _start(self) -> Child:
        try:
            child = Child(self._limits)
        except OSError as error:
            raise SearchEngineError(f"no decoding process can be started ({error})") from error
        with self._lock:
            self._children = {other for other in self._children if other.alive} | {child}
            closed = self._closed
        if closed:
            child.dispose()
            raise SearchEngineError("the sandbox is closed")
        return child

    def _kept(self, child: Child | None) -> Child | None:
        """The child if it can go on. Never raises, or its place would be lost."""
        if child is None or not child.alive:
            return None
        if child.calls == max(self._limits.calls - WARNING_CALLS, 1) and not self._closed:
            with contextlib.suppress(SearchEngineError):  # told to who finds no child
                self._successors.append(self._start())
        if child.calls < self._limits.calls:
            return child
        child.dispose()
        return None

    def _successor(self) -> Child | None:
        """Taken for the dead as for the worn, so that there are never more than places."""
        while self._successors:
            with contextlib.suppress(IndexError):  # another thread was faster
                child = self._successors.pop()
                if child.is_running():
                    return child
                child.dispose()
        return None

    def _dispose_idle(self) -> None:
        """Leaves the places, so that those who wait for one learn that all is closed."""
        children = list(self._successors)
        with contextlib.suppress(queue.Empty):
            while True:
                child = self._idle.get_nowait()
                children += [child] if child else []
        for child in children:
            child.dispose()
        self._idle.put(None)
