"""Files that were sent: kept in the library, and indexed at once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from searchengine.engine import Engine
from searchengine.errors import (
    DecodeError,
    EncoderError,
    SearchEngineError,
    StoreError,
    UnsupportedMedia,
)
from searchengine.media.metadata import NAME
from searchengine.media.modality import is_candidate
from searchengine.types import Failure, MediaItem, Modality

#: Of a name, in bytes of UTF-8; file systems allow 255.
MAX_NAME_BYTES = 200

_BLOCK_BYTES = 1 << 20


def add(
    engine: Engine,
    folder: Path,
    name: str,
    content: BinaryIO,
    modality: Modality | None,
    metadata: Mapping[str, Any],
) -> MediaItem:
    """Keep a file below ``folder`` and index it; the same bytes and name are the same item.

    Raises MediaError when it is of no kind that is read or cannot be decoded; then it is not kept.
    """
    clean = file_name(name)
    place = folder / _digest(content)
    path = place / clean
    known = engine.find(path)
    _write(path, content)
    _describe(path, modality, metadata)
    try:
        report = engine.index([path], workers=1)
        if report.failures:
            raise _error(report.failures[0], clean)
    except BaseException:
        if known is None:
            shutil.rmtree(place, ignore_errors=True)
        raise
    found = engine.find(path)
    if found is None:
        raise StoreError(f"{clean}: gone again; somebody deleted it meanwhile")
    return found


def remove(folder: Path, path: str) -> None:
    """Delete the file of an item that was deleted, when it was sent here."""
    place = Path(path).parent
    if place.parent == folder:
        shutil.rmtree(place, ignore_errors=True)


def file_name(name: str) -> str:
    """A name that is one here: no folders, nothing hidden, nothing that is not printed.

    Raises UnsupportedMedia when it is of no kind that is read.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip().lstrip(".")
    stem, suffix = os.path.splitext(kept)  # noqa: PTH122 - of a name, not of a path
    room = MAX_NAME_BYTES - len(suffix.encode())
    short = stem.encode()[: max(room, 0)].decode(errors="ignore") + suffix
    if not is_candidate(Path(short)) or short == NAME:
        raise UnsupportedMedia(name, f"files named {short[-20:]!r} are of no kind that is read")
    return short


def _digest(content: BinaryIO) -> str:
    content.seek(0)
    digest = hashlib.sha256()
    while block := content.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()[:32]


def _write(path: Path, content: BinaryIO) -> None:
    content.seek(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(content, file, _BLOCK_BYTES)


def _describe(path: Path, modality: Modality | None, metadata: Mapping[str, Any]) -> None:
    """As people describe their own files, so that indexing again finds the same."""
    declared = {"modality": modality.value} if modality else {}
    row = {**metadata, **declared, "file_name": path.name}
    (path.parent / NAME).write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")


def _error(failure: Failure, name: str) -> SearchEngineError:
    """The error that a failure of the report was."""
    if failure.error == UnsupportedMedia.__name__:
        return UnsupportedMedia(name, failure.reason)
    if failure.error == DecodeError.__name__:
        return DecodeError(name, failure.reason)
    return EncoderError(f"{name}: {failure.reason}")
