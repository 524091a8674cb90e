"""``--server URL`` changes nothing about what a command prints, nor how it ends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from searchengine.cli.app import app
from searchengine.store.keys import Scope
from searchengine.store.library import Library
from tests.congruence.doors import served

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(library: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command on the library: its exit code, and what it says on stdout and stderr."""
    monkeypatch.setenv("SEARCHENGINE_LIBRARY", str(library))

    def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        done = CliRunner().invoke(app, arguments, input=stdin)
        return done.exit_code, done.stdout, done.stderr

    return run


def untimed(printed: str) -> str:
    """Without how long it took, and to five digits."""
    try:
        document = json.loads(printed)
    except ValueError:
        return re.sub(r"(\d\.\d{5})\d+", r"\1", printed)
    if isinstance(document, dict):
        document.pop("seconds", None)
    return json.dumps(json.loads(json.dumps(document), parse_float=lambda x: round(float(x), 4)))


@pytest.mark.parametrize(
    "command",
    [
        ("query", "a dog"),
        ("query", "a dog", "--json", "-k", "3", "--explain"),
        ("query", "a dog", "--csv", "--filter", "modality = image"),
        ("query", "--audio", "{sounds/bark.ogg}@0-1", "--to", "image,text", "--paths"),
        ("query", "--not-image", "{photos/beach.jpg}", "--text", "sea", "--weight", "text=2"),
        ("query", "a dog", "--min-score", "2"),
        ("query", "--image", "/nowhere/x.png"),
        ("query", "a dog", "--filter", "year >"),
        ("query", "--like", "999"),
        ("query", "a dog", "--collection", "none"),
        ("query",),
        ("similar", "3", "--jsonl", "--to", "audio"),
        ("similar", "999"),
        ("show", "3"),
        ("show", "4", "--json"),
        ("show", "999"),
        ("status",),
        ("status", "--json"),
    ],
    ids=" ".join,
)
def test_a_command_prints_the_same(
    run: Run, url: str, media: Path, command: tuple[str, ...]
) -> None:
    given = [one.replace("{", f"{media}/").replace("}", "") for one in command]
    code, printed, said = run(*given)
    far_code, far_printed, far_said = run(*given, "--server", url)
    assert (far_code, far_said) == (code, said)
    assert untimed(far_printed) == untimed(printed)
    assert printed or said


def test_a_file_on_stdin_is_sent(run: Run, url: str, media: Path) -> None:
    sound = (media / "sounds" / "bark.ogg").read_bytes()
    here = run("query", "--audio", "-", "--paths", stdin=sound)
    assert here == run("query", "--audio", "-", "--paths", "--server", url, stdin=sound)
    broken = run("query", "--audio", "-", "--server", url, stdin=b"words")
    assert broken[0] == 3 and broken[2].startswith("error: standard input: ")


def test_a_server_that_is_not_there_is_named(run: Run) -> None:
    code, _, said = run("status", "--server", "http://127.0.0.1:9")
    assert code == 6 and "http://127.0.0.1:9" in said and said.count("\n") == 1
    assert run("status", "--server", "nonsense")[0] == 2


def test_a_model_is_the_server_s_to_choose(run: Run, url: str) -> None:
    code, _, said = run("query", "a dog", "--encoder", "starter", "--server", url)
    assert code == 2 and "server" in said


def test_the_key_of_the_environment_is_shown(
    run: Run, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Library(library) as opened:
        key = opened.keys.create("command line", Scope.READ)
    with served(library, keys_required=True) as url:
        assert run("status", "--server", url)[0] == 6
        monkeypatch.setenv("SEARCHENGINE_API_KEY", key)
        assert run("status", "--server", url) == run("status")
