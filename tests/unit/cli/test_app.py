"""Every command explains itself, starts at once, and fails with one line and its own code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from searchengine.cli.app import Program, app
from searchengine.errors import (
    ConfigError,
    DecodeError,
    InvalidFilter,
    NothingPublished,
    StoreLocked,
    UnknownEncoder,
)

COMMANDS = [
    "index", "query", "similar", "show", "status", "verify", "compact", "delete", "export",
    "demo", "doctor", "collection", "models", "db",
]  # fmt: skip

#: No colour, no links: what a terminal would obey.
ESCAPE = "\x1b"


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "searchengine", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
    )


def test_help_names_every_command_and_needs_no_heavy_library() -> None:
    code = (
        "import sys; from searchengine.cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'faiss', 'sqlalchemy', 'scipy', 'av') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for command in COMMANDS:
        assert f" {command} " in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["index"],
        ["index", "x", "--modality", "smell"],
        ["index", "x", "--imu-columns", "accel_x_g"],
        ["index", "x", "--depth-scale-m", "0"],
        ["query", "dog", "--json", "--paths"],
        ["query", "dog", "-k", "0"],
        ["query", "dog", "--to", "smell"],
        ["query", "dog", "--weight", "text=much"],
        ["query", "dog", "--open"],
        ["similar", "first"],
        ["export", "-o", "vectors.xls"],
        ["delete"],
    ],
)
def test_a_wrong_command_is_a_usage_error_on_stderr(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == "" and result.stderr


def test_a_wrong_setting_is_one_line() -> None:
    done = run("status", SEARCHENGINE_DEVICE="gpu")
    assert done.returncode == 2
    assert done.stderr == "error: device must be one of auto, cpu, cuda, not 'gpu'\n"


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("no"), 2, "error: no"),
        (InvalidFilter("a b", 2, "unexpected"), 2, "error: filter: unexpected at character 3: "),
        (DecodeError("x.jpg", "broken"), 3, "error: x.jpg: broken"),
        (UnknownEncoder("no"), 4, "error: no"),
        (StoreLocked("no"), 5, "error: no"),
        (NothingPublished("no"), 5, "error: no"),
        (PermissionError(13, "Permission denied", "out.npz"), 6, "error: out.npz: Permission"),
        (MemoryError(), 6, "error: MemoryError"),
        (ZeroDivisionError("oops"), 70, "error: ZeroDivisionError: oops"),
        (DecodeError("\x1b[2J\udce9.jpg", "broken"), 3, r"error: \x1b[2J\xe9.jpg: broken"),
    ],
)
def test_each_failure_has_its_code_and_its_line(error: Exception, code: int, line: str) -> None:
    failing = typer.Typer(cls=Program)

    @failing.callback()
    def start() -> None: ...

    @failing.command()
    def fail() -> None:
        raise error

    result = CliRunner().invoke(failing, ["fail"])
    assert result.exit_code == code
    assert result.stdout == "" and result.stderr.startswith(line)
    assert "Traceback" not in result.stderr
    assert ("--verbose" in result.stderr) == (code == 70)


def test_verbose_shows_where_it_happened(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("--verbose", "--library", str(tmp_path / "file" / "library"), "db", "upgrade")
    assert "Traceback" in done.stderr and "\nerror: " in done.stderr


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert run("--version").stdout == f"searchengine {version('searchengine')}\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    """The help is longer than what `head` takes; a pipe that nobody reads breaks."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "searchengine", "db", "current"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            env={**os.environ, "SEARCHENGINE_LIBRARY": "/nonexistent"},
        )
    assert done.stderr == b""
    assert done.returncode == 141


def test_interrupting_is_130_and_quiet() -> None:
    failing = typer.Typer(cls=Program)

    @failing.callback()
    def start() -> None: ...

    @failing.command()
    def wait() -> None:
        raise KeyboardInterrupt

    result = CliRunner().invoke(failing, ["wait"])
    assert result.exit_code == 130
    assert "Traceback" not in result.output


def test_nothing_piped_has_escape_codes(tmp_path: Path) -> None:
    for arguments in (["--help"], ["doctor", "--help"], ["db", "current"], ["nonsense"]):
        done = run("--library", str(tmp_path), *arguments, TERM="xterm-256color")
        assert ESCAPE not in done.stdout + done.stderr
