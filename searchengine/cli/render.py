"""What people read: tables with colour on a terminal, plain aligned lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import category

from searchengine.types import (
    Explanation,
    Hit,
    MediaItem,
    Modality,
    SearchResult,
    Segment,
    SpanUnit,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

#: The fields of an item's metadata that say in words what it is, best first.
_SAYING = ("caption", "label", "title")
_ABOUT_CHARACTERS = 80

_COLOURS = {
    Modality.TEXT: "default",
    Modality.IMAGE: "cyan",
    Modality.VIDEO: "magenta",
    Modality.AUDIO: "yellow",
    Modality.DEPTH: "blue",
    Modality.THERMAL: "red",
    Modality.IMU: "green",
}


def say(message: str) -> None:
    """One line for the person, on stderr."""
    print(printable(message), file=sys.stderr)


def tell(line: str = "") -> None:
    """One line of the result, on stdout."""
    print(printable(line))


def heading(text: str) -> None:
    """A line above results, bold on a terminal."""
    if on_terminal():
        console().print(printable(text), style="bold")
    else:
        tell(text)


def printable(text: str) -> str:
    """The text with what a terminal would obey or could not show written as escapes.

    File names and captions are other people's: they may hold control characters, and bytes that
    are not UTF-8 (as lone surrogates).
    """
    return "".join(c if c.isprintable() or category(c) == "Zs" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte of a name that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def on_terminal() -> bool:
    """Whether results go to a person's screen."""
    return sys.stdout.isatty()


def console() -> Console:
    """Where rich writes results."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def print_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()
) -> None:
    """Rows under titles; columns named in ``right`` are numbers."""
    cells = [[printable(cell) for cell in row] for row in rows]
    if on_terminal():
        _rich_table(titles, cells, right)
    else:
        _plain_table(titles, cells, right)


def _rich_table(
    titles: Sequence[str], rows: Sequence[Sequence[str | Text]], right: Sequence[str]
) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in titles:
        number = title in right
        table.add_column(
            title, justify="right" if number else "left", no_wrap=number, overflow="fold"
        )
    for row in rows:
        table.add_row(*row)
    console().print(table)


def _plain_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]
) -> None:
    from rich.cells import cell_len

    lines = [list(titles), *rows]
    widths = [max(cell_len(line[n]) for line in lines) for n in range(len(titles))]
    for line in lines:
        cells = []
        for cell, width, title in zip(line, widths, titles, strict=True):
            gap = " " * (width - cell_len(cell))
            cells.append(gap + cell if title in right else cell + gap)
        print("  ".join(cells).rstrip())


def print_hits(result: SearchResult) -> None:
    """The answers, best first, and why each is there when that was asked for."""
    if on_terminal():
        _rich_hits(result)
    else:
        titles = ("#", "modality", "score", "similarity", "path", "segment", "about")
        _plain_table(titles, [_plain_row(hit) for hit in result], right=_NUMBERS)
    for hit in result:
        if hit.explain:
            tell(f"#{hit.rank}  {_reason(hit, hit.explain)}")


def _reason(hit: Hit, why: Explanation) -> str:
    """``score 4.1 = (0.62 - 0.21) / 0.10, nearer than 99.8 % ...; text 0.62 (4.1)``."""
    share = (
        "" if hit.percentile is None else f", nearer than {100 * hit.percentile:.1f} % of its kind"
    )
    parts = ", ".join(
        f"{part.modality.value}{'' if part.weight == 1 else f' x {part.weight:g}'} "
        f"{part.similarity:.3f} ({part.score:+.1f})"
        for part in why.parts
    )
    sum_ = f"({why.closeness:.3f} - {why.mean:.3f}) / {why.deviation:.3f}"
    return f"{sum_}{share}; parts: {parts}; searched: {why.method}"


_NUMBERS = ("#", "score", "similarity")

#: Narrower than this, a terminal shows one number a hit: what it is ranked by.
_NARROW_COLUMNS = 60


def _plain_row(hit: Hit) -> list[str]:
    place = (near(hit.item.path), span_text(hit.segment), about(hit.item))
    return [
        str(hit.rank),
        hit.segment.modality.value,
        f"{hit.score:.3f}",
        f"{hit.similarity:.3f}",
        *map(printable, place),
    ]


def _rich_hits(result: SearchResult) -> None:
    """As plain, in colour; under the path, which is a link, the segment and what it is about."""
    from rich.text import Text

    titles = ["#", "modality", "score", "similarity", "path"]
    rows: list[list[str | Text]] = []
    for hit in result:
        rank, modality, score, similarity, *_ = _plain_row(hit)
        coloured = Text(modality, style=_COLOURS[hit.segment.modality])
        rows.append([rank, coloured, score, similarity, _place(hit)])
    if console().width < _NARROW_COLUMNS:
        shown = [0, 1, 2, 4]
        titles, rows = [titles[n] for n in shown], [[row[n] for n in shown] for row in rows]
    _rich_table(titles, rows, right=_NUMBERS)


def _place(hit: Hit) -> Text:
    from rich.text import Text

    *_, path, segment, said = _plain_row(hit)
    place = Text()
    place.append(path, style=f"link {Path(hit.item.path).as_uri()}")
    if below := "  ".join(filter(None, (segment, said))):
        place.append(f"\n{below}", style="dim")
    return place


def about(item: MediaItem) -> str:
    """What the item's metadata says it is, cut to a line; empty when it says nothing."""
    said = next((str(item.metadata[key]) for key in _SAYING if item.metadata.get(key)), "")
    line = " ".join(said.split())
    return line if len(line) <= _ABOUT_CHARACTERS else line[: _ABOUT_CHARACTERS - 1] + "…"


def near(path: str) -> str:
    """The path from here when it is below here, else as it is."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere, or the working folder has gone
        return path


def span_text(segment: Segment) -> str:
    """``0:05-0:10``, or ``chars 0-240``; empty for a whole item."""
    span = segment.span
    if span is None:
        return ""
    if span.unit is SpanUnit.CHARACTERS:
        return f"chars {span.start:.0f}-{span.end:.0f}"
    return f"{_clock(span.start)}-{_clock(span.end)}"


def _clock(seconds: float) -> str:
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 10:02d}" + (f".{rest % 10}" if rest % 10 else "")
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def size_text(size_bytes: int) -> str:
    """``1.2 MB``."""
    from rich.filesize import decimal

    return decimal(size_bytes)


def duration_text(seconds: float) -> str:
    """``0.42 s``, or ``3:05`` from a minute on."""
    return f"{seconds:.2f} s" if seconds < 60 else _clock(round(seconds))


def plural(count: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
