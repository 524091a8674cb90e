"""kill -9 at any moment: nothing acknowledged is lost, nothing deleted returns, all is sound."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from searchengine.store import layout
from searchengine.store.library import Library
from searchengine.store.verify import verify
from tests.crash.victim import COLLECTION, DIM
from tests.hash_encoder import HashEncoder
from tests.integration.store.shelf import SMALL

pytestmark = pytest.mark.usefixtures("database")

REOPEN_S = 5.0


@dataclass
class Expected:
    """What must be there and what must not; what was cut off may be either."""

    there: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def read(self, lines: list[str]) -> None:
        operation = ""
        for line in lines:
            said, listed = json.loads(line)
            names = set(listed)
            if said != "done":  # it has begun: until it is acknowledged, nothing is known
                operation = said
                self.there -= names
                self.gone -= names
            elif operation == "index":
                self.there |= names
            elif operation == "delete":
                self.gone |= names


def kill_once(root: Path, seed: int, *extra: str) -> list[str]:
    """Start a victim, kill it at a random moment, return what it managed to say."""
    victim = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.victim", str(root), str(seed), *extra],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert victim.stdout
    first = victim.stdout.readline()
    time.sleep(random.Random(seed).uniform(0, 0.6))
    victim.send_signal(signal.SIGKILL)
    rest = victim.stdout.read()
    victim.stdout.close()
    assert victim.wait() == -signal.SIGKILL, "the victim failed by itself"
    return [line for line in (first + rest).splitlines() if line.endswith("]")]


def violations(root: Path, expected: Expected) -> list[str]:
    """Everything a user would call broken after the kill."""
    start = time.monotonic()
    wrong: list[str] = []
    try:
        with Library(root / "library", recipe=SMALL) as library:
            library.writer().close()
            wrong += [f"{p.path}: {p.reason}" for p in verify(library)]
            wrong += _wrong_items(root, library, expected)
            wrong += _wrong_vectors(library)
            named = {
                row.path
                for c in library.catalog.collections()
                for row in library.catalog.manifest(c).files
            }
            left = set(layout.data_files(library.path)) - named
            wrong += [f"left over: {path}" for path in left]
    except Exception as error:
        wrong.append(repr(error))
    if time.monotonic() - start > REOPEN_S:
        wrong.append("took too long to open")
    return wrong


def _wrong_items(root: Path, library: Library, expected: Expected) -> list[str]:
    collection = library.catalog.collection(COLLECTION)
    found = {
        Path(known.path).name
        for chunk in library.catalog.below(collection, str(root))
        for known in chunk
    }
    lost = expected.there - found
    back = expected.gone & found
    return [f"lost {name}" for name in lost] + [f"back again {name}" for name in back]


def _wrong_vectors(library: Library) -> list[str]:
    """Each item's file must be its own nearest neighbour, with the very vector it encodes to."""
    collection = library.catalog.collection(COLLECTION)
    if collection.generation == 0:
        return []
    encoder, wrong = HashEncoder(DIM), []
    for modality, table in library.snapshot(collection).tables.items():
        for ids, vectors in table.alive():
            found = library.catalog.hydrate(ids.tolist())
            for segment_id, vector in zip(ids.tolist(), vectors, strict=True):
                path = Path(found[segment_id].item.path)
                if not path.exists():
                    continue  # being deleted when the kill came
                truth = encoder.encode([encoder.preprocess(path.read_text(), modality)], modality)
                if np.abs(truth[0] - vector).max() > 1e-3:
                    wrong.append(f"wrong vector for {path.name}")
    return wrong


def survive(root: Path, kills: int) -> None:
    (root / "media").mkdir()
    expected = Expected()
    for seed in range(kills):
        expected.read(kill_once(root, seed))
        assert violations(root, expected) == [], f"after kill {seed}"


def test_twenty_kills_break_nothing(tmp_path: Path) -> None:
    survive(tmp_path, 20)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_kills_break_nothing(tmp_path: Path) -> None:
    survive(tmp_path, 100)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_this_harness_notices_when_rows_are_written_before_files(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    expected = Expected()
    for seed in range(60):
        expected.read(kill_once(tmp_path, seed, "--reversed"))
        if violations(tmp_path, expected):
            return
    pytest.fail("sixty kills with the order reversed, and nothing was noticed")
