"""The process that does index jobs, on a machine where the server is all there is."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

#: How long it may take to put its job back; the next one takes it up where it was left.
ENDING_S = 20.0


class WorkerProcess:
    """``python -m indexer --worker``: it ends with this process, however this one ends.

    It starts with the first job, so that a server that is only asked has no second encoder.
    """

    def __init__(self, library: Path, device: str) -> None:
        self._command = [sys.executable, "-P", "-m", "indexer", "--worker", "--attached"]
        self._command += ["--library", str(library), "--device", device]
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def ensure(self) -> None:
        """Start it, unless it lives."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE)

    def close(self) -> None:
        """Let it put its job back and end."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin
        process.stdin.close()
        try:
            process.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
