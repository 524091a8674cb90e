"""From the published file to weights that can be loaded: fetch, check, convert, tidy up."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from searchengine.errors import CheckpointError
from searchengine.models.imagebind.checkpoint import convert
from searchengine.models.imagebind.download import PART, fetch, require_space, unwritable
from searchengine.models.imagebind.release import OnProgress, Release, WrongFile, quietly
from searchengine.models.imagebind.weights import Weights, installed, verify

LOCK = "pull.lock"

#: Bytes of what is kept for each byte of the published file: float32, and half of that again.
KEPT = 1.5


def pull(
    release: Release, folder: Path, given: Path | None = None, on_progress: OnProgress = quietly
) -> Weights:
    """Bring the weights into ``folder``; nothing is done where they are complete and sound.

    ``given`` is the published file, if it is here already: it stays. One that was fetched is
    removed when its weights are safe. Killed at any moment, the next pull goes on or starts
    anew. Raises CheckpointError; see ``fetch`` and ``convert``.
    """
    require_space(folder, 0)
    try:
        with FileLock(folder / LOCK, timeout=0, thread_local=False):
            if (weights := installed(folder)) and not verify(folder):
                return weights
            return _pull(release, folder, given, on_progress)
    except Timeout as error:
        raise CheckpointError(f"{folder}: another process is fetching; wait for it") from error
    except OSError as error:
        raise unwritable(folder, error) from error


def _pull(release: Release, folder: Path, given: Path | None, on_progress: OnProgress) -> Weights:
    official = given or folder / release.file_name
    here = [official, folder / (release.file_name + PART)]
    there_bytes = sum(path.stat().st_size for path in here if path.is_file())
    require_space(folder, int(release.size_bytes * (1 + KEPT)) - there_bytes)
    try:
        if given is None:
            fetch(release, folder, on_progress)
        weights = convert(official, folder, release, on_progress)
    except WrongFile:
        if given is None:
            official.unlink(missing_ok=True)
        raise
    if given is None:
        official.unlink()
    for part in folder.glob(f"*{PART}"):
        part.unlink()
    return weights
