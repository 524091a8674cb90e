"""``batch``: thousands of queries from a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from searchengine.cli import options as opt
from searchengine.cli.render import plural, say
from searchengine.cli.session import session_of
from searchengine.documents import result_dict
from searchengine.errors import SearchEngineError
from searchengine.types import SearchResult


def batch(
    ctx: typer.Context,
    queries: Annotated[
        typer.FileText,
        typer.Argument(
            metavar="QUERIES.jsonl",
            encoding="utf-8",
            errors="replace",
            help='A query a line, such as {"text": "a dog", "targets": ["image"], "k": 5}; - is '
            "stdin.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="HITS.jsonl", show_default="stdout"),
    ] = None,
    collection: opt.Collection = None,
    encoder: opt.EncoderName = None,
    device: opt.Device = None,
) -> None:
    """Answer a file of queries, encoded and searched in blocks.

    A line is an object with the names that Engine.search takes. Each is answered by one line, in
    order; one that cannot be is reported and stops nothing.
    """
    lines: list[Any] = []
    failed = 0
    with (
        session_of(ctx).using(collection, encoder, device).engine() as engine,
        output.open("w", encoding="utf-8") if output else nullcontext() as file,
    ):
        for number, answer in enumerate(engine.batch(_read(queries, lines)), start=1):
            if isinstance(answer, SearchEngineError):
                failed += 1
                say(f"line {number}: {answer}")
            row = json.dumps(_row(number, lines[number - 1], answer), ensure_ascii=file is None)
            print(row, file=file)
    say(f"{plural(len(lines), 'query').replace('querys', 'queries')}, {failed} failed")


def _read(file: Iterable[str], lines: list[Any]) -> Iterator[Any]:
    """Each line as the engine takes it; ``lines`` keeps what was asked."""
    for text in file:
        try:
            asked = json.loads(text)
        except ValueError:
            asked = None
        lines.append(asked)
        yield _checked(asked)


def _checked(asked: Any) -> Any:
    """What a line asks, without its ``id``; a line that cannot be meant as what is no query."""
    if not isinstance(asked, dict):
        return asked
    named = {name: value for name, value in asked.items() if name != "id" and value is not None}
    wrong = [name for name, value in named.items() if not isinstance(value, KINDS.get(name, _PART))]
    return f"{wrong[0]} cannot be {named[wrong[0]]!r}" if wrong else named


_PART = (str, list)

#: What the values of a line must be; those that are not here are words, files, or lists of them.
KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("like", "not_like"), (int, list)),
    "weights": dict,
    "negative": dict,
    "targets": list,
    "k": int,
    "offset": int,
    **dict.fromkeys(("min_score", "dedup", "diverse"), (int, float)),
    **dict.fromkeys(("exact", "explain", "hybrid"), bool),
}


def _row(number: int, asked: Any, answer: SearchResult | SearchEngineError) -> dict[str, Any]:
    """``id`` is the query's own, given back."""
    head = {"line": number}
    if isinstance(asked, dict) and "id" in asked:
        head["id"] = asked["id"]
    if isinstance(answer, SearchEngineError):
        return {**head, "error": type(answer).__name__, "reason": str(answer)}
    return {**head, **result_dict(answer, [asked])}
