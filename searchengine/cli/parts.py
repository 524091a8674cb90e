"""What a query is made of, from the options that spell it."""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import typer

from searchengine.errors import MediaError
from searchengine.types import Modality

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Asked:
    """What to search by. ``wanted`` and ``unwanted`` hold words or files by modality."""

    wanted: Mapping[Modality, Sequence[str]] = field(default_factory=dict)
    unwanted: Mapping[Modality, Sequence[str]] = field(default_factory=dict)
    like: Sequence[int] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    not_like: Sequence[int] = ()

    def keywords(self) -> dict[str, Any]:
        """As ``Engine.search`` takes it."""
        return {
            **{str(modality): list(values) for modality, values in self.wanted.items()},
            "negative": {str(modality): list(values) for modality, values in self.unwanted.items()},
            "like": list(self.like) or None,
            "not_like": list(self.not_like) or None,
            "weights": dict(self.weights) or None,
        }

    def parts(self) -> list[dict[str, Any]]:
        """As the result repeats it: one object a part, negative weights move away."""
        return [
            *_listed(self.wanted, self.weights),
            *({"id": item_id, "weight": 1.0} for item_id in self.like),
            *({"id": item_id, "weight": -1.0} for item_id in self.not_like),
            *_listed(self.unwanted, dict.fromkeys(Modality, -1.0)),
        ]


def _listed(
    values: Mapping[Modality, Sequence[str]], weights: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    for modality, given in values.items():
        kind = "text" if modality is Modality.TEXT else "file"
        for value in given:
            weight = weights.get(modality, 1.0)
            yield {"modality": modality.value, kind: value, "weight": weight}


def asked_for(
    wanted: Mapping[str, Sequence[str] | None],
    unwanted: Mapping[str, Sequence[str] | None],
    like: Sequence[int] | None,
    weight: Sequence[str] | None,
    not_like: Sequence[int] | None = None,
) -> Asked:
    """The parts that were given. Raises a usage error for a weight that is none."""
    return Asked(
        {Modality(name): tuple(values) for name, values in wanted.items() if values},
        {Modality(name): tuple(values) for name, values in unwanted.items() if values},
        tuple(like or ()),
        dict(_weight(text) for text in weight or ()),
        tuple(not_like or ()),
    )


def modalities(texts: Sequence[str] | None) -> tuple[str, ...] | None:
    """``["image,thermal"]`` as modalities; None for all. Raises a usage error."""
    names = [name.strip() for text in texts or () for name in text.split(",")]
    return tuple(_modality(name, "--to").value for name in names) or None


def _weight(text: str) -> tuple[str, float]:
    name, equals, number = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not MODALITY=W", param_hint="--weight")
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        raise typer.BadParameter(f"{number!r} is not a number", param_hint="--weight")
    return _modality(name.strip(), "--weight").value, weight


def _modality(name: str, option: str) -> Modality:
    try:
        return Modality(name)
    except ValueError:
        known = ", ".join(Modality)
        message = f"{name!r} is no modality; they are {known}"
        raise typer.BadParameter(message, param_hint=option) from None


@contextmanager
def stdin_read(asked: Asked) -> Iterator[Asked]:
    """The parts with ``-`` replaced by what stdin holds: words, or a file kept for the while."""
    values = [v for part in (asked.wanted, asked.unwanted) for vs in part.values() for v in vs]
    marks = [value for value in values if _is_stdin(value)]
    if len(marks) > 1:
        raise typer.BadParameter("stdin can only be read once; give - to one option")
    if not marks:
        yield asked
        return
    with tempfile.TemporaryDirectory(prefix="searchengine-") as folder:
        try:
            yield _replaced(asked, lambda modality, mark: _from_stdin(modality, mark, Path(folder)))
        except MediaError as error:
            if not error.path.startswith(folder):
                raise
            raise type(error)("standard input", error.reason) from error


def _is_stdin(value: str) -> bool:
    return value == STDIN or value.startswith(STDIN + "@")


def _replaced(asked: Asked, read: Callable[[Modality, str], str]) -> Asked:
    def filled(part: Mapping[Modality, Sequence[str]]) -> dict[Modality, tuple[str, ...]]:
        return {
            modality: tuple(read(modality, v) if _is_stdin(v) else v for v in values)
            for modality, values in part.items()
        }

    return replace(asked, wanted=filled(asked.wanted), unwanted=filled(asked.unwanted))


def _from_stdin(modality: Modality, mark: str, folder: Path) -> str:
    """The words on stdin, or a file with its bytes, keeping an ``@start-end``."""
    if modality is Modality.TEXT:
        if mark != STDIN:
            return mark  # words that begin with -@ are words
        return sys.stdin.buffer.read().decode("utf-8", errors="replace").strip()
    path = folder / "stdin"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return str(path) + mark.removeprefix(STDIN)
