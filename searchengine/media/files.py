"""What must be true of a file before it is opened."""

from __future__ import annotations

from pathlib import Path

from searchengine.errors import DecodeError


def check_file(path: Path) -> None:
    """Raises DecodeError when there is none, or it is no file, is empty, or may not be seen."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise DecodeError(str(path), "no such file") from None
    except PermissionError:
        raise DecodeError(str(path), "no permission to read it") from None
    if not path.is_file():
        raise DecodeError(str(path), "not a file")
    if status.st_size == 0:
        raise DecodeError(str(path), "the file is empty")
