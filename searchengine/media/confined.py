"""The inside of the sandbox: ``python -m searchengine.media.confined``, started by ``child``.

It reads requests from a socket, decodes with whatever the operating system lets it use, and
answers. It ends when its owner does.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import faulthandler
import fcntl
import json
import os
import resource
import signal
import socket
import sys
import threading
from pathlib import Path

from searchengine.errors import DecodeError, SearchEngineError
from searchengine.media import wire
from searchengine.media.decode import decode
from searchengine.media.outline import Cutting, outline
from searchengine.types import Modality

#: From linux/sched.h.
CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000

#: Descriptors a decoder may have open. Ten are in use; the rest is for those that some codec
#: forgets to close, so that this file's leak is not the next one's failure.
MAX_FILES = 256

#: How willingly the kernel kills this process when memory runs out, of 1000 (man 5 proc).
OOM_SCORE_ADJ = "1000"


def main() -> None:
    """``confined.py SOCKET LIMITS``: the socket's descriptor, and ``Limits`` as JSON."""
    channel, limits = socket.socket(fileno=int(sys.argv[1])), json.loads(sys.argv[2])
    leave_network()
    ask_to_be_killed()
    threading.Thread(target=die_with_owner, daemon=True).start()
    be_silent()
    confine(limits["memory_bytes"])
    wire.send(channel, {"ready": True})
    while True:
        try:
            request, _ = wire.receive(channel, sys.maxsize)
        except (EOFError, ConnectionError):
            os._exit(0)  # without waiting for the thread that watches the owner
        renew_cpu_time(request["seconds"])
        wire.send(channel, *answer(request, limits["memory_bytes"]))


def answer(request: wire.Message, memory_bytes: int) -> tuple[wire.Message, list[wire.Array]]:
    """What was asked for, or the error and its reason."""
    try:
        path, modality = Path(request["path"]), Modality(request["modality"])
        options = wire.unpack_options(request["options"])
        if "cutting" in request:
            found = outline(path, modality, options, Cutting(**request["cutting"]))
            return wire.pack_outline(found), []
        wanted = [wire.unpack_wanted(one) for one in request["wanted"]]
        return wire.pack_media(decode(path, modality, wanted, options))
    except SearchEngineError as error:
        reason = str(getattr(error, "reason", error))
        if _is_want_of_memory(error.__cause__):
            reason = f"needed more than {memory_bytes / 1e9:.3g} GB of memory"
        return {"error": type(error).__name__, "reason": reason}, []
    except MemoryError:
        reason = f"needed more than {memory_bytes / 1e9:.3g} GB of memory"
        return {"error": DecodeError.__name__, "reason": reason}, []


def _is_want_of_memory(error: BaseException | None) -> bool:
    return isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM


def ask_to_be_killed() -> None:
    """Have Linux send SIGKILL when our input ends, even to a codec that holds Python's lock.

    PR_SET_PDEATHSIG will not do: it fires when the thread that started us ends.
    """
    if sys.platform == "linux":
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def die_with_owner() -> None:
    """The owner holds the other end of our input and never writes to it."""
    while os.read(0, 1):
        pass
    os._exit(1)


def be_silent() -> None:
    """Codecs talk, and nobody listens; only how a crash came about goes to the owner."""
    faulthandler.enable(os.fdopen(os.dup(2), "w", closefd=False))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def leave_network() -> None:
    """Move into a network of our own with nothing in it, where the kernel lets us (Linux)."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0 and os.geteuid() != 0:
            libc.unshare(CLONE_NEWNET | CLONE_NEWUSER)


def confine(memory_bytes: int) -> None:
    """Bound memory, forbid writing files and core dumps. What the system refuses is left out."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE_ADJ)
    sys.dont_write_bytecode = True
    # RLIMIT_DATA and not RLIMIT_AS: address space that is only reserved costs nothing
    for limit, value in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, MAX_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (value, value))


def renew_cpu_time(seconds: float) -> None:
    """The owner keeps the deadline; this ends a spinning decoder that has lost its owner."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(used.ru_utime + used.ru_stime + seconds * (os.cpu_count() or 1)) + 1
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(
            resource.RLIMIT_CPU, (allowed, resource.getrlimit(resource.RLIMIT_CPU)[1])
        )


if __name__ == "__main__":
    main()
