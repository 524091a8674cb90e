"""``status``, ``verify``, ``compact``, ``delete`` and ``collection``: looking after a library."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from searchengine.cli import index_options as read
from searchengine.cli import options as opt
from searchengine.cli import query_options as ask
from searchengine.cli.formats import write_json
from searchengine.cli.render import plural, print_table, say, size_text, tell
from searchengine.cli.session import session_of
from searchengine.errors import CollectionNotFound
from searchengine.types import CollectionStatus, IndexStatus, Problem

NOTHING_FOUND = 1
HAS_PROBLEMS = 5

collections = typer.Typer(help="Make, list and drop collections.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME")]


def status(ctx: typer.Context, server: opt.Server = None, as_json: opt.AsJson = False) -> None:
    """Show every collection: what is in it, how it is searched, what it takes on disk."""
    with session_of(ctx).door(server) as door:
        found = door.status()
    if as_json:
        write_json([asdict(each) for each in found])
        return
    _show_status(found)


def _show_status(found: tuple[CollectionStatus, ...]) -> None:
    if not found:
        tell("no collections yet; `searchengine index FOLDER` makes one")
        return
    for number, each in enumerate(found):
        if number:
            tell()
        _show_collection(each)


def _show_collection(status: CollectionStatus) -> None:
    collection = status.collection
    limit = f", at most {size_text(status.budget_bytes)} in memory" if status.budget_bytes else ""
    tell(
        f"{collection.name}: {plural(status.items, 'item')}, {size_text(status.size_bytes)}, "
        f"encoder {collection.encoder} ({collection.dim} numbers a vector), "
        f"generation {collection.generation}{limit}"
    )
    for root in status.roots:
        tell(f"  from {root}")
    if status.indexes:
        print_table(
            ("modality", "items", "segments", "searched", "new", "deleted", "size", "memory"),
            list(_index_rows(status)),
            right=("items", "segments", "new", "deleted", "size", "memory"),
        )
    if any(index.points for index in status.indexes):
        _show_points(status.indexes)


def _index_rows(status: CollectionStatus) -> Iterator[tuple[str, ...]]:
    for index in status.indexes:
        counts = (index.delta, index.tombstones)
        yield (
            index.modality.value,
            str(index.items),
            str(index.segments),
            index.method,
            *map(str, counts),
            size_text(index.size_bytes),
            size_text(index.memory_bytes),
        )


def verify(
    ctx: typer.Context,
    repair: Annotated[
        bool, typer.Option("--repair", metavar="", help="Rebuild what can be; drop what cannot.")
    ] = False,
    as_json: opt.AsJson = False,
) -> None:
    """Compare every file of the library with its catalog and checksum. Exits 5 on a problem."""
    with session_of(ctx).engine() as engine:
        problems = engine.verify(repair=repair)
    if as_json:
        write_json([asdict(problem) for problem in problems])
    else:
        _show_problems(problems)
    if not all(problem.repaired for problem in problems):
        raise typer.Exit(HAS_PROBLEMS)


def _show_problems(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        tell(f"{problem.path}: {problem.reason}{' (repaired)' if problem.repaired else ''}")
    left = sum(not problem.repaired for problem in problems)
    if not left:
        tell("the library is sound")
    else:
        say(f"{plural(left, 'problem')}; `searchengine verify --repair` mends what can be mended")


def compact(
    ctx: typer.Context,
    collection: opt.Collection = None,
    memory_budget: read.MemoryBudget = None,
    as_json: opt.AsJson = False,
) -> None:
    """Give back the disk that deleted and replaced items still hold; make every index anew."""
    with session_of(ctx).using(collection).engine(memory_budget=memory_budget) as engine:
        given_back = engine.compact()
    if as_json:
        write_json({"bytes": given_back})
    else:
        tell(f"{size_text(given_back)} given back")


def tune(
    ctx: typer.Context,
    recall: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Of the 10 nearest, the share to find.")
    ] = 0.95,
    collection: opt.Collection = None,
    device: opt.Device = None,
    as_json: opt.AsJson = False,
) -> None:
    """Measure how hard each index must be searched to find what an exact search finds.

    Done by itself when an index is made. Real vectors of each other modality are the queries.
    """
    with session_of(ctx).using(collection, device=device).engine() as engine:
        indexes = engine.tune(recall=recall)
    if as_json:
        write_json([{"target": i.modality, **asdict(p)} for i in indexes for p in i.points])
    elif not any(index.points for index in indexes):
        tell("nothing to tune: every vector is compared")
    else:
        _show_points(indexes)


def _show_points(indexes: tuple[IndexStatus, ...]) -> None:
    print_table(
        ("queries of", "find", "lists probed", "reranked a hit", "recall@10", "queries"),
        [
            (
                point.asked.value,
                index.modality.value,
                f"{point.probed:.1%}",
                str(point.rerank_factor),
                f"{point.recall:.3f}",
                str(point.queries),
            )
            for index in indexes
            for point in index.points
        ],
        right=("lists probed", "reranked a hit", "recall@10", "queries"),
    )


def delete(
    ctx: typer.Context,
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="ID...", help="Items, as hits give them.")
    ] = None,
    path: ask.PathGlob = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Only count them.")
    ] = False,
    yes: opt.Yes = False,
    collection: opt.Collection = None,
    as_json: opt.AsJson = False,
) -> None:
    """Forget items, by id and by path. The files themselves are never touched."""
    if not ids and path is None:
        raise typer.BadParameter("give IDs, or --path GLOB")
    with session_of(ctx).using(collection).engine() as engine:
        count = engine.delete(ids=ids or (), path=path, dry_run=True)
        if count and not dry_run:
            _confirm(f"Forget {plural(count, 'item')}? The files stay.", yes)
            count = engine.delete(ids=ids or (), path=path)
    if as_json:
        write_json({"items": count})
    elif count:
        tell(f"{plural(count, 'item')} {'would be forgotten' if dry_run else 'forgotten'}")
    if not count:
        say("no such item")
        raise typer.Exit(NOTHING_FOUND)


def _confirm(question: str, yes: bool) -> None:
    """Ask a person; refuse to guess for a script."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is nobody to ask; add --yes")
    typer.confirm(question, abort=True, err=True)


@collections.command("create")
def create(ctx: typer.Context, name: Name, encoder: opt.EncoderName = None) -> None:
    """Make an empty collection that keeps one encoder."""
    session = session_of(ctx).using(encoder=encoder)
    with session.engine() as engine:
        collection = engine.create_collection(name, session.settings.encoder)
    tell(f"{collection.name}: encoder {collection.encoder}")


@collections.command("list")
def list_all(ctx: typer.Context, as_json: opt.AsJson = False) -> None:
    """List the collections of the library."""
    with session_of(ctx).engine() as engine:
        found = engine.collections()
    if as_json:
        write_json([asdict(collection) for collection in found])
        return
    rows = [(c.name, c.encoder, str(c.dim), str(c.generation)) for c in found]
    print_table(("name", "encoder", "dim", "generation"), rows, right=("dim", "generation"))


@collections.command("show")
def show(ctx: typer.Context, name: Name, as_json: opt.AsJson = False) -> None:
    """Show one collection, as `status` does."""
    with session_of(ctx).engine() as engine:
        found = tuple(each for each in engine.status() if each.collection.name == name)
    if not found:
        raise CollectionNotFound(f"no collection {name!r}; `searchengine collection list` has them")
    if as_json:
        write_json(asdict(found[0]))
    else:
        _show_status(found)


@collections.command("drop")
def drop(ctx: typer.Context, name: Name, yes: opt.Yes = False) -> None:
    """Forget a collection with everything in it. The files themselves are never touched."""
    with session_of(ctx).engine() as engine:
        _confirm(f"Forget the collection {name} with everything in it? The files stay.", yes)
        engine.drop_collection(name)
    tell(f"{name} dropped")
