"""Where things lie in a library folder, and how a file gets there without ever being half there.

::

    library/
      catalog.db                                  SQLite: the only commit point; or else
      catalog.postgresql                          the name of a schema in PostgreSQL
      write.lock                                  held by the one writer
      vectors/<collection>/<modality>-<n>.shard   the truth: ids and vectors, never changed
      indexes/<collection>/<modality>-<n>.index   FAISS, rebuilt from the shards at any time
      uploads/<collection>/<sha256>/<name>        media files that were sent to the server

``<collection>`` is a number, so a collection may have any name. ``<n>`` is never used twice.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import xxhash

from searchengine.errors import StoreCorrupt, StoreError

CATALOG = "catalog.db"
SCHEMA = "catalog.postgresql"
LOCK = "write.lock"
VECTORS = "vectors"
INDEXES = "indexes"
UPLOADS = "uploads"
PART = ".part"

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is safely on disk: ``path`` relative to the library, XXH3-128 ``checksum``."""

    path: str
    size_bytes: int
    checksum: str


def write_file(library: Path, path: str, write: Callable[[BinaryIO], None]) -> Written:
    """Create ``path`` whole or not at all: temporary name, fsync, rename, fsync the folder.

    Raises StoreError when the disk is full or the folder cannot be written, leaving nothing.
    """
    target = library / path
    part = target.with_name(target.name + PART)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        written = Written(path, part.stat().st_size, checksum(part))
        part.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise StoreError(f"{target}: {reason}; free space or permit writing, then run again") from (
            error
        )
    return written


def checksum(path: Path) -> str:
    """XXH3-128 of a file, in hex."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def check_size(library: Path, path: str, size_bytes: int) -> Path:
    """The file's full path, when it is there and as long as the catalog says.

    Raises StoreCorrupt otherwise, FileNotFoundError when it is gone.
    """
    full = library / path
    found = full.stat().st_size
    if found != size_bytes:
        raise StoreCorrupt(str(full), f"{found} bytes instead of {size_bytes}; run verify --repair")
    return full


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` survive a power cut (a no-op where folders cannot be opened)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def data_files(library: Path) -> Iterator[str]:
    """Every vector and index file there is, half-written ones too, relative to the library."""
    for top in (VECTORS, INDEXES):
        for path in sorted((library / top).rglob("*")):
            if path.is_file():
                yield path.relative_to(library).as_posix()
