"""The process that gets killed: indexes, deletes and compacts at random, saying what it does.

Each operation is announced on stdout before it starts and acknowledged once it has returned.
``--reversed`` breaks the commit protocol on purpose: rows first, files after.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from indexer import collect
from indexer.pipeline import Run
from searchengine.store.change import Change
from searchengine.store.library import Library
from searchengine.store.writer import Writer
from tests.hash_encoder import HashEncoder
from tests.integration.store.shelf import SMALL

COLLECTION = "default"
DIM = 16


def main(root: Path, seed: int, *, reverse: bool) -> None:
    choose = random.Random(seed)
    collect.COMMIT_SEGMENTS = 7  # several commits a run
    if reverse:
        _reverse_the_protocol()
    with Library(root / "library", create=True, recipe=SMALL) as library:
        if not library.catalog.collections():
            with library.writer() as writer:
                writer.create(COLLECTION, "hash", "hash@1", "{}", DIM)
        for step in range(10_000):
            choose.choices([_index, _delete, _compact], [6, 3, 1])[0](
                root, library, choose, f"{seed}-{step}"
            )


def _index(root: Path, library: Library, choose: random.Random, step: str) -> None:
    names = [f"{step}-{number}.txt" for number in range(choose.randint(1, 60))]
    for name in names:
        (root / "media" / name).write_text(f"words of {name} {choose.random()}")
    say("index", names)
    collection = library.catalog.collection(COLLECTION)
    Run(library, collection, HashEncoder(DIM), workers=0).index([root / "media"])
    say("done", names)


def _delete(root: Path, library: Library, choose: random.Random, step: str) -> None:
    collection = library.catalog.collection(COLLECTION)
    known = [k for chunk in library.catalog.below(collection, str(root)) for k in chunk]
    chosen = choose.sample(known, len(known) // choose.choice([2, 5, 20]))
    names = [Path(item.path).name for item in chosen]
    for name in names:  # or the next index run would find them new
        (root / "media" / name).unlink(missing_ok=True)
    say("delete", names)
    with library.writer() as writer:
        writer.commit(collection, Change(removed=[item.id for item in chosen]))
    say("done", names)


def _compact(root: Path, library: Library, choose: random.Random, step: str) -> None:
    say("compact", [])
    with library.writer() as writer:
        writer.compact(library.catalog.collection(COLLECTION))
    say("done", [])


def _reverse_the_protocol() -> None:
    """Hide the new files until their rows are committed."""
    publish = Writer._publish

    def reversed_publish(self: Any, collection: Any, drafts: Any, *rest: Any) -> int:
        paths = [self._library / row.path for draft in drafts for row in draft.made]
        hidden = [path.rename(path.with_suffix(".hidden")) for path in paths]
        generation = publish(self, collection, drafts, *rest)
        time.sleep(0.02)  # a slow disk: the moment that a kill has to meet
        for path, place in zip(hidden, paths, strict=True):
            path.rename(place)
        return generation

    Writer._publish = reversed_publish  # type: ignore[method-assign]


def say(operation: str, names: list[str]) -> None:
    print(json.dumps([operation, names]), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), reverse="--reversed" in sys.argv)
