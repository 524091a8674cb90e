"""The published file, from its server to the disk: resumed, checked, whole or not there."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import BinaryIO

import httpx

from searchengine.errors import CheckpointError
from searchengine.models.imagebind.release import (
    OnProgress,
    Release,
    WrongFile,
    check_digest,
    check_size,
    hashing,
    quietly,
)

#: A file on its way.
PART = ".part"

#: Connections in a row that brought no byte further than before, after which we give up.
TRIES = 4

#: Before the second of them; twice as long before each further one.
PAUSE_S = 1.0

#: A connection that is silent for so long counts as dropped.
SILENCE_S = 30.0

#: Left free on the disk, for whatever else runs there.
SPARE_BYTES = 100_000_000


def fetch(release: Release, folder: Path, on_progress: OnProgress = quietly) -> Path:
    """Download the file into ``folder``, going on from what an earlier try left there.

    Raises CheckpointError when the disk has not the room, or when the server refuses or keeps
    dropping the connection (what has come is kept); WrongFile when what came is not the
    published file (nothing is kept).
    """
    target = folder / release.file_name
    if target.is_file() and target.stat().st_size == release.size_bytes:
        return target
    part = target.with_name(target.name + PART)
    require_space(folder, release.size_bytes - (part.stat().st_size if part.exists() else 0))
    try:
        with part.open("ab+") as file:
            _Download(release, file, on_progress).run()
            os.fsync(file.fileno())
        part.replace(target)
    except WrongFile:
        part.unlink()
        raise
    except OSError as error:
        raise unwritable(part, error) from error
    return target


def require_space(folder: Path, size_bytes: int) -> None:
    """Make ``folder``; raise CheckpointError unless it takes so many bytes more."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        raise unwritable(folder, error) from error
    if size_bytes + SPARE_BYTES > free_bytes:
        raise CheckpointError(
            f"{folder}: {size_bytes / 1e9:.1f} GB are needed and {free_bytes / 1e9:.1f} GB are "
            "free; free some, or name another folder with SEARCHENGINE_MODELS"
        )


def unwritable(path: Path, error: Exception) -> CheckpointError:
    """What to raise when a disk is full or a folder may not be written to."""
    reason = getattr(error, "strerror", None) or error
    return CheckpointError(
        f"{path}: cannot be written ({reason}); permit it, free space, or name another folder "
        "with SEARCHENGINE_MODELS"
    )


class _Download:
    """One file, hashed as it grows, over as many connections as it takes.

    Whether the server still has what the first bytes came from need not be asked: the digest of
    the whole is known.
    """

    def __init__(self, release: Release, file: BinaryIO, on_progress: OnProgress) -> None:
        self._release, self._file, self._on_progress = release, file, on_progress
        self._begin()

    def run(self) -> None:
        """Raises WrongFile, or CheckpointError when there is no going on."""
        self._hash_what_is_there()
        furthest_bytes, failures = self._size_bytes, 0
        with httpx.Client(follow_redirects=True, timeout=SILENCE_S) as client:
            while self._size_bytes < self._release.size_bytes:
                ended = self._connect(client)
                failures = 0 if self._size_bytes > furthest_bytes else failures + 1
                furthest_bytes = max(furthest_bytes, self._size_bytes)
                if failures == TRIES:
                    raise self._refused(ended)
                if failures:
                    time.sleep(PAUSE_S * 2 ** (failures - 1))
        name = Path(self._release.file_name)
        check_size(self._release, name, self._size_bytes)
        check_digest(self._release, name, self._digest.hexdigest())

    def _begin(self) -> None:
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    def _hash_what_is_there(self) -> None:
        self._file.seek(0)
        for done_bytes in hashing(self._file, self._digest):
            self._size_bytes = done_bytes
            self._on_progress("checking", done_bytes, self._release.size_bytes)
        if self._size_bytes > self._release.size_bytes:
            self._start_again()

    def _start_again(self) -> None:
        self._file.truncate(0)
        self._begin()

    def _connect(self, client: httpx.Client) -> str:
        """Take what one connection gives; how it ended, for people."""
        headers = {"Accept-Encoding": "identity"}
        if self._size_bytes:
            headers["Range"] = f"bytes={self._size_bytes}-"
        try:
            with client.stream("GET", self._release.url, headers=headers) as response:
                if (
                    response.is_server_error
                    or response.status_code == httpx.codes.TOO_MANY_REQUESTS
                ):
                    return f"{response.status_code} {response.reason_phrase}"
                self._check_offer(response)
                self._take(response)
        except httpx.HTTPError as error:
            return str(error) or type(error).__name__
        return "the connection ended early"

    def _check_offer(self, response: httpx.Response) -> None:
        """Know a refusal, or another file, before anything that came earlier is given up."""
        headers, size = response.headers, str(self._release.size_bytes)
        if response.status_code == httpx.codes.PARTIAL_CONTENT:
            expected = f"bytes {self._size_bytes}-{self._release.size_bytes - 1}/{size}"
            if headers.get("Content-Range") != expected:
                raise self._refused(f"asked for {expected}, got {headers.get('Content-Range')}")
        elif response.status_code != httpx.codes.OK:
            raise self._refused(f"{response.status_code} {response.reason_phrase}")
        elif headers.get("Content-Length", size) != size:
            raise self._refused(f"it has {headers['Content-Length']} bytes instead of {size}")
        else:
            self._start_again()  # the server knows nothing of parts

    def _take(self, response: httpx.Response) -> None:
        for block in response.iter_raw():
            self._file.write(block)
            self._digest.update(block)
            self._size_bytes += len(block)
            self._on_progress("downloading", self._size_bytes, self._release.size_bytes)
            if self._size_bytes > self._release.size_bytes:
                return

    def _refused(self, reason: str) -> CheckpointError:
        return CheckpointError(
            f"{self._release.url}: cannot be fetched ({reason}); what has come is kept: run the "
            "same command again, or fetch the file by other means and give it with --from"
        )
