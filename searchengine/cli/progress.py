"""How an index run is going, on stderr, when a person is watching."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from searchengine.types import Progress


@contextmanager
def watched() -> Iterator[Callable[[Progress], None]]:
    """What to call with each ``Progress``; it shows nothing when stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.fields[found]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("[red]{task.fields[failures]}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("scanning", total=None, found="?", rate="", failures="")

        def show(progress: Progress) -> None:
            """Until the scan has ended there is no total, so no time left either."""
            speed = bar.tasks[0].speed
            bar.update(
                task,
                description="indexing" if progress.scanned else "scanning",
                completed=progress.done,
                total=progress.found if progress.scanned else None,
                found=progress.found,
                rate=f"{speed:.1f} files/s" if speed else "",
                failures=f"{progress.failures} failed" if progress.failures else "",
            )

        yield show
