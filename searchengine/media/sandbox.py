"""Decoding where a hostile file can do no harm: in processes with little to use and to break."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from searchengine.errors import ConfigError, DecodeError, UnsupportedMedia
from searchengine.media import wire
from searchengine.media.child import Breach, Limits
from searchengine.media.crew import Crew
from searchengine.media.decode import Wanted, decode
from searchengine.media.options import MediaOptions
from searchengine.media.outline import Cutting, Outline, outline
from searchengine.types import Media, Modality, SpanUnit

__all__ = ["Limits", "Sandbox"]

#: No call is given more than this, whatever the length of the parts that are asked for.
MAX_SECONDS = 3600.0

T = TypeVar("T")


class Sandbox:
    """Decodes in ``workers`` processes (one a core), started when needed; 0 decodes right here.

    Each process has bounded memory (of data, on Linux) and few files, cannot write files or dump
    core, is alone in a network without interfaces where Linux allows that, is killed at its
    deadline and replaced, and dies with this one. On macOS only the deadline, the process of its
    own and the limits on files hold; with ``workers`` 0 only the limits of the decoders themselves.
    It is no jail: a decoder that is taken over can still read what the user can read.

    Threads may share one. What goes wrong with a file is a MediaError naming the path as given;
    SearchEngineError means that no process can be started, or that this is closed.
    """

    def __init__(self, workers: int | None = None, limits: Limits | None = None) -> None:
        self._workers = (os.cpu_count() or 1) if workers is None else workers
        if self._workers < 0:
            raise ConfigError(f"workers must be 0 or more, not {workers}")
        self._limits = limits or Limits()
        self._crew = Crew(self._workers, self._limits)
        self._closer = weakref.finalize(self, self._crew.close)

    def outline(
        self, path: Path, modality: Modality, options: MediaOptions, cutting: Cutting
    ) -> Outline:
        """As ``outline.outline``."""
        if self._workers == 0:
            return outline(path, modality, options, cutting)
        request = {"modality": modality, "options": asdict(options), "cutting": asdict(cutting)}
        return self._ask(
            path,
            request,
            self._limits.seconds,
            lambda reply, _: wire.unpack_outline(modality, reply),
        )

    def decode(
        self, path: Path, modality: Modality, wanted: Sequence[Wanted], options: MediaOptions
    ) -> list[Media]:
        """As ``decode.decode``."""
        if self._workers == 0:
            return decode(path, modality, wanted, options)
        parts = [wire.pack_wanted(one) for one in wanted]
        request = {"modality": modality, "options": asdict(options), "wanted": parts}
        seconds = min(self._limits.seconds + _asked_s(wanted), MAX_SECONDS)
        return self._ask(
            path,
            request,
            seconds,
            lambda reply, arrays: wire.unpack_media(modality, len(wanted), reply, arrays),
        )

    def close(self) -> None:
        """Kill every process; a call that is under way in another thread fails."""
        self._closer()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(
        self,
        path: Path,
        request: wire.Message,
        seconds: float,
        read: Callable[[wire.Message, list[wire.Array]], T],
    ) -> T:
        # absolute, since a process keeps the working directory that it was started in
        request["path"] = os.path.abspath(path)  # noqa: PTH100
        with self._crew.lent() as child:
            try:
                reply, arrays = child.call(request, seconds)
                if "error" not in reply:
                    return read(reply, arrays)
                # decoders put the path into their messages; a server shall not tell its folders
                reason = str(reply["reason"]).replace(str(request["path"]), path.name)
            except Breach as breach:
                raise DecodeError(str(path), str(breach)) from None
            except wire.NONSENSE:
                child.dispose()
                raise DecodeError(str(path), "the decoder's answer makes no sense") from None
        if reply["error"] == ConfigError.__name__:
            raise ConfigError(reason)
        refused = reply["error"] == UnsupportedMedia.__name__
        raise (UnsupportedMedia if refused else DecodeError)(str(path), reason)


def _asked_s(wanted: Sequence[Wanted]) -> float:
    """Seconds of sound, film or motion in all the parts."""
    spans = [one.span for one in wanted if one.span]
    return sum(max(s.end - s.start, 0.0) for s in spans if s.unit is SpanUnit.SECONDS)
