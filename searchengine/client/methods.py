"""What can be done with a server: each method once, as steps, for both clients.

Names, keywords and results are those of ``Engine``; a test compares them.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from searchengine.client import answers
from searchengine.client.parts import Parts, parts_of
from searchengine.client.problems import error_of
from searchengine.client.steps import Call, Pause, Steps, method
from searchengine.client.trying import answer_of
from searchengine.errors import QueryError, SearchEngineError, ServerError, StoreError
from searchengine.media.files import check_file
from searchengine.query.given import Given, given_query
from searchengine.types import (
    Background,
    Collection,
    CollectionStatus,
    EncoderInfo,
    Facets,
    FloatArray,
    IndexReport,
    MediaItem,
    Modality,
    Progress,
    SearchResult,
    Segment,
)

if TYPE_CHECKING:
    from searchengine.media.outline import Cutting

#: How often a job is looked at; its worker says something every second.
LOOK_S = 0.5

#: Items that are asked for at once.
PAGE = 1_000

#: Queries of a batch that a server takes at once.
TOGETHER = 100


class Methods:
    """Of one collection. What goes wrong is raised as an Engine would; what is the server's own
    trouble is a ServerError."""

    def __init__(self, server: str, collection: str, retries: int) -> None:
        self._server = server
        self._here = f"/v1/collections/{quote(collection, safe='')}"
        self._name = collection
        self._retries = retries

    # -- asking

    def _search(
        self,
        /,
        *,
        like: int | Sequence[int] | None = None,
        not_like: int | Sequence[int] | None = None,
        weights: Mapping[str, float] | None = None,
        negative: Mapping[str, Given] | None = None,
        targets: Sequence[str] | None = None,
        k: int = 10,
        offset: int = 0,
        filter: str | None = None,
        path: str | None = None,
        group_by: str = "item",
        score: str = "calibrated",
        mode: str = "sum",
        min_score: float | None = None,
        exact: bool = False,
        explain: bool = False,
        hybrid: bool = False,
        dedup: float | bool | None = None,
        diverse: float | bool | None = None,
        **parts: Given,
    ) -> Steps[SearchResult]:
        """See ``Engine.search``. Files are of this machine, and sent; media that is decoded
        already cannot be."""
        how = {
            "targets": list(targets) if targets else None,
            "k": k,
            "offset": offset,
            "filter": filter,
            "path": path,
            "group_by": group_by,
            "score": score,
            "mode": mode,
            "min_score": min_score,
            "exact": exact,
            "explain": explain,
            "hybrid": hybrid,
            "dedup": dedup,
            "diverse": diverse,
        }
        asked = parts_of(parts, weights, negative, like, not_like)
        return answers.result((yield from self._ask("search", asked, how)))

    search = method(_search)

    @method
    def similar(self, /, item_id: int, *, k: int = 10, **how: Any) -> Steps[SearchResult]:
        """See ``Engine.similar``."""
        return (yield from self._search(like=item_id, k=k, **how))

    def _block(self, queries: Sequence[Any]) -> Steps[list[SearchResult | SearchEngineError]]:
        """An answer for each of at most ``TOGETHER`` queries, or its error. Those of words and
        items go together; one with files is a request of its own, which is read from disk."""
        found: dict[int, SearchResult | SearchEngineError] = {}
        together: dict[int, dict[str, Any]] = {}
        for number, given in enumerate(queries):
            try:
                asked, how = _asked(given)
                if asked.files:
                    found[number] = answers.result((yield from self._ask("search", asked, how)))
                else:
                    together[number] = {"query": asked.query, **how}
            except (ServerError, StoreError):  # of no one query
                raise
            except SearchEngineError as error:
                found[number] = error
        if together:
            body = {"queries": list(together.values())}
            call = Call("POST", f"{self._here}/search:batch", body=body, repeatable=True)
            results = (yield from self._json(call))["results"]
            found |= zip(together, map(self._answer, results), strict=True)
        return [found[number] for number in range(len(queries))]

    def _answer(self, document: Mapping[str, Any]) -> SearchResult | SearchEngineError:
        """One of a batch."""
        if "hits" in document:
            return answers.result(document)
        return error_of(self._server, int(document["status"]), document, {})

    @method
    def embed(self, /, **part: Given) -> Steps[FloatArray]:
        """See ``Engine.embed``."""
        if len(part) != 1:
            raise QueryError("embed takes exactly one part, such as image='x.jpg'")
        asked = parts_of(part)
        return answers.vector((yield from self._ask("embed", asked, {})))

    # -- looking

    @method
    def items(
        self, *, filter: str | None = None, path: str | None = None, after: int = 0, limit: int = 50
    ) -> Steps[list[MediaItem]]:
        """See ``Engine.items``; more than a thousand are asked for a page at a time."""
        found: list[MediaItem] = []
        while limit > 0:
            params = {"after": after, "limit": min(limit, PAGE)} | _given(filter=filter, path=path)
            page = yield from self._get("/items", params)
            found += map(answers.item, page["items"])
            limit -= len(page["items"])
            if page["next"] is None:
                break
            after = page["next"]
        return found

    @method
    def show(self, item_id: int) -> Steps[tuple[MediaItem, tuple[Segment, ...]]]:
        """See ``Engine.show``."""
        document = yield from self._get(f"/items/{item_id}")
        return answers.item(document), answers.segments(document)

    @method
    def facets(self, *, filter: str | None = None) -> Steps[Facets]:
        """See ``Engine.facets``."""
        return answers.facets((yield from self._get("/facets", _given(filter=filter))))

    @method
    def roots(self) -> Steps[tuple[str, ...]]:
        """See ``Engine.roots``."""
        return tuple((yield from self._get(""))["roots"])

    @method
    def calibration(self) -> Steps[tuple[Background, ...]]:
        """See ``Engine.calibration``."""
        return tuple(map(answers.background, (yield from self._get("/calibration"))["pairs"]))

    @method
    def status(self) -> Steps[tuple[CollectionStatus, ...]]:
        """See ``Engine.status``."""
        found = yield from self._json(Call("GET", "/v1/collections", repeatable=True))
        return tuple(map(answers.collection_status, found["collections"]))

    @method
    def models(self) -> Steps[tuple[EncoderInfo, ...]]:
        """Encoders that the server knows, with the licences of their weights."""
        found = yield from self._json(Call("GET", "/v1/models", repeatable=True))
        return tuple(map(answers.model, found["models"]))

    # -- changing

    @method
    def index(
        self,
        paths: Sequence[str | Path],
        *,
        modality: Modality | str | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        prune: bool = False,
        workers: int | None = None,
        cutting: Cutting | None = None,
        soundtrack: bool = True,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> Steps[IndexReport]:
        """See ``Engine.index``: files and folders **of the server**, below its registered roots.

        It is a job of the server, which is waited for; an interrupt, or an error of
        ``on_progress``, cancels it, and keeps what was finished.
        """
        wanted = {
            "collection": self._name,
            "paths": [str(Path(path).absolute()) for path in paths],
            "modality": modality,
            "include": list(include),
            "exclude": list(exclude),
            "prune": prune,
            "workers": workers,
            "cutting": asdict(cutting) if cutting else None,
            "soundtrack": soundtrack,
        }
        job = yield from self._json(Call("POST", "/v1/jobs", body=wanted))
        return (yield from self._finished(job, on_progress))

    @method
    def add(
        self,
        path: str | Path,
        *,
        modality: Modality | str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Steps[MediaItem]:
        """Send a file of this machine, to be kept by the server and indexed at once.

        Raises MediaError when it cannot be.
        """
        check_file(Path(path))
        fields = _given(modality=modality, metadata=json.dumps(metadata) if metadata else None)
        call = Call("POST", f"{self._here}/items", fields=fields, files={"file": Path(path)})
        return answers.item((yield from self._json(call)))

    @method
    def describe(self, item_id: int, metadata: Mapping[str, Any]) -> Steps[MediaItem]:
        """See ``Engine.describe``."""
        body = {"metadata": dict(metadata)}
        call = Call("PATCH", f"{self._here}/items/{item_id}", body=body)
        return answers.item((yield from self._json(call)))

    @method
    def delete(
        self, *, ids: Sequence[int] = (), path: str | None = None, dry_run: bool = False
    ) -> Steps[int]:
        """See ``Engine.delete``; a file that was sent to the server goes with its item."""
        body = {"ids": list(ids), "path": path or None, "dry_run": dry_run}
        call = Call("POST", f"{self._here}/items:delete", body=body, repeatable=dry_run)
        return int((yield from self._json(call))["items"])

    # -- collections

    @method
    def collection(self) -> Steps[Collection]:
        """See ``Engine.collection``."""
        return answers.collection((yield from self._get("")))

    @method
    def collections(self) -> Steps[tuple[Collection, ...]]:
        """See ``Engine.collections``."""
        found = yield from self._json(Call("GET", "/v1/collections", repeatable=True))
        return tuple(map(answers.collection, found["collections"]))

    @method
    def create_collection(self, name: str, encoder: str | None = None) -> Steps[Collection]:
        """See ``Engine.create_collection``."""
        call = Call("POST", "/v1/collections", body={"name": name, "encoder": encoder})
        return answers.collection((yield from self._json(call)))

    @method
    def drop_collection(self, name: str) -> Steps[None]:
        """See ``Engine.drop_collection``; files that were sent to it go."""
        path = f"/v1/collections/{quote(name, safe='')}"
        yield from answer_of(Call("DELETE", path), self._retries)

    # -- inside

    def _ask(self, route: str, asked: Parts, how: Mapping[str, Any]) -> Steps[Any]:
        """Asking changes nothing."""
        body, path = {"query": asked.query, **how}, f"{self._here}/{route}"
        if not asked.files:
            return (yield from self._json(Call("POST", path, body=body, repeatable=True)))
        fields = {"request": json.dumps(body)}
        call = Call("POST", path, fields=fields, files=asked.files, repeatable=True)
        return (yield from self._json(call))

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> Steps[Any]:
        call = Call("GET", self._here + path, params=params or {}, repeatable=True)
        return (yield from self._json(call))

    def _json(self, call: Call) -> Steps[Any]:
        response = yield from answer_of(call, self._retries)
        return response.json()

    def _finished(self, job: Any, on_progress: Callable[[Progress], None]) -> Steps[IndexReport]:
        """The report of a job, when it is over."""
        place = f"/v1/jobs/{job['id']}"
        try:
            while job["state"] in ("queued", "running"):
                yield Pause(LOOK_S)
                job = yield from self._json(Call("GET", place, repeatable=True))
                on_progress(answers.progress(job["progress"]))
        except (GeneratorExit, ServerError):  # nobody goes on; or the server does, unseen
            raise
        except BaseException:
            yield Call("DELETE", place)
            raise
        if job["state"] != "done":
            said = job["error"] or "it was cancelled"
            raise ServerError(self._server, f"index job {job['id']}: {said}")
        return answers.report(job["report"])


def _asked(given: Any) -> tuple[Parts, dict[str, Any]]:
    """A query of a batch, and its other keywords. Raises QueryError, and MediaError for a file."""
    query = given_query(given)
    for name in query.how.keys() - _HOW:
        raise QueryError(f"not a query: got an unexpected keyword argument {name!r}")
    try:
        json.dumps(query.how, allow_nan=False)
        asked = parts_of(query.parts, query.weights, query.negative, query.like, query.not_like)
    except (TypeError, ValueError) as error:
        raise QueryError(f"not a query: {error}") from error
    return asked, dict(query.how)


#: Keywords of ``search``.
_HOW = inspect.signature(Methods._search).parameters.keys()


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}
