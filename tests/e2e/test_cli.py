"""The command line as a person and a script use it: a real library, files, pipes, a terminal."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner

from searchengine.cli.app import app
from searchengine.cli.demo import QUESTIONS


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: bytes
    stderr: bytes


Run = Callable[..., Done]

SEARCHENGINE = [sys.executable, "-m", "searchengine"]

#: A name that shells, terminals and line-based tools stumble over.
ODD_NAME = "caf\u00e9 \x1b[31m\n'\".png"


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with words, pictures, sounds, two of them unreadable."""
    folder = tmp_path_factory.mktemp("media")
    rng = np.random.default_rng(0)
    for name, colour in {"red.png": (220, 30, 20), "sky.jpg": (110, 170, 240)}.items():
        noise = rng.integers(0, 30, (64, 64, 3))
        Image.fromarray(np.clip(noise + colour, 0, 255).astype(np.uint8)).save(folder / name)
    shutil.copy(folder / "red.png", folder / ODD_NAME)
    beep = 0.3 * np.sin(np.arange(12 * 16000) / 16000 * 2 * np.pi * 440)
    soundfile.write(folder / "beep.wav", beep.astype(np.float32), 16000)
    (folder / "note.txt").write_text("A red square on a wall.\n")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (folder / "empty.wav").write_bytes(b"")
    row = {"file_name": "sky.jpg", "caption": "the sky \x1b[31mat noon", "year": 2021}
    (folder / "metadata.jsonl").write_text(json.dumps(row) + "\n")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a command on the module's library, in this process: torch is loaded once."""
    library = tmp_path_factory.mktemp("library") / "library"

    def command(*arguments: str | Path, input: bytes = b"") -> Done:
        words = ["--library", str(library), *map(str, arguments)]
        result = CliRunner().invoke(app, words, input=input)
        return Done(result.exit_code, result.stdout_bytes, result.stderr_bytes)

    return command


@pytest.fixture(scope="module")
def words(run: Run, media: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The start of a command line for a process of its own, on a library that is filled."""
    library = tmp_path_factory.mktemp("apart")
    assert run("--library", library, "index", media, "--encoder", "starter").returncode == 0
    return [*SEARCHENGINE, "--library", str(library)]


@pytest.fixture(scope="module")
def report(run: Run, media: Path) -> dict[str, Any]:
    """The report of the first run over ``media``."""
    done = run("index", media, "--encoder", "starter", "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture
def ask(run: Run, report: dict[str, Any]) -> Callable[..., Any]:
    """A query's JSON, from a library that is filled."""

    def query(*arguments: str | Path, **keywords: Any) -> Any:
        done = run("query", *arguments, "--json", **keywords)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return query


def test_a_report_has_the_contract_and_every_failure(report: dict[str, Any]) -> None:
    assert set(report) == {
        "new", "changed", "moved", "gone", "unchanged", "segments", "failures", "seconds",
        "encoder_busy",
    }  # fmt: skip
    assert report["new"] == 5
    assert {Path(each["path"]).name for each in report["failures"]} == {"broken.png", "empty.wav"}
    for failure in report["failures"]:
        assert set(failure) == {"path", "error", "reason"} and all(failure.values())


def test_indexing_again_finds_nothing_new(run: Run, media: Path, report: dict[str, Any]) -> None:
    done = run("index", media)
    assert done.returncode == 0
    assert b"5 unchanged" in done.stdout and b"broken.png: " in done.stdout
    assert done.stderr == b""


def test_a_dry_run_shows_the_rule_of_each_file(run: Run, media: Path, tmp_path: Path) -> None:
    done = run("--library", tmp_path / "new", "index", media, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    rows = {Path(row["path"]).name: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows["sky.jpg"]["modality"] == "image" and rows["sky.jpg"]["rule"]
    assert rows["beep.wav"]["state"] == "new"


def test_words_find_hits_of_several_modalities(ask: Callable[..., Any]) -> None:
    found = ask("a red square")
    assert {hit["modality"] for hit in found["hits"]} == {"text", "image", "audio"}
    assert [hit["rank"] for hit in found["hits"]] == list(range(1, len(found["hits"]) + 1))
    assert found["query"] == [{"modality": "text", "text": "a red square", "weight": 1.0}]
    assert found["complete"] is True and found["generation"] >= 1


def test_the_same_file_finds_itself_first(ask: Callable[..., Any], media: Path) -> None:
    hit = ask("--audio", media / "beep.wav", "--to", "audio")["hits"][0]
    assert Path(hit["path"]).name == "beep.wav" and hit["similarity"] > 0.9


def test_a_part_of_a_file_and_stdin_are_queries_too(ask: Callable[..., Any], media: Path) -> None:
    part = ask("--audio", f"{media / 'beep.wav'}@0-5", "--to", "audio", "--group", "none")
    piped = ask(
        "--audio",
        "-@0-5",
        "--to",
        "audio",
        "--group",
        "none",
        input=(media / "beep.wav").read_bytes(),
    )
    assert part["hits"] == piped["hits"]
    assert piped["query"][0]["file"] == "-@0-5"
    assert part["hits"][0]["segment"]["unit"] == "s"


def test_words_come_from_stdin(ask: Callable[..., Any]) -> None:
    assert ask("-", input=b"a red square\n")["hits"] == ask("a red square")["hits"]


def test_a_filter_and_a_path_narrow_the_hits(ask: Callable[..., Any]) -> None:
    (sky,) = ask("anything", "--filter", "year >= 2020")["hits"]
    assert Path(sky["path"]).name == "sky.jpg" and sky["metadata"]["year"] == 2021
    assert [Path(h["path"]).name for h in ask("x", "--path", "*.wav")["hits"]] == ["beep.wav"]


def test_hits_are_thinned_varied_and_turned_away(ask: Callable[..., Any]) -> None:
    hits = ask("a red square", "-k", "50")["hits"]
    ids = {hit["id"] for hit in hits}
    for option in (["--diverse"], ["--diverse-by", "0.9"], ["--dedup-at", "1"]):
        assert {hit["id"] for hit in ask("a red square", "-k", "50", *option)["hits"]} <= ids
    assert len(ask("a red square", "-k", "50", "--dedup-at", "-1")["hits"]) < len(hits)
    away = ask("a red square", "--not-like", str(hits[0]["id"]))
    assert away["query"][-1] == {"id": hits[0]["id"], "weight": -1.0}
    assert hits[0]["id"] not in {hit["id"] for hit in away["hits"]}


def test_calibrate_shows_every_pair_of_modalities(run: Run, report: dict[str, Any]) -> None:
    pairs = json.loads(run("calibrate", "--json").stdout)
    kinds = {pair["asked"] for pair in pairs}
    assert len(pairs) == len(kinds) ** 2
    assert all(pair["deviation"] >= 0 and len(pair["percentiles"]) == 3 for pair in pairs)
    table = run("calibrate").stdout.decode()
    assert "expected" in table and len(table.splitlines()) == 1 + len(pairs)


def test_nothing_found_is_exit_1_with_a_line(run: Run, report: dict[str, Any]) -> None:
    done = run("query", "anything", "--filter", "year > 3000")
    reason = b"nothing found: no item fits the filter\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", reason)
    as_json = run("query", "anything", "--filter", "year > 3000", "--json")
    assert as_json.returncode == 1 and json.loads(as_json.stdout)["hits"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["x", "--filter", "year >"], 2, b"filter: "),
        ([], 2, b"nothing to search for"),
        (["--like", "999999"], 2, b"999999"),
        (["--image", "{media}/none.png"], 3, b"none.png"),
        (["--image", "{media}/broken.png"], 3, b"broken.png"),
        (["--audio", "{media}/beep.wav@9-2"], 2, b"9-2"),
        (["x", "--collection", "none"], 5, b"none"),
        (["x", "--encoder", "none"], 4, b"none"),
    ],
)
def test_a_failing_query_is_one_line_and_its_code(
    run: Run, report: dict[str, Any], media: Path, arguments: list[str], code: int, said: bytes
) -> None:
    done = run("query", *(word.format(media=media) for word in arguments))
    assert done.stdout == b""
    assert done.stderr.startswith(b"error: ") and done.stderr.count(b"\n") == 1, done.stderr
    assert said in done.stderr
    assert done.returncode == code, done.stderr


def test_a_library_that_is_not_there_is_exit_5(run: Run, tmp_path: Path) -> None:
    for arguments in (["query", "x"], ["status"], ["verify"], ["export"], ["show", "1"]):
        done = run("--library", tmp_path / "none", *arguments)
        assert done.returncode == 5 and b"searchengine index" in done.stderr, done.stderr
    assert not (tmp_path / "none").exists()


def test_piped_hits_are_plain_lines(run: Run, report: dict[str, Any]) -> None:
    done = run("query", "a red square")
    assert done.returncode == 0 and b"\x1b" not in done.stdout + done.stderr
    assert "─" not in done.stdout.decode()
    assert r"café \x1b[31m\n" in done.stdout.decode()


def test_paths_are_bytes_that_open_the_file(run: Run, report: dict[str, Any]) -> None:
    found = run("query", "a red square", "-0").stdout.split(b"\0")[:-1]
    assert ODD_NAME.encode() in [path.rsplit(b"/", 1)[-1] for path in found]
    assert all(Path(os.fsdecode(path)).is_file() for path in found)
    assert run("query", "a red square", "--paths").stdout == b"".join(p + b"\n" for p in found)


def test_every_format_has_the_same_hits(run: Run, ask: Callable[..., Any]) -> None:
    hits = ask("a red square")["hits"]
    lines = run("query", "a red square", "--jsonl").stdout.splitlines()
    table = run("query", "a red square", "--csv").stdout.decode()
    assert [json.loads(line) for line in lines] == hits
    ids = [int(row["id"]) for row in csv.DictReader(io.StringIO(table, newline=""))]
    assert ids == [hit["id"] for hit in hits]


def test_an_item_is_shown_and_has_neighbours(run: Run, ask: Callable[..., Any]) -> None:
    item = ask("beep", "--to", "audio")["hits"][0]
    shown = json.loads(run("show", str(item["id"]), "--json").stdout)
    assert shown["path"] == item["path"] and len(shown["segments"]) > 1
    assert b"beep.wav" in run("show", str(item["id"])).stdout
    similar = json.loads(run("similar", str(item["id"]), "--json").stdout)
    assert item["id"] not in [hit["id"] for hit in similar["hits"]]
    missing = run("show", "999999")
    assert missing.returncode == 2 and missing.stderr.startswith(b"error: ")


def test_status_verify_and_compact_speak_for_a_sound_library(
    run: Run, report: dict[str, Any]
) -> None:
    (status,) = json.loads(run("status", "--json").stdout)
    assert status["items"] == 5 and status["collection"]["encoder"] == "starter"
    assert b"default: 5 items" in run("status").stdout
    assert json.loads(run("verify", "--json").stdout) == []
    assert run("verify").returncode == 0
    assert json.loads(run("compact", "--json").stdout)["bytes"] >= 0


def test_export_ends_quietly_when_its_reader_has_enough(words: list[str]) -> None:
    with subprocess.Popen(
        [*words, "export"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stderr
        first = json.loads(process.stdout.readline())
        process.stdout.close()
        assert b"Error" not in process.stderr.read()
    assert len(first["vector"]) > 0
    assert process.returncode in (0, 141)  # a short export fits into the pipe


def test_export_writes_unit_vectors(run: Run, report: dict[str, Any], tmp_path: Path) -> None:
    done = run("export", "-o", tmp_path / "v.npz", "--modality", "image")
    assert done.returncode == 0 and b"3 vectors" in done.stderr
    with np.load(tmp_path / "v.npz") as arrays:
        assert np.allclose(
            np.linalg.norm(arrays["vectors"], axis=1), 1, atol=1e-3
        )  # kept in half precision


def test_deleting_asks_first_and_leaves_the_files(run: Run, media: Path, tmp_path: Path) -> None:
    copy = tmp_path / "media"
    shutil.copytree(media, copy)
    library = ["--library", tmp_path / "library"]
    assert run(*library, "index", copy, "--encoder", "starter").returncode == 0
    refused = run(*library, "delete", "--path", "*.png", input=b"y\n")
    assert refused.returncode == 2 and b"--yes" in refused.stderr
    assert run(*library, "delete", "--path", "*.png", "--dry-run").stdout.startswith(b"2 items")
    assert run(*library, "delete", "--path", "*.png", "--yes").stdout == b"2 items forgotten\n"
    assert run(*library, "delete", "--path", "*.png", "--yes").returncode == 1
    assert (copy / "red.png").exists()


def test_collections_are_made_listed_and_dropped(run: Run, report: dict[str, Any]) -> None:
    assert run("collection", "create", "films", "--encoder", "starter").returncode == 0
    again = run("collection", "create", "films")
    assert again.returncode == 5 and b"films" in again.stderr
    names = [row["name"] for row in json.loads(run("collection", "list", "--json").stdout)]
    assert sorted(names) == ["default", "films"]
    assert run("query", "x", "--collection", "films").returncode == 5  # nothing published
    assert run("collection", "show", "films").stdout.startswith(b"films: 0 items")
    assert run("collection", "drop", "films", "--yes").returncode == 0
    assert run("collection", "show", "films").returncode == 5


def test_models_name_their_licences(run: Run) -> None:
    models = {row["name"]: row for row in json.loads(run("models", "list", "--json").stdout)}
    assert models["starter"]["licence"] and "text" in models["starter"]["modalities"]
    assert models["starter"]["licence"].encode() in run("models", "list").stdout


def test_the_doctor_finds_this_machine_well(run: Run, tmp_path: Path) -> None:
    done = run("--library", tmp_path / "library", "doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 0, findings
    assert {"python", "torch", "faiss", "av (ffmpeg)", "library", "disk"} <= set(findings)


def test_a_person_sees_colour_links_and_a_bar(
    words: list[str], media: Path, tmp_path: Path
) -> None:
    found = on_terminal([*words, "query", "the sky"])
    assert "\x1b[" in found and "\x1b]8;" in found and "sky.jpg" in found
    assert "\x1b[31mat noon" not in found
    indexed = on_terminal([*words, "--library", tmp_path / "new", "index", media])
    assert "scanning" in indexed or "indexing" in indexed


def on_terminal(words: list[Any]) -> str:
    """All that a command sends to a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    environ.pop("NO_COLOR", None)
    with subprocess.Popen(
        words, stdout=theirs, stderr=theirs, stdin=theirs, env=environ
    ) as process:
        os.close(theirs)
        sent = b""
        while chunk := _read(ours):
            sent += chunk
        os.close(ours)
    assert process.returncode == 0, sent
    return sent.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux reports the end of a terminal as an I/O error
        return b""


def test_the_demo_answers_what_it_asks_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    result = CliRunner().invoke(app, ["demo"])
    assert (result.exit_code, result.stderr) == (0, "")
    answers = [block.splitlines()[3:] for block in result.stdout.split("\n\n")[1:-1]]
    assert len(answers) == len(QUESTIONS)
    best = (
        *("cat", "thunder", "bark", "horse", "thermal/crowd", "moving_house"),
        *("morning_run", "drum_kit", "pussycat", "owl"),
    )
    for lines, name in zip(answers, best, strict=True):
        assert any(name in line for line in lines[:2]), lines
    assert list(tmp_path.glob("searchengine*")) == []


def test_an_interrupted_run_says_so_and_can_be_continued(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(300):
        day = f"Nothing happened on day {number}, nor was anything expected of it. "
        (folder / f"{number}.txt").write_text(day * 4)  # some 20 ms of encoding each
    words = [*SEARCHENGINE, "--library", tmp_path / "library", "index", folder]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not (tmp_path / "library" / "catalog.db").exists():
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert b"Traceback" not in said and b"interrupted" in said
    again = subprocess.run([*words, "--json"], capture_output=True, timeout=120)
    report = json.loads(again.stdout)
    assert again.returncode == 0 and report["new"] + report["unchanged"] == 300
