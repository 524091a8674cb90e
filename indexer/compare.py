"""What has become of a file since it was last indexed."""

from __future__ import annotations

import enum
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from indexer.scan import File
from searchengine.media.options import MediaOptions
from searchengine.store.catalog import Catalog
from searchengine.store.known import Known
from searchengine.types import Collection, Failure, Modality

#: Files looked up in one SQL statement.
CHUNK = 1000

#: What a metadata row can say that changes the vectors, not just the metadata.
EMBEDDED_KEYS = ("modality", *(f.name for f in fields(MediaOptions)))


class State(enum.StrEnum):
    """``RETAGGED`` has only other metadata; ``SUSPECT`` must be read to know more."""

    NEW = "new"
    UNCHANGED = "unchanged"
    RETAGGED = "retagged"
    SUSPECT = "changed"


@dataclass(frozen=True, slots=True)
class Compared:
    """A file, what the catalog knows of it, and what follows."""

    file: File
    known: Known | None
    state: State


def compare(
    files: Iterable[File | Failure],
    catalog: Catalog | None,
    collection: Collection | None,
    recipe: str,
    declared: Modality | None,
) -> Iterator[Compared | Failure]:
    """Look files up a chunk at a time: memory does not grow with the folder.

    Without a catalog every file is new.
    """
    remaining = iter(files)
    while chunk := list(itertools.islice(remaining, CHUNK)):
        found = [file for file in chunk if isinstance(file, File)]
        paths = [file.path for file in found]
        known = catalog.known(collection, paths) if catalog and collection else {}
        yield from (failure for failure in chunk if isinstance(failure, Failure))
        for file in found:
            mine = known.get(file.path)
            yield Compared(file, mine, _state(file, mine, recipe, declared))


def row_text(row: dict[str, Any]) -> str:
    """A metadata row as canonical JSON."""
    return json.dumps(row, sort_keys=True, ensure_ascii=False)


def same_embedding(row: dict[str, Any], stored: str) -> bool:
    """Whether two metadata rows ask for the same vectors."""
    old = json.loads(stored)
    return all(row.get(key) == old.get(key) for key in EMBEDDED_KEYS)


def _state(file: File, known: Known | None, recipe: str, declared: Modality | None) -> State:
    if known is None:
        return State.NEW
    touched = (file.size_bytes, file.modified_ns) != (known.size_bytes, known.modified_ns)
    redeclared = declared is not None and declared != known.modality
    if touched or redeclared or recipe != known.recipe or not same_embedding(file.row, known.row):
        return State.SUSPECT
    return State.UNCHANGED if row_text(file.row) == known.row else State.RETAGGED
