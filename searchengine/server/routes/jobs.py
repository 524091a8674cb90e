"""Index jobs: rows that a worker takes; see ``store/jobs.py``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from searchengine.server.answers import Json
from searchengine.server.house import house_of
from searchengine.server.openapi import body
from searchengine.server.problems import Problem
from searchengine.server.reading import MAX_ID, JobIn, read_json
from searchengine.server.schemas import JobOut, JobsOut
from searchengine.store.jobs import Job

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

#: How often a job that is followed is looked at; its worker says something every second.
LOOK_S = 0.5
#: After which a stream ends; browsers come back by themselves.
STREAM_S = 600.0


def job_of(request: Request, job_id: Annotated[int, Path(ge=1, le=MAX_ID)]) -> Job:
    """Raises Problem when there is none, or none any more."""
    job = house_of(request).library.jobs.get(job_id)
    if job is None:
        raise Problem(404, "JobNotFound", f"no job {job_id}")
    return job


Found = Annotated[Job, Depends(job_of)]


async def followed(request: Request) -> AsyncIterator[None]:
    """Keeps a place while a job is followed. Raises Problem when there is none."""
    place = house_of(request).streams.take()
    try:
        yield
    finally:
        place.leave()


@router.post("", status_code=202, openapi_extra=body(JobIn), responses={202: {"model": JobOut}})
async def start(request: Request) -> Json:
    """Index files and folders of this machine, below a registered root, in the background."""
    house, wanted = house_of(request), await read_json(request, JobIn)
    job = await run_in_threadpool(house.start, wanted.collection, wanted.paths, wanted.options())
    return Json(_document(job), 202, {"Location": f"/v1/jobs/{job.id}"})


@router.get("", responses={200: {"model": JobsOut}})
def jobs(request: Request, limit: Annotated[int, Query(ge=1, le=1_000)] = 50) -> Json:
    """The newest first."""
    return Json({"jobs": [_document(job) for job in house_of(request).library.jobs.all(limit)]})


@router.get("/{job_id}", responses={200: {"model": JobOut}})
def job(job: Found) -> Json:
    """How far it is; when it is over, its report with every failure."""
    return Json(_document(job))


@router.delete("/{job_id}", status_code=202, responses={202: {"model": JobOut}})
def cancel(job: Found, request: Request) -> Json:
    """Stop it soon. What it has finished is kept; one that is over stays as it is."""
    house_of(request).library.jobs.cancel(job.id)
    return Json(_document(job_of(request, job.id)), 202)


@router.get(
    "/{job_id}/events", response_class=EventSourceResponse, dependencies=[Depends(followed)]
)
async def events(job: Found, request: Request) -> AsyncIterator[ServerSentEvent]:
    """The job, now and whenever it changes, until it is over."""
    told, end = None, time.monotonic() + STREAM_S
    while time.monotonic() < end:
        if (document := _document(job)) != told:
            yield ServerSentEvent(data=document)
            told = document
        if job.state.is_over or request.app.state.leaving.is_set():
            return
        await asyncio.sleep(LOOK_S)
        job = await run_in_threadpool(job_of, request, job.id)


def _document(job: Job) -> dict[str, Any]:
    return {**asdict(job), "state": job.state.value, "paths": list(job.paths)}
