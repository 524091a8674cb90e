"""The user's folders, file by file, with what people wrote about each."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from searchengine.errors import ConfigError
from searchengine.media.metadata import Rows, read_metadata
from searchengine.media.modality import is_candidate
from searchengine.types import Failure

#: Longer ones do not fit into an index of PostgreSQL, whose rows have up to 2,704 bytes.
MAX_PATH_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class File:
    """A file found below ``root``; ``row`` is its metadata.jsonl row, without the file name."""

    path: str
    root: str
    size_bytes: int
    modified_ns: int
    row: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Globs:
    """Which files are wanted: none excluded, and one included where ``include`` says anything.

    A pattern matches the name or the path below the folder given; ``*`` crosses folders.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def wanted(self, path: str) -> bool:
        if _matches(path, self.exclude):
            return False
        return not self.include or _matches(path, self.include)


def roots(paths: Sequence[str | Path]) -> list[str]:
    """The paths, absolute. Raises ConfigError for one that is not there."""
    if not paths:
        raise ConfigError("nothing to index: give at least one file or folder")
    for path in paths:
        if not os.path.lexists(path):
            raise ConfigError(f"{path}: no such file or folder")
    return list(dict.fromkeys(os.path.abspath(path) for path in paths))  # noqa: PTH100


def scan_all(tops: Sequence[str], globs: Globs, skip: str = "") -> Iterator[File | Failure]:
    """Every file below ``tops`` once: what lies below several belongs to the innermost."""
    for top in tops:
        inner = [t for t in tops if t != top and _below(t, top)]
        for found in scan(top, globs, skip):
            if not any(_below(found.path, other) for other in inner):
                yield found


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def scan(root: str, globs: Globs, skip: str = "") -> Iterator[File | Failure]:
    """Every file that might be media, in a stable order, each folder once.

    Files of other kinds are passed over in silence, unless ``root`` is the file itself. Links
    are followed; a folder already seen is not entered again. ``skip`` is never entered.
    """
    if Path(root).is_dir():
        yield from _folder(Path(root), root, globs, skip, [], set())
    else:
        rows = [(Path(root).parent, read_metadata(Path(root).parent))]
        yield from _file(Path(root), root, rows)


def _folder(
    folder: Path,
    root: str,
    globs: Globs,
    skip: str,
    rows: list[tuple[Path, Rows]],
    seen: set[tuple[int, int]],
) -> Iterator[File | Failure]:
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield Failure(_printable(folder), "DecodeError", f"cannot be read ({error.strerror})")
        return
    place = (status.st_dev, status.st_ino)
    if place in seen or str(folder) == skip:
        return
    seen.add(place)
    here = read_metadata(folder)
    yield from here.failures
    rows = [(folder, here), *rows]
    for entry in entries:
        path = folder / entry.name
        if entry.is_dir():
            if not entry.name.startswith("."):
                yield from _folder(path, root, globs, skip, rows, seen)
        elif is_candidate(path) and globs.wanted(path.relative_to(root).as_posix()):
            yield from _file(path, root, rows)


def _file(path: Path, root: str, rows: list[tuple[Path, Rows]]) -> Iterator[File | Failure]:
    if reason := _cannot_be_kept(path):
        yield Failure(_printable(path), "UnsupportedMedia", reason)
        return
    try:
        status = path.stat()
    except OSError as error:
        yield Failure(str(path), "DecodeError", f"cannot be read ({error.strerror})")
    else:
        yield File(str(path), root, status.st_size, status.st_mtime_ns, _row(path, rows))


def _cannot_be_kept(path: Path) -> str | None:
    try:
        long = len(str(path).encode()) > MAX_PATH_BYTES
    except UnicodeEncodeError:
        return "the name is not valid UTF-8; rename the file"
    return f"the path is longer than {MAX_PATH_BYTES} bytes; move the file" if long else None


def _row(path: Path, rows: list[tuple[Path, Rows]]) -> dict[str, Any]:
    """The row of the nearest metadata.jsonl that names the file."""
    for folder, here in rows:
        if here.rows:
            row = here.rows.get(path.relative_to(folder).as_posix())
            if row is not None:
                return row
    return {}


def _matches(path: str, patterns: Sequence[str]) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatch.fnmatch(path, p) or fnmatch.fnmatch(name, p) for p in patterns)


def _printable(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
