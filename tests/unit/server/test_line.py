"""Those who wait for the same are served together, in order, and each gets its own answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from searchengine.server.line import Line
from searchengine.server.problems import Busy


class Counter:
    """Doubles numbers while its gate is open; a 13 fails, and notes who was served together."""

    def __init__(self) -> None:
        self.blocks: list[list[int]] = []
        self.begun, self.gate = threading.Event(), threading.Event()

    def __call__(self, collection: str, asked: Sequence[int]) -> Iterator[int]:
        self.blocks.append(list(asked))
        self.begun.set()
        assert self.gate.wait(60)
        for one in asked:
            if one == 13:
                raise ValueError("unlucky")
            yield 2 * one


async def behind(line: Line, work: Counter) -> asyncio.Task[list[int]]:
    """One that is being served, so that all others wait."""
    first = asyncio.create_task(line.ask(work, "default", [0]))
    while not work.begun.is_set():
        await asyncio.sleep(0.001)
    return first


async def waiting(line: Line, count: int) -> None:
    while line.waiting != count:
        await asyncio.sleep(0.001)


def test_who_waited_is_served_together_and_in_order() -> None:
    async def story() -> None:
        line, work = Line(4, 100), Counter()
        first = await behind(line, work)
        asked = [[1], [2, 3], [4, 5], [6], [7, 8, 9, 10, 11]]
        others = [asyncio.create_task(line.ask(work, "default", one)) for one in asked]
        await waiting(line, 11)
        work.gate.set()
        assert await asyncio.gather(first, *others) == [[0], *([2 * n for n in o] for o in asked)]
        assert work.blocks == [[0], [1, 2, 3, 6], [4, 5], [7, 8, 9, 10, 11]]
        line.close()

    asyncio.run(story())


def test_only_what_is_alike_is_served_together() -> None:
    async def story() -> None:
        line, work, other = Line(9, 100), Counter(), Counter()
        first = await behind(line, work)
        kinds: list[tuple[Any, str]] = [(work, "default"), (work, "photos"), (other, "default")]
        tasks = [
            asyncio.create_task(line.ask(*kind, [number])) for number in (1, 2) for kind in kinds
        ]
        await waiting(line, 6)
        work.gate.set()
        other.gate.set()
        assert await asyncio.gather(first, *tasks) == [[0], [2], [2], [2], [4], [4], [4]]
        assert (work.blocks, other.blocks) == ([[0], [1, 2], [1, 2]], [[1, 2]])
        line.close()

    asyncio.run(story())


def test_a_failure_reaches_only_its_caller() -> None:
    async def story() -> None:
        line, work = Line(9, 100), Counter()
        first = await behind(line, work)
        others = [asyncio.create_task(line.ask(work, "default", [n])) for n in (12, 13, 14)]
        await waiting(line, 3)
        work.gate.set()
        said = await asyncio.gather(first, *others, return_exceptions=True)
        assert [said[0], said[1], said[3]] == [[0], [24], [28]]
        assert isinstance(said[2], ValueError)
        line.close()

    asyncio.run(story())


def test_who_goes_away_leaves_the_line_and_is_not_served() -> None:
    async def story() -> None:
        line, work = Line(9, 3), Counter()
        first = await behind(line, work)
        others = [asyncio.create_task(line.ask(work, "default", [n])) for n in (1, 2, 3)]
        await waiting(line, 3)
        others[1].cancel()
        first.cancel()
        await waiting(line, 2)
        others[1] = asyncio.create_task(line.ask(work, "default", [4]))  # its place is free
        await waiting(line, 3)
        work.gate.set()
        assert await asyncio.gather(*others) == [[2], [8], [6]]
        assert first.cancelled() and work.blocks == [[0], [1, 3, 4]]
        line.close()

    asyncio.run(story())


def test_past_the_bound_is_refused_at_once_and_a_large_call_waits_alone() -> None:
    async def story() -> None:
        line, work = Line(9, 2), Counter()
        first = await behind(line, work)
        large = asyncio.create_task(line.ask(work, "default", [1, 2, 3]))
        await waiting(line, 3)
        with pytest.raises(Busy):
            await line.ask(work, "default", [4])
        work.gate.set()
        assert await asyncio.gather(first, large) == [[0], [2, 4, 6]]
        assert await line.ask(work, "default", [5]) == [10]
        line.close()
        with pytest.raises(Busy):
            await line.ask(work, "default", [6])

    asyncio.run(story())
