"""``metadata.jsonl``: what people say about the files beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from searchengine.errors import DecodeError
from searchengine.types import Failure

NAME = "metadata.jsonl"

#: Longer lines are not a description of one file.
MAX_LINE_BYTES = 1_000_000

#: Room for a few million rows; the whole file is held as dicts, so there must be some end.
MAX_FILE_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one ``metadata.jsonl``, and what was wrong with the others.

    ``rows`` maps a path relative to the folder (``sub/x.png``, always with ``/``) to its row
    without ``file_name``. A bad line is a Failure naming its number and is left out; of a file
    named twice the last row wins, which is a Failure too.
    """

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()


def read_metadata(folder: Path) -> Rows:
    """Read the ``metadata.jsonl`` in ``folder``; nothing when there is none.

    A line is a JSON object with a ``file_name``, a path inside the folder. Never raises for
    what the file holds: see ``Rows.failures``.
    """
    path = folder / NAME
    rows: dict[str, dict[str, Any]] = {}
    failures: list[Failure] = []
    try:
        for number, line in _lines(path):
            try:
                name, row = _parse(line)
                repeated = name in rows
                rows[name] = row
                if repeated:
                    raise ValueError(f"{name!r} has a row already; this one, the last, counts")
            except (ValueError, RecursionError) as error:
                failures.append(_failure(path, f"line {number}: {_brief(error)}"))
    except FileNotFoundError:
        pass
    except OSError as error:
        failures.append(_failure(path, f"cannot be read ({error.strerror})"))
    except DecodeError as error:
        failures.append(_failure(path, error.reason))
    return Rows(rows, tuple(failures))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that are not blank; one that is too long comes cut, so as not to parse."""
    with path.open("rb") as file:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise DecodeError(str(path), f"larger than {MAX_FILE_BYTES // 10**6} MB")
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            whole = len(line) <= MAX_LINE_BYTES or line.endswith(b"\n")
            while not whole:
                rest = file.readline(MAX_LINE_BYTES)
                whole = not rest or rest.endswith(b"\n")
            if line.strip():
                yield number, line


def _parse(line: bytes) -> tuple[str, dict[str, Any]]:
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"longer than {MAX_LINE_BYTES} bytes")
    row = json.loads(line.decode("utf-8-sig"), parse_constant=_refuse, parse_float=_finite)
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    if b"\\u" in line:
        json.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair is no text
    return _relative(row.pop("file_name", None)), row


def _relative(name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise ValueError('no "file_name"')
    path = PurePosixPath(name.replace("\\", "/"))
    parts = path.parts
    drive = bool(parts) and len(parts[0]) == 2 and parts[0][1] == ":"
    if not parts or path.is_absolute() or drive or ".." in parts or "\0" in name:
        raise ValueError(f"file_name {name!r} is no path inside the folder")
    return str(path)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON value")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:20]} is too large")
    return value


def _brief(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeError):
        return "not UTF-8"
    return f"not JSON ({error})" if isinstance(error, json.JSONDecodeError) else str(error)


def _failure(path: Path, reason: str) -> Failure:
    return Failure(str(path), DecodeError.__name__, reason)
