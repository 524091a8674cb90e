"""Searches of many requests, answered together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from searchengine.encoders.encoder import Encoder
from searchengine.engine import Engine
from searchengine.errors import SearchEngineError
from searchengine.query.ahead import Ahead
from searchengine.query.check import check_query
from searchengine.query.embed import embed_media
from searchengine.query.parse import build_query
from searchengine.server.answers import written
from searchengine.server.house import DECODERS, House
from searchengine.server.limits import Threads
from searchengine.server.line import Line, Work
from searchengine.server.problems import Problem, problem_of
from searchengine.server.reading import Asked, parts_of
from searchengine.server.results import result_document
from searchengine.types import Modality, Query, QueryPart, SearchResult

#: Queries that are answered together, and that may wait. More together cost little less each, but
#: their clients would all be answered, and ask again, at once, and keep the event loop busy.
TOGETHER, WAITING = 16, 128

#: Requests whose files may wait to be decoded.
READ_WAITING = 32

#: JSON, or why there is none.
Answer: TypeAlias = bytes | Problem


class Asking:
    """Two lines, so that nobody with words waits for the files of others to be encoded; files are
    decoded before they stand in theirs. Embedding waits in the same lines as searching."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._reading = Threads(DECODERS, READ_WAITING, "their files to be read")
        self._words, self._files = Line(TOGETHER, WAITING), Line(TOGETHER, WAITING)

    async def search(self, collection: str, asked: Sequence[Asked]) -> list[Answer]:
        """Raises what would be everybody's answer: Busy, CollectionNotFound and the like."""
        return await self._ask(self._found, collection, asked)

    async def embed(self, collection: str, asked: Asked) -> Answer:
        """Of the only part of it. Raises as ``search`` does."""
        (answer,) = await self._ask(self._embedded, collection, [asked])
        return answer

    @property
    def waiting(self) -> int:
        """Queries that nobody has begun to answer."""
        return self._words.waiting + self._files.waiting

    def close(self) -> None:
        self._words.close()
        self._files.close()

    async def _ask(
        self, work: Work[Asked, Answer], collection: str, asked: Sequence[Asked]
    ) -> list[Answer]:
        if not self._house.has_engine(collection):  # the line need not wait until it is loaded
            await run_in_threadpool(self._house.engine, collection)
        if not any(one.search.has_files for one in asked):
            return await self._words.ask(work, collection, asked)
        await self._reading.run(lambda: self._read(collection, asked))
        return await self._files.ask(work, collection, asked)

    def _read(self, collection: str, asked: Sequence[Asked]) -> None:
        """Decode the files."""
        engine = self._house.engine(collection)
        for one in asked:
            if one.search.has_files:
                one.parts = _parts(one, engine)

    def _found(self, collection: str, asked: Sequence[Asked]) -> Iterator[Answer]:
        engine = self._house.engine(collection)
        queries = [_query(one, engine) for one in asked]
        found = engine.answer_all([one for one in queries if isinstance(one, Query)])
        results = [next(found) if isinstance(one, Query) else one for one in queries]
        said = engine.passages([*_texts(results)])
        for one, result in zip(asked, results, strict=True):
            if isinstance(result, SearchResult):
                yield written(result_document(collection, result, one.search, said))
            else:
                yield result if isinstance(result, Problem) else problem_of(result)

    def _embedded(self, collection: str, asked: Sequence[Asked]) -> Iterator[Answer]:
        engine = self._house.engine(collection)
        read = [_parts(one, engine) for one in asked]
        good = [Query(tuple(parts)) for parts in read if not isinstance(parts, Problem)]
        encoder = Ahead(engine.encoder(), good)
        for parts in read:
            yield parts if isinstance(parts, Problem) else _embedding(parts[0], encoder)


def _query(asked: Asked, engine: Engine) -> Query | Problem:
    parts = _parts(asked, engine)
    if isinstance(parts, Problem):
        return parts
    try:
        query = build_query(parts, **asked.search.how())
        check_query(query)
        return query
    except SearchEngineError as error:
        return problem_of(error)


def _parts(asked: Asked, engine: Engine) -> Sequence[QueryPart] | Problem:
    """Those that were read before, or read now."""
    if asked.parts is not None:
        return asked.parts
    try:
        return parts_of(asked, engine)
    except Problem as problem:
        return problem
    except SearchEngineError as error:
        return problem_of(error)


def _embedding(part: QueryPart, encoder: Encoder) -> Answer:
    try:
        vector = embed_media(part, encoder)
    except SearchEngineError as error:
        return problem_of(error)
    about = {"dim": len(vector), "encoder": encoder.identity, "modality": part.modality}
    return written({"embedding": vector.tolist(), **about})


def _texts(results: Iterable[object]) -> Iterator[int]:
    """The segments of texts among all hits."""
    for result in results:
        for hit in result if isinstance(result, SearchResult) else ():
            if hit.segment.modality is Modality.TEXT:
                yield hit.segment.id


def asking_of(request: Request) -> Asking:
    """Of the app that serves this request."""
    asking = request.app.state.asking
    assert isinstance(asking, Asking)
    return asking
