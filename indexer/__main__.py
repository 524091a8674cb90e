"""``python -m indexer --worker --library DIR``: the process that does index jobs.

It ends with SIGTERM or SIGINT, or with its parent when it was started ``--attached``: then its
standard input is a pipe that the parent holds open. The job under way is put back.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from indexer.worker import Worker
from searchengine.config import DEVICES
from searchengine.errors import SearchEngineError
from searchengine.store.library import Library

#: As the command line has it for a library that cannot be used.
FAILED = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m indexer")
    parser.add_argument("--worker", action="store_true", required=True, help="take index jobs")
    parser.add_argument("--library", type=Path, required=True, metavar="DIR")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--attached", action="store_true", help="end when standard input does")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        with Library(given.library, create=True) as library:
            _work(Worker(library, given.device), attached=given.attached)
    except SearchEngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    return 0


def _work(worker: Worker, *, attached: bool) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    if attached:
        threading.Thread(target=_stop_at_end_of_input, args=(worker,), daemon=True).start()
    worker.work()


def _stop_at_end_of_input(worker: Worker) -> None:
    sys.stdin.buffer.read()
    worker.stop()


if __name__ == "__main__":
    sys.exit(main())
