"""One writer a library, by a lock that dies with its process."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from searchengine.errors import StoreError, StoreLocked
from searchengine.store.layout import LOCK


def take_lock(library: Path) -> FileLock:
    """Become the only writer of ``library``; ``release()`` gives it back.

    Raises StoreLocked at once when another process, or another engine here, is writing, and
    StoreError when the folder cannot be written.
    """
    lock = FileLock(library / LOCK, thread_local=False)
    try:
        library.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise StoreLocked(
            f"{library}: another process is writing to this library; wait until it has finished"
        ) from error
    except OSError as error:
        raise StoreError(
            f"{library}: cannot be written ({error.strerror}); "
            "choose another folder with --library or change its permissions"
        ) from error
    return lock
