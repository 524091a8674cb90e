"""``models pull``: weights that are not ours to ship, fetched by whoever may use them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from searchengine.cli.render import say, size_text, tell
from searchengine.config import models_folder
from searchengine.errors import CheckpointError, UnknownEncoder

if TYPE_CHECKING:
    from searchengine.models.imagebind.release import Release
    from searchengine.models.imagebind.weights import Weights

#: What CC BY-NC-SA 4.0 asks for, in words: sections 1, 2(a) and 3 of its legal code.
_TERMS = (
    "  non-commercial: for no use that aims at commercial advantage or payment",
    "  share alike: what you make of them and pass on goes under the same licence",
    "  attribution: whoever passes them on names their makers and this licence",
)


def pull(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of `models list`.")],
    accept_licence: Annotated[
        bool,
        typer.Option(
            "--accept-licence", metavar="", help="You accept what it says; do not ask for it."
        ),
    ] = False,
    given: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="The published file, if you have it."),
    ] = None,
) -> None:
    """Fetch, check and convert a model's weights, once its licence is accepted.

    They go into a folder of their own in $SEARCHENGINE_MODELS. An interrupted download goes on
    where it ended.
    """
    from searchengine.models.imagebind.pull import pull as pull_weights
    from searchengine.models.imagebind.release import RELEASES
    from searchengine.models.imagebind.weights import installed, verify

    if known_model(name) not in RELEASES:
        tell(f"{name}: ships with searchengine, there is nothing to fetch")
        return
    release, folder = RELEASES[name], models_folder() / name
    if weights := installed(folder):
        say(f"checking {folder}")
        if not verify(folder):
            tell(f"{name}: already complete in {folder} ({_size(weights)})")
            return
    _agree(release, accept_licence)
    say(f"into {folder}")
    with _resumable(), _watched(release, given) as on_progress:
        weights = pull_weights(release, folder, given, on_progress)
    tell(f"{name}: complete in {folder} ({_size(weights)})")


def known_model(name: str) -> str:
    """``name``, when there is such a model. Raises UnknownEncoder."""
    from searchengine.encoders.registry import describe
    from searchengine.models.imagebind.release import RELEASES

    names = dict.fromkeys([*(info.name for info in describe()), *RELEASES])
    if name not in names:
        raise UnknownEncoder(f"no model {name!r}; those here are: {', '.join(names)}")
    return name


def _agree(release: Release, accepted: bool) -> None:
    """Show the licence; ask a person whether they accept it. Raises CheckpointError otherwise."""
    say(f"{release.name}: weights of {size_text(release.size_bytes)} from {release.url}")
    say(f"licence {release.licence}, {release.licence_url}")
    if "NC" in release.licence:
        for term in _TERMS:
            say(term)
    if accepted:
        return
    if not sys.stdin.isatty():
        raise CheckpointError(
            f"{release.name}: nothing was fetched, for there is nobody to ask; "
            "if you accept its licence, add --accept-licence"
        )
    if not typer.confirm("Do you accept this licence?", err=True):
        raise CheckpointError(f"{release.name}: nothing was fetched, its licence was not accepted")


def _size(weights: Weights) -> str:
    return size_text(sum(file.size_bytes for file in weights.files.values()))


@contextmanager
def _resumable() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted; what has come is kept, and the same command goes on from there")
        raise


@contextmanager
def _watched(release: Release, given: Path | None) -> Iterator[Callable[[str, int, int], None]]:
    """What to call as it goes: a bar a step on a terminal, else a line a step."""
    sources = {"downloading": release.url, "checking": given or release.file_name}
    if not sys.stderr.isatty():
        yield _lines(sources)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description:11}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def show(step: str, done_bytes: int, total_bytes: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total_bytes)
            bars.update(tasks[step], completed=done_bytes, total=total_bytes)

        yield show


def _lines(sources: Mapping[str, object]) -> Callable[[str, int, int], None]:
    said: set[str] = set()

    def show(step: str, _done_bytes: int, _total_bytes: int) -> None:
        if step not in said:
            said.add(step)
            say(f"{step} {sources.get(step, 'into memory-mapped files')}")

    return show
