"""What many requests ask, answered together by one thread."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from searchengine.server import metrics
from searchengine.server.problems import Busy

One = TypeVar("One")
Answer = TypeVar("Answer")

#: Answers, in order, what is asked of one collection.
Work: TypeAlias = Callable[[str, Sequence[One]], Iterable[Answer]]


@dataclass(slots=True, eq=False)
class _Call:
    work: Work[Any, Any]
    collection: str
    asked: Sequence[Any]
    answer: Future[list[Any]] = field(default_factory=Future)

    def is_like(self, other: _Call) -> bool:
        return (self.work, self.collection) == (other.work, other.collection)


class Line:
    """Whoever came while its thread was busy is served next, all alike ones together, the oldest
    first, at most ``together`` at once. Nobody waits for others to come.

    ``waiting`` is how many may wait; a call of more goes in when nobody else does.
    """

    def __init__(self, together: int, waiting: int) -> None:
        self._together = together
        self._most = waiting
        self._calls: deque[_Call] = deque()
        self._changed = threading.Condition()
        self._open = True
        threading.Thread(target=self._serve, name="line", daemon=True).start()

    async def ask(
        self, work: Work[One, Answer], collection: str, asked: Sequence[One]
    ) -> list[Answer]:
        """What ``work`` says of each of ``asked``; who is cancelled leaves the line.

        Raises what ``work`` raises, and Busy at once when too many wait or it is closed.
        """
        call = _Call(work, collection, asked)
        self._add(call)
        return await asyncio.wrap_future(call.answer)

    @property
    def waiting(self) -> int:
        """How much was asked that nobody has begun to answer."""
        with self._changed:
            return self._waiting()

    def close(self) -> None:
        """Let the thread end when all that waits is done."""
        with self._changed:
            self._open = False
            self._changed.notify()

    def _add(self, call: _Call) -> None:
        with self._changed:
            if not self._open:
                raise Busy("the server is going down")
            waiting = self._waiting()
            if waiting and waiting + len(call.asked) > self._most:
                raise Busy("too many requests wait for an answer; try again in a moment")
            self._calls.append(call)
            self._changed.notify()

    def _waiting(self) -> int:
        for call in [call for call in self._calls if call.answer.cancelled()]:
            self._calls.remove(call)
        return sum(len(call.asked) for call in self._calls)

    def _serve(self) -> None:
        while calls := self._next():
            _answer([call for call in calls if call.answer.set_running_or_notify_cancel()])

    def _next(self) -> list[_Call]:
        """The oldest call and others like it; none when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._calls or not self._open)
            chosen: list[_Call] = []
            size = 0
            for call in list(self._calls):
                size += len(call.asked)
                if chosen and (size > self._together or not call.is_like(chosen[0])):
                    size -= len(call.asked)
                    continue
                chosen.append(call)
                self._calls.remove(call)
            return chosen


def _answer(calls: Sequence[_Call]) -> None:
    """All at once, each as soon as its own is there; when that fails one by one, so that only
    the bad ones fail."""
    if not calls:
        return
    first, left = calls[0], deque(calls)
    asked = [one for call in calls for one in call.asked]
    metrics.answered(len(asked))
    try:
        answers = iter(first.work(first.collection, asked))
        while left:
            left[0].answer.set_result(list(islice(answers, len(left[0].asked))))
            left.popleft()
    except Exception as error:
        for call in left if len(calls) > 1 else ():
            _answer([call])
        if len(calls) == 1:
            first.answer.set_exception(error)
