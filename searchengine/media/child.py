"""A decoding process, as its owner sees it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass

from searchengine.errors import ConfigError, SearchEngineError
from searchengine.media import wire

log = logging.getLogger(__name__)

#: A test may run another program that speaks as ``confined`` does.
COMMAND = (sys.executable, "-P", "-m", "searchengine.media.confined")

#: Importing the codecs takes half a second, many times that on a loaded machine.
START_S = 60.0

#: Fewer copies and fewer turns between the two processes for large pictures.
BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What decoding one file may take.

    ``seconds`` is for one call, and each second of media asked for adds another; ``memory_bytes``
    bounds the whole process; ``calls`` is after how many a process is replaced, so that what
    decoders leak does not add up.
    """

    seconds: float = 60.0
    memory_bytes: int = 2_000_000_000
    calls: int = 500

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value > 0:
                raise ConfigError(f"{name} must be greater than 0, not {value}")


class Breach(Exception):
    """A call that the process did not survive; the text is the reason."""


class Child:
    """Starts at once, without waiting until it is ready. One call at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._channel, theirs = socket.socketpair()
        errors, their_errors = os.pipe()
        os.set_blocking(errors, False)
        try:
            with theirs:
                theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
                self._process = subprocess.Popen(
                    [*COMMAND, str(theirs.fileno()), json.dumps(asdict(limits))],
                    stdin=subprocess.PIPE,  # never written; it ends when we do
                    stdout=subprocess.DEVNULL,
                    stderr=their_errors,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                    env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                )
        except BaseException:
            self._channel.close()
            os.close(errors)
            raise
        finally:
            os.close(their_errors)
        self._errors = os.fdopen(errors, "rb", buffering=0)
        self._lock = threading.Lock()
        self._ready = False
        self.calls = 0
        self.alive = True

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        """Asks the system, where ``alive`` only says that it has not been disposed of."""
        with self._lock:
            return self._process.poll() is None

    def call(self, request: wire.Message, seconds: float) -> tuple[wire.Message, list[wire.Array]]:
        """Raises Breach, after which the child is dead; SearchEngineError if it never starts."""
        try:
            self._await_ready()
            self.calls += 1
            deadline = time.monotonic() + seconds
            self._channel.settimeout(seconds)
            wire.send(self._channel, request | {"seconds": seconds})
            return wire.receive(self._channel, self._limits.memory_bytes, deadline)
        except BaseException as error:  # an interrupt too: the answer would come too late
            breach = self._breach(error, seconds)
            self.dispose()
            if breach is None:
                raise
            raise breach from None

    def kill(self) -> None:
        """End its process group. Any thread may: who is waiting for an answer gets a Breach."""
        with self._lock:
            if self._process.returncode is None:
                with contextlib.suppress(PermissionError):  # macOS, of one that is dead already
                    os.killpg(self._process.pid, signal.SIGKILL)

    def dispose(self) -> None:
        """Kill it and let go of everything; for the thread that has it."""
        self.alive = False
        self.kill()
        with self._lock:
            self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        self._channel.close()
        self._errors.close()

    def _await_ready(self) -> None:
        if self._ready:
            return
        try:
            wire.receive(self._channel, self._limits.memory_bytes, time.monotonic() + START_S)
            self._ready = True
        except (EOFError, OSError, *wire.NONSENSE) as error:
            raise SearchEngineError(
                f"the decoding process does not start: {self._last_words() or error!r}"
            ) from error

    def _breach(self, error: BaseException, seconds: float) -> Breach | None:
        """What an error in a call means, if it is about the file."""
        late = f"took longer than {seconds:.3g} s to decode"
        if isinstance(error, TimeoutError):
            return Breach(late)
        if isinstance(error, EOFError | OSError):
            return Breach(self._cause_of_death(late))
        if isinstance(error, MemoryError):
            return Breach("what it holds does not fit into memory")
        if isinstance(error, wire.NONSENSE):
            return Breach("the decoder's answer makes no sense")
        return None

    def _cause_of_death(self, late: str) -> str:
        try:
            with self._lock:
                status = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "the decoder stopped answering"
        log.info("decoding process %d ended with %d: %s", self.pid, status, self._last_words())
        if status == -signal.SIGXCPU:
            return late
        if status == -signal.SIGKILL:
            return "the decoder was killed (signal 9); if nobody did, memory ran out"
        if status < 0:
            return f"the decoder crashed (signal {-status})"
        return f"the decoder ended by itself (status {status})"

    def _last_words(self) -> str:
        return (self._errors.read(1 << 16) or b"").decode(errors="replace").strip()[-2000:]
