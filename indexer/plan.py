"""What a run would do, file by file, without doing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from indexer.compare import Compared, compare
from indexer.pieces import Settings
from indexer.prepare import choose
from indexer.scan import Globs, roots, scan_all
from searchengine.encoders.encoder import Encoder
from searchengine.errors import SearchEngineError
from searchengine.store.library import Library
from searchengine.types import Collection, Failure, Planned


def plan(
    library: Library | None,
    collection: Collection | None,
    encoder: Encoder,
    paths: Sequence[str | Path],
    settings: Settings,
    globs: Globs,
) -> Iterator[Planned]:
    """Every file with its modality, the rule that chose it, and what has become of it.

    Without a library every file is new. No file is decoded.
    """
    skip = str(library.path) if library else ""
    files = scan_all(roots(paths), globs, skip)
    catalog = library.catalog if library else None
    for compared in compare(files, catalog, collection, settings.recipe(), settings.declared):
        yield _planned(compared, settings, encoder)


def _planned(compared: Compared | Failure, settings: Settings, encoder: Encoder) -> Planned:
    if isinstance(compared, Failure):
        return Planned(compared.path, None, compared.reason, "failed")
    path = compared.file.path
    try:
        decision = choose(compared, settings.declared, encoder)
    except SearchEngineError as error:
        return Planned(path, None, str(getattr(error, "reason", error)), "failed")
    return Planned(path, decision.modality, decision.rule, str(compared.state))
