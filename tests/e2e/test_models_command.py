"""``models`` as a person and a script use it: a real server, a terminal, real files."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from searchengine.cli.app import app
from searchengine.demo import corpus
from searchengine.models.imagebind.pull import LOCK
from searchengine.models.imagebind.release import IMAGEBIND_HUGE, RELEASES, Release
from searchengine.models.imagebind.weights import FILES, MANIFEST, verify
from tests.small_release import Server, release_of, serving, small_state

NAME = IMAGEBIND_HUGE.name
LICENCE = b"https://creativecommons.org/licenses/by-nc-sa/4.0/"

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("official") / "small.pth"
    torch.save(small_state(), path)
    return path


@pytest.fixture
def server(official: Path) -> Iterator[Server]:
    with serving(official.read_bytes()) as server:
        yield server


@pytest.fixture
def release(official: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Release:
    """A small model, published here under the name and the licence of the official one."""
    facts = {"name": NAME, "licence_url": IMAGEBIND_HUGE.licence_url}
    release = replace(release_of(official, server.url), **facts)  # type: ignore[arg-type]
    monkeypatch.setitem(RELEASES, NAME, release)
    return release


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEARCHENGINE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models" / NAME


@pytest.fixture
def run(folder: Path, release: Release) -> Run:
    def command(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, ["models", *map(str, arguments)])

    return command


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {LOCK}


def test_weights_are_fetched_once_the_licence_is_accepted(
    run: Run, folder: Path, server: Server
) -> None:
    done = run("pull", NAME, "--accept-licence")
    assert done.exit_code == 0, done.stderr
    assert names(folder) == {*FILES, MANIFEST} and verify(folder) == ()
    assert done.stdout.startswith(f"{NAME}: complete in {folder} (")
    for said in (LICENCE, b"non-commercial", b"share alike", b"attribution", server.url.encode()):
        assert said in done.stderr_bytes
    steps = [line.split()[0] for line in done.stderr.splitlines()]
    assert steps[-3:] == ["downloading", "checking", "converting"]


def test_what_is_complete_is_left_alone(run: Run, folder: Path, server: Server) -> None:
    run("pull", NAME, "--accept-licence")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = run("pull", NAME)
    assert again.exit_code == 0 and "already complete" in again.stdout
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert len(server.asked) == 1


@pytest.mark.parametrize("how", [[], ["--from", "{official}"]])
def test_a_licence_that_nobody_accepted_fetches_nothing(
    run: Run, folder: Path, server: Server, official: Path, how: list[str]
) -> None:
    done = run("pull", NAME, *(word.format(official=official) for word in how))
    assert done.exit_code == 4 and done.stdout == ""
    assert LICENCE in done.stderr_bytes and "--accept-licence" in done.stderr.splitlines()[-1]
    assert server.asked == [] and not folder.exists()


#: The program, with a small model in the place of the official one.
PROGRAM = """
import sys
from dataclasses import replace
from pathlib import Path
from searchengine.cli.app import app
from searchengine.models.imagebind import release
from tests.small_release import release_of
official, url = sys.argv[1:3]
small = replace(release_of(Path(official), url), name="imagebind-huge")
release.RELEASES["imagebind-huge"] = small
app(["models", *sys.argv[3:]])
"""


def on_terminal(words: list[str], typed: bytes) -> tuple[int, str]:
    """The exit code, and all that a command sends to a terminal on which something is typed."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environ,
        cwd=root,
    ) as process:
        os.close(theirs)
        os.write(ours, typed)
        sent = b""
        while chunk := _read(ours):
            sent += chunk
        os.close(ours)
    return process.returncode, sent.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux reports the end of a terminal as an I/O error
        return b""


def test_a_person_is_asked_and_sees_bars(folder: Path, official: Path, server: Server) -> None:
    words = [str(official), server.url, "pull", NAME]
    code, said = on_terminal(words, b"n\n")
    assert code == 4 and "Do you accept this licence?" in said and "not accepted" in said
    assert server.asked == [] and not folder.exists()
    code, said = on_terminal(words, b"y\n")
    assert code == 0 and "complete in" in said, said
    assert all(step in said for step in ("downloading", "checking", "converting", "━"))
    assert verify(folder) == ()


def test_a_file_at_hand_is_taken_and_stays(
    run: Run, folder: Path, server: Server, official: Path
) -> None:
    done = run("pull", NAME, "--from", official, "--accept-licence")
    assert done.exit_code == 0 and official.exists() and server.asked == []
    assert "downloading" not in done.stderr and str(official) in done.stderr
    assert verify(folder) == ()


def test_a_file_that_is_another_is_one_line(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other.pth").write_bytes(b"other")
    for given in ("other.pth", "none.pth"):
        done = run("pull", NAME, "--from", tmp_path / given, "--accept-licence")
        assert done.exit_code == 4 and done.stdout == ""
        assert done.stderr.splitlines()[-1].startswith(f"error: {tmp_path / given}: ")
        assert names(folder) == set()


def test_a_server_that_refuses_is_one_line_with_the_way_out(run: Run, server: Server) -> None:
    server.status = 404
    done = run("pull", NAME, "--accept-licence")
    assert done.exit_code == 4 and "404" in done.stderr and "--from" in done.stderr


def test_what_ships_needs_no_fetching_and_what_is_unknown_is_said(run: Run) -> None:
    assert "nothing to fetch" in run("pull", "starter").stdout
    for command in ("pull", "verify"):
        done = run(command, "nonsense")
        assert done.exit_code == 4 and "starter, imagebind-huge" in done.stderr


def verified(run: Run, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = run("verify", *arguments, "--json")
    return done.exit_code, {each["name"]: each for each in json.loads(done.stdout)}


def test_verify_reads_every_byte_and_pull_mends(run: Run, folder: Path, server: Server) -> None:
    run("pull", NAME, "--accept-licence")
    code, found = verified(run)
    assert code == 0 and set(found) == {NAME, "starter"}
    assert found[NAME] == {"name": NAME, "place": str(folder), "problems": []}
    spoilt = folder / "imu.bf16.safetensors"
    data = bytearray(spoilt.read_bytes())
    data[-1] ^= 1
    spoilt.write_bytes(data)
    code, found = verified(run, NAME)
    assert code == 4 and set(found) == {NAME}
    assert [problem["path"] for problem in found[NAME]["problems"]] == [str(spoilt)]
    said = run("verify")
    assert said.exit_code == 4 and f"{spoilt}: altered" in said.stdout
    assert "starter: sound" in said.stdout and f"models pull {NAME}" in said.stderr
    assert run("pull", NAME, "--accept-licence").exit_code == 0
    assert verified(run, NAME)[0] == 0 and len(server.asked) == 2


def test_weights_that_are_not_here_are_a_problem_only_when_asked_for(run: Run) -> None:
    assert set(verified(run)[1]) == {"starter"}
    done = run("verify", NAME)
    assert done.exit_code == 4 and "--accept-licence" in done.stderr


def test_weights_and_a_library_around_them_do_not_disturb_each_other(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    """As by default: the library is the user data folder, the weights are in it."""
    (tmp_path / "note.txt").write_text("a note")
    run("pull", NAME, "--accept-licence")
    for command in (
        ["index", str(tmp_path / "note.txt"), "--encoder", "starter"],
        ["verify", "--repair"],
        ["compact"],
        ["delete", "--path", "*", "--yes"],
        ["collection", "drop", "default", "--yes"],
        ["verify"],
    ):
        done = CliRunner().invoke(app, ["--library", str(tmp_path), *command])
        assert done.exit_code == 0, (command, done.output)
    assert verify(folder) == () and names(folder) == {*FILES, MANIFEST}


def test_every_list_says_that_the_weights_are_not_for_commerce(run: Run) -> None:
    done = run("list")
    assert done.exit_code == 0 and f"{NAME}: " in done.stderr
    assert "does not allow commercial use" in done.stderr


KITTEN = ["--image", "photos/ginger_kitten.webp", "--audio", "sounds/meow.wav"]
OWL = ["--image", "photos/owl_on_branch.jpg", "--audio", "sounds/owl_hooting.ogg"]
GONE = ["--image", "x.png", "--audio", "x.wav"]
DRUMS = ["--image", "photos/taiko_stage.jpg", "--audio", "sounds/taiko.ogg"]


@pytest.fixture
def in_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(corpus())


@pytest.mark.usefixtures("in_corpus")
def test_a_check_shows_three_tables_of_shares(run: Run) -> None:
    words = ["--text", "a kitten", "--text", "an owl", "--text", "drums"]
    done = run("check", "starter", *KITTEN, *OWL, *DRUMS, *words, "--json")
    assert done.exit_code == 0, done.stderr
    tables = {(t["rows"], t["columns"]): t for t in json.loads(done.stdout)["tables"]}
    assert list(tables) == [("image", "text"), ("audio", "text"), ("image", "audio")]
    for table in tables.values():
        assert table["right"] == 3
        assert all(sum(row) == pytest.approx(1, abs=1e-6) for row in table["softmax"])
        assert min(table["softmax"][n][n] for n in range(3)) > 0.75
    shown = run("check", "starter", *KITTEN, *OWL, *DRUMS, *words)
    lines = shown.stdout.splitlines()
    assert lines[0] == "image x text" and lines[1].split() == ["a", "kitten", "an", "owl", "drums"]
    share = tables["image", "text"]["softmax"][0][0]
    assert lines[2].split()[:2] == ["photos/ginger_kitten.webp", f"{share:.4f}"]
    assert shown.stderr == "9 of 9 rows prefer their own\n"


@pytest.mark.usefixtures("in_corpus")
def test_a_check_that_fails_is_exit_4(run: Run) -> None:
    done = run("check", "starter", *KITTEN, *OWL, "--text", "an owl", "--text", "a kitten")
    assert done.exit_code == 4 and "2 of 6 rows prefer their own" in done.stderr


@pytest.mark.usefixtures("in_corpus")
@pytest.mark.parametrize(
    ("name", "arguments", "code", "said"),
    [
        ("starter", [*KITTEN, "--text", "a kitten"], 2, "two or more"),
        ("starter", [*KITTEN, *OWL, "--text", "a kitten"], 2, "as many"),
        ("starter", [*KITTEN, *KITTEN, "--text", "a", "--text", " "], 2, "empty"),
        ("starter", [*KITTEN, *GONE, "--text", "a", "--text", "b"], 3, "x.png: no such file"),
        (NAME, [*KITTEN, *OWL, "--text", "a kitten", "--text", "an owl"], 4, "--accept-licence"),
        ("nonsense", [*KITTEN, *OWL, "--text", "a", "--text", "b"], 4, "nonsense"),
    ],
)  # fmt: skip
def test_a_check_that_cannot_be_is_one_line(
    run: Run, name: str, arguments: list[str], code: int, said: str
) -> None:
    done = run("check", name, *arguments)
    assert done.exit_code == code and done.stdout == "" and said in done.stderr, done.stderr
