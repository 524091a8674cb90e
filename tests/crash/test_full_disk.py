"""A disk that fills up, at every point of a run: one clear error, nothing lost, and on it goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from indexer.pipeline import Run
from searchengine.store.library import Library
from searchengine.store.verify import verify
from tests.crash.victim import COLLECTION, DIM
from tests.hash_encoder import HashEncoder
from tests.integration.store.shelf import SMALL

#: Indexes a folder where no file may grow beyond so many bytes, and says how that ended.
SQUEEZED = """
import resource, sys
from pathlib import Path
from indexer import collect
from indexer.pipeline import Run
from searchengine.errors import StoreError
from searchengine.store.library import Library
from tests.hash_encoder import HashEncoder
from tests.integration.store.shelf import SMALL

collect.COMMIT_SEGMENTS = 50
root, most = Path(sys.argv[1]), int(sys.argv[2])
with Library(root / "library", recipe=SMALL) as library:
    collection = library.catalog.collection("default")
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    try:
        Run(library, collection, HashEncoder(16), workers=0).index([root / "media"])
        print("fine")
    except StoreError as error:
        print("refused:", error)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A library of 100 texts, and 500 more waiting."""
    (tmp_path / "media").mkdir()
    write(tmp_path, 0, 100)
    with Library(tmp_path / "library", create=True, recipe=SMALL) as library:
        with library.writer() as writer:
            writer.create(COLLECTION, "hash", "hash@1", "{}", DIM)
        index(tmp_path, library)
    write(tmp_path, 100, 600)
    return tmp_path


def write(root: Path, first: int, end: int) -> None:
    for number in range(first, end):
        (root / "media" / f"{number}.txt").write_text(f"the words of text {number}")


def index(root: Path, library: Library) -> int:
    collection = library.catalog.collection(COLLECTION)
    run = Run(library, collection, HashEncoder(DIM), workers=0)
    return run.index([root / "media"]).new


@pytest.mark.skipif(sys.platform != "linux", reason="limits file sizes as Linux does")
@pytest.mark.parametrize("most", [0, 100, 1_000, 3_000, 12_000, 40_000, 250_000, 400_000])
def test_no_room_is_one_clear_error_and_loses_nothing(root: Path, most: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SQUEEZED, str(root), str(most)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("refused:") and "free space" in line
    with Library(root / "library", recipe=SMALL) as library:
        assert verify(library) == ()
        kept = library.catalog.item_count(library.catalog.collection(COLLECTION))
        assert 100 <= kept < 600
        assert index(root, library) == 600 - kept
        assert verify(library) == ()
