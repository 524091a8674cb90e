"""The program: its commands, its global options, and how each failure ends."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from searchengine.cli import (
    batch,
    calibrate,
    db,
    demo,
    doctor,
    evaluate,
    export,
    index,
    key,
    library,
    models,
    query,
    serve,
)
from searchengine.cli.render import say
from searchengine.cli.session import Session
from searchengine.config import Settings
from searchengine.errors import (
    ConfigError,
    EncoderError,
    MediaError,
    QueryError,
    SearchEngineError,
    ServerError,
    StoreError,
)

EPILOG = """
Exit codes:
 0  done, or something was found
 1  nothing was found
 2  the command, the query, the filter or a setting is wrong
 3  a query file is missing or cannot be read
 4  the model failed
 5  the library failed, or has problems
 6  the system failed: disk, memory, installation, a server
70  a defect of this program; 130 interrupted; 141 nobody reads the pipe
"""

#: The first class that fits decides.
EXIT_CODES: dict[type[Exception], int] = {
    QueryError: 2,
    ConfigError: 2,
    MediaError: 3,
    EncoderError: 4,
    StoreError: 5,
    ServerError: 6,
    OSError: 6,
    MemoryError: 6,
}
DEFECT = 70
READER_GONE = 141  # 128 + SIGPIPE, as a shell reports it


class Program(TyperGroup):
    """Turns every failure into one line on stderr and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return _flushing(super().invoke, ctx)
        except BrokenPipeError:
            _forget_stdout()
            raise typer.Exit(READER_GONE) from None

    def main(self, *args: Any, **keywords: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            _escape_unprintable(stream)
        try:
            return super().main(*args, **keywords)
        except Exception as error:  # usage errors and exits have been dealt with by typer
            sys.exit(_report(error))


app = typer.Typer(
    cls=Program,
    help="Find anything with anything: text, images, video, audio, depth, thermal and IMU.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_FIND, _FILL, _KEEP = "Find", "Fill", "Keep"
app.command(rich_help_panel=_FILL)(index.index)
app.command(rich_help_panel=_FIND)(query.query)
app.command(rich_help_panel=_FIND)(query.similar)
app.command(rich_help_panel=_FIND)(batch.batch)
app.command(rich_help_panel=_FIND)(query.show)
app.command(rich_help_panel=_FIND)(demo.demo)
app.command(rich_help_panel=_FILL)(library.delete)
app.command(rich_help_panel=_KEEP)(library.status)
app.command(rich_help_panel=_KEEP)(library.verify)
app.command(rich_help_panel=_KEEP)(library.compact)
app.command(rich_help_panel=_KEEP)(library.tune)
app.command(rich_help_panel=_KEEP)(calibrate.calibrate)
app.command(rich_help_panel=_KEEP)(export.export)
app.command(rich_help_panel=_FIND)(serve.serve)
app.add_typer(key.app, name="key", rich_help_panel=_KEEP)
app.add_typer(library.collections, name="collection", rich_help_panel=_KEEP)
app.add_typer(models.app, name="models", rich_help_panel=_KEEP)
app.add_typer(db.app, name="db", rich_help_panel=_KEEP)
app.command(rich_help_panel=_KEEP)(doctor.doctor)
app.command("eval", rich_help_panel=_KEEP)(evaluate.evaluate)


def main() -> None:
    """The console script."""
    app(prog_name="searchengine")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"searchengine {version('searchengine')}")
        raise typer.Exit


@app.callback()
def start(
    ctx: typer.Context,
    library: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The folder everything is kept in.",
            show_default="$SEARCHENGINE_LIBRARY, or the platform's user data folder",
        ),
    ] = None,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            metavar="",
            show_default=False,
            help="Log to stderr, with tracebacks; twice for more.",
        ),
    ] = 0,
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", callback=_version, is_eager=True, help="Print it and leave."
        ),
    ] = False,
) -> None:
    _log(verbose)
    settings = Settings.from_environment()
    ctx.obj = Session(replace(settings, library=library.expanduser()) if library else settings)


def _log(verbose: int) -> None:
    """Once: what we do. Twice: what everyone does. Else: what should be looked into."""
    logging.basicConfig(
        level=logging.DEBUG if verbose > 1 else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        force=True,
    )
    for ours in ("searchengine", "indexer"):
        logging.getLogger(ours).setLevel(logging.INFO if verbose == 1 else logging.NOTSET)
    logging.captureWarnings(True)
    # What libraries warn their own callers of is no use to ours.
    logging.getLogger("py.warnings").setLevel(logging.NOTSET if verbose else logging.ERROR)


def _report(error: Exception) -> int:
    """Say what went wrong in one line; the exit code."""
    code = next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), DEFECT)
    verbose = logging.getLogger("searchengine").isEnabledFor(logging.INFO)
    if verbose:
        traceback.print_exception(error)
    say(f"error: {_one_line(error)}")
    if code == DEFECT and not verbose:
        say("This is a defect of searchengine; `searchengine --verbose ...` shows the traceback.")
    return code


def _one_line(error: Exception) -> str:
    if isinstance(error, SearchEngineError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return f"{type(error).__name__}: {error}"


def _flushing(invoke: Any, ctx: Any) -> Any:
    """Write out what is buffered while a broken pipe can still be answered for."""
    try:
        return invoke(ctx)
    finally:
        sys.stdout.flush()


def _forget_stdout() -> None:
    """Nobody reads it any more; Python must not fail again when it closes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _escape_unprintable(stream: Any) -> None:
    """A name that is not UTF-8, or a console that is not, never stops an answer."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
