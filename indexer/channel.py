"""Bounded queues between the stages of a run, so that they overlap and memory stays bounded."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")
S = TypeVar("S")

#: How long the threads of an interrupted run may take: a batch of an encoder. One that is still
#: in native code when the interpreter ends takes the process down.
ENDING_S = 10.0


class Source(Generic[T]):
    """What a stage reads from: here, straight from an iterator in the same thread."""

    def __init__(self, items: Iterable[T]) -> None:
        self._items = iter(items)

    def __iter__(self) -> Iterator[T]:
        return self._items

    def take(self, most: int) -> list[T]:
        """Up to ``most`` items; empty only at the end."""
        return list(islice(self._items, most))

    def stop(self) -> None:
        """Nobody will read any more."""

    def join(self) -> None:
        """Wait, within reason, until the threads that fill it have ended."""


class Channel(Source[T]):
    """A source that threads fill while another reads. An error in a thread reaches the reader."""

    def __init__(self, capacity: int) -> None:
        self._queue: deque[T] = deque()
        self._capacity = capacity
        self._changed = threading.Condition()
        self._producers = 0
        self._threads: list[threading.Thread] = []
        self._error: BaseException | None = None
        self._stopped = False

    def fill(self, produce: Callable[[], Iterable[T]]) -> None:
        """Start a thread that puts everything ``produce()`` gives."""
        self._producers += 1
        thread = threading.Thread(target=self._run, args=(produce,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def __iter__(self) -> Iterator[T]:
        while items := self.take(1):
            yield items[0]

    def take(self, most: int) -> list[T]:
        """What is waiting, up to ``most``; blocks only while nothing is."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._error or not self._producers)
            if self._error:
                raise self._error
            items = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
            self._changed.notify_all()
        return items

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def join(self) -> None:
        end = time.monotonic() + ENDING_S
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self, produce: Callable[[], Iterable[T]]) -> None:
        try:
            for item in produce():
                if not self._put(item):
                    break
        except BaseException as error:
            with self._changed:
                self._error = error
        finally:
            with self._changed:
                self._producers -= 1
                self._changed.notify_all()

    def _put(self, item: T) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._queue) < self._capacity)
            if not self._stopped:
                self._queue.append(item)
                self._changed.notify_all()
            return not self._stopped


def ahead(items: Iterable[T], capacity: int, *, threads: bool) -> Source[T]:
    """Read ``items`` in a thread, at most ``capacity`` ahead of the reader."""
    if not threads:
        return Source(items)
    channel: Channel[T] = Channel(capacity)
    channel.fill(lambda: items)
    return channel


def spread(
    work: Callable[[S], Iterable[T]], items: Iterable[S], capacity: int, workers: int
) -> Source[T]:
    """Do ``work`` on each item in ``workers`` threads (0: the reader's); results as they come."""
    if workers == 0:
        return Source(result for item in items for result in work(item))
    channel: Channel[T] = Channel(capacity)
    shared = _Shared(items)
    for _ in range(workers):
        channel.fill(lambda: (result for item in shared for result in work(item)))
    return channel


class _Shared(Generic[S]):
    """An iterator that several threads may read."""

    def __init__(self, items: Iterable[S]) -> None:
        self._items = iter(items)
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[S]:
        return self

    def __next__(self) -> S:
        with self._lock:
            return next(self._items)
