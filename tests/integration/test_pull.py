"""Weights are fetched whole or not at all, whatever the server, the disk and a kill do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from searchengine.errors import CheckpointError
from searchengine.models.imagebind import download
from searchengine.models.imagebind.checkpoint import load_tower
from searchengine.models.imagebind.download import PART, fetch
from searchengine.models.imagebind.pull import LOCK, pull
from searchengine.models.imagebind.release import IMAGEBIND_HUGE, Release, WrongFile
from searchengine.models.imagebind.weights import FILES, MANIFEST, installed, verify
from tests.small_release import SMALL, Server, release_of, serving, small_state

NAME = "small.pth"


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("official") / NAME
    torch.save(small_state(), path)
    return path


@pytest.fixture
def server(official: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "PAUSE_S", 0.01)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(official.read_bytes()) as server:
        yield server


@pytest.fixture
def release(official: Path, server: Server) -> Release:
    return release_of(official, server.url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models" / "small"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {LOCK}


def test_the_published_file_is_the_one_that_meta_names() -> None:
    """Address, size and digest as they were found on the server; a slip here fetches nothing."""
    assert IMAGEBIND_HUGE.file_name == "imagebind_huge.pth"
    assert IMAGEBIND_HUGE.size_bytes == 4_803_584_173 and len(IMAGEBIND_HUGE.sha256) == 64


def test_a_pull_leaves_weights_and_nothing_else(release: Release, folder: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    weights = pull(release, folder, on_progress=lambda *said: seen.append(said))
    assert names(folder) == {*FILES, MANIFEST} and installed(folder) == weights
    assert verify(folder) == () and load_tower(folder, "imu", SMALL)
    steps = list(dict.fromkeys(step for step, _, _ in seen))
    assert steps == ["downloading", "checking", "converting"]
    for step in steps:
        done = [bytes_ for said, bytes_, _ in seen if said == step]
        totals = {total for said, _, total in seen if said == step}
        assert done == sorted(done) and {done[-1]} == totals


def test_complete_weights_are_not_fetched_again(
    release: Release, folder: Path, server: Server
) -> None:
    first = pull(release, folder)
    assert pull(release, folder) == first and len(server.asked) == 1


def test_a_file_that_is_here_already_is_used_and_stays(
    release: Release, folder: Path, official: Path, server: Server
) -> None:
    before = official.read_bytes()
    (fresh(folder) / (NAME + PART)).write_bytes(before[:1000])  # a download that was given up
    pull(release, folder, official)
    assert names(folder) == {*FILES, MANIFEST}
    assert server.asked == [] and official.read_bytes() == before and verify(folder) == ()


def test_a_given_file_that_is_another_is_refused_and_stays(
    release: Release, folder: Path, official: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.pth"
    other.write_bytes(official.read_bytes()[::-1])
    with pytest.raises(WrongFile, match=r"other\.pth: altered"):
        pull(release, folder, other)
    assert other.exists() and names(folder) == set()


def test_a_dropped_connection_is_taken_up_where_it_ended(
    release: Release, folder: Path, server: Server
) -> None:
    server.drop_after = len(server.data) // 4 + 1
    assert fetch(release, fresh(folder)).read_bytes() == server.data
    assert server.asked[0] is None and len(server.asked) == 4
    assert all(asked and asked.startswith("bytes=") for asked in server.asked[1:])
    assert server.sent_bytes == len(server.data)  # nothing came twice


def fresh(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_what_an_earlier_run_left_is_gone_on_with(
    release: Release, folder: Path, server: Server
) -> None:
    half = len(server.data) // 2
    (fresh(folder) / (NAME + PART)).write_bytes(server.data[:half])
    pull(release, folder)
    assert server.asked == [f"bytes={half}-"] and names(folder) == {*FILES, MANIFEST}


def test_a_server_without_ranges_starts_again(
    release: Release, folder: Path, server: Server
) -> None:
    server.ranges = False
    (fresh(folder) / (NAME + PART)).write_bytes(server.data[:1000])
    assert fetch(release, folder).read_bytes() == server.data


def test_a_server_that_always_drops_is_given_up_and_what_came_is_kept(
    release: Release, folder: Path, server: Server
) -> None:
    server.ranges, server.drop_after = False, 1000
    with pytest.raises(CheckpointError, match=r"small\.pth: cannot be fetched .*--from"):
        fetch(release, fresh(folder))
    assert len(server.asked) == download.TRIES + 1
    assert (folder / (NAME + PART)).read_bytes() == server.data[:1000]


def test_a_server_that_says_no_length_and_drops_is_noticed(
    release: Release, folder: Path, server: Server
) -> None:
    server.says_length, server.drop_after = False, len(server.data) // 2
    assert fetch(release, fresh(folder)).read_bytes() == server.data


def test_a_server_that_is_busy_is_asked_again(
    release: Release, folder: Path, server: Server
) -> None:
    server.failures = download.TRIES - 1
    assert fetch(release, fresh(folder)).read_bytes() == server.data


@pytest.mark.parametrize("status", [403, 404, 416])
def test_a_server_that_refuses_is_asked_once_and_costs_nothing_that_came(
    release: Release, folder: Path, server: Server, status: int
) -> None:
    server.status = status
    (fresh(folder) / (NAME + PART)).write_bytes(server.data[:1000])
    with pytest.raises(CheckpointError, match=str(status)):
        pull(release, folder)
    assert len(server.asked) == 1
    assert (folder / (NAME + PART)).read_bytes() == server.data[:1000]


def test_a_page_in_the_place_of_the_file_is_refused_before_it_is_taken(
    release: Release, folder: Path, server: Server
) -> None:
    (fresh(folder) / (NAME + PART)).write_bytes(server.data[:1000])
    server.data, server.ranges, whole = b"<html>log in</html>", False, server.data
    with pytest.raises(CheckpointError, match="19 bytes instead of"):
        pull(release, folder)
    assert (folder / (NAME + PART)).read_bytes() == whole[:1000]


def test_an_altered_file_is_refused_and_the_next_pull_starts_anew(
    release: Release, folder: Path, server: Server
) -> None:
    whole = server.data
    server.data = whole[:-1] + bytes([whole[-1] ^ 1])
    for attempt in (fetch, pull):
        with pytest.raises(WrongFile, match="altered"):
            attempt(release, folder)
        assert names(folder) == set()
    server.data = whole
    assert pull(release, folder) == installed(folder)


def test_an_endless_answer_is_cut_off(release: Release, folder: Path, server: Server) -> None:
    server.data, server.says_length = server.data + bytes(50_000_000), False
    came = [0]
    with pytest.raises(WrongFile, match="bytes, but"):
        pull(release, folder, on_progress=lambda _step, done_bytes, _total: came.append(done_bytes))
    assert max(came) < len(server.data) - 40_000_000 and names(folder) == set()


@pytest.mark.parametrize("left", ["altered", "too long"])
def test_rubbish_from_an_earlier_run_does_not_last(
    release: Release, folder: Path, server: Server, left: str
) -> None:
    spoilt = {"altered": bytes(1000), "too long": bytes(len(server.data) + 1)}[left]
    (fresh(folder) / (NAME + PART)).write_bytes(spoilt)
    if left == "altered":
        with pytest.raises(WrongFile):
            pull(release, folder)
    assert pull(release, folder) == installed(folder)


def test_an_altered_file_under_the_final_name_is_removed(
    release: Release, folder: Path, server: Server
) -> None:
    (fresh(folder) / NAME).write_bytes(server.data[:-1] + b"?")
    with pytest.raises(WrongFile):
        pull(release, folder)
    assert names(folder) == set()


def test_what_an_interrupted_conversion_left_is_replaced(
    release: Release, folder: Path, server: Server
) -> None:
    """The file came, two towers were written, one was half written: then the light went out."""
    (fresh(folder) / NAME).write_bytes(server.data)
    (folder / "vision.safetensors").write_bytes(b"half")
    (folder / f"towers{PART}").mkdir()
    (folder / f"towers{PART}" / ".tmpA1b2C3").write_bytes(b"half")
    (folder / ("weights.json" + PART)).write_bytes(b"half")
    assert installed(folder) is None
    pull(release, folder)
    assert server.asked == []  # nothing that had come is fetched twice
    assert names(folder) == {*FILES, MANIFEST} and verify(folder) == ()


def test_nobody_there_is_said_with_a_way_out(release: Release, folder: Path) -> None:
    nowhere = replace(release, url="http://127.0.0.1:1/small.pth")
    with pytest.raises(CheckpointError, match=r"127\.0\.0\.1:1.*refused.*--from"):
        pull(nowhere, folder)


def test_a_disk_without_room_is_found_out_before_anything_is_fetched(
    release: Release, folder: Path, server: Server, official: Path
) -> None:
    with pytest.raises(CheckpointError, match=r"GB are needed .* SEARCHENGINE_MODELS"):
        pull(replace(release, size_bytes=10**18), folder)
    with pytest.raises(CheckpointError, match=r"GB are needed"):
        pull(replace(release, size_bytes=10**18), folder, official)
    assert server.asked == [] and names(folder) == set()


def test_a_folder_that_cannot_be_made_is_named_with_a_way_out(
    release: Release, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "small", Path(f"/proc/{os.getpid()}/small")):
        with pytest.raises(CheckpointError, match=r"cannot be written .*SEARCHENGINE_MODELS"):
            pull(release, place)


def test_two_at_once_do_not_disturb_each_other(release: Release, folder: Path) -> None:
    with (
        FileLock(fresh(folder) / LOCK),
        pytest.raises(CheckpointError, match="another process is fetching"),
    ):
        pull(release, folder)
    assert pull(release, folder) == installed(folder)


#: Pulls; ``where`` it is told to, it waits to be killed. With ``most`` no file may grow beyond so
#: many bytes; with ``dies`` the attempt is its end, in the middle of a write.
VICTIM = """
import resource, signal, sys, time
from pathlib import Path
from searchengine.errors import CheckpointError
from searchengine.models.imagebind.pull import pull
from tests.small_release import release_of

folder, official, where, url = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]

def on_progress(step, done_bytes, total_bytes):
    if where.startswith(step) and done_bytes * 10 >= int(where.split()[1]) * total_bytes:
        print("here", flush=True)
        time.sleep(60)

if where.startswith("dies "):
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
if where.startswith(("most ", "dies ")):
    most = int(where.split()[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
try:
    given = None if url else official
    pull(release_of(official, url or "http://localhost/small.pth"), folder, given, on_progress)
except CheckpointError as error:
    print("refused:", error)
"""


def victim(folder: Path, official: Path, where: str, url: str = "") -> subprocess.Popen[str]:
    words = [sys.executable, "-c", VICTIM, str(folder), str(official), where, url]
    root = Path(__file__).parents[2]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=root)


@pytest.mark.parametrize("where", ["downloading 5", "converting 1", "converting 10"])
def test_a_kill_at_any_moment_leaves_what_the_next_pull_makes_whole(
    release: Release, folder: Path, official: Path, server: Server, where: str
) -> None:
    with victim(folder, official, where, server.url) as process:
        assert process.stdout and process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGKILL)
    assert installed(folder) is None
    sent_bytes = server.sent_bytes
    pull(release, folder)
    assert names(folder) == {*FILES, MANIFEST} and verify(folder) == ()
    if where != "downloading 5":
        assert server.sent_bytes == sent_bytes  # the file was there


def test_a_death_in_the_middle_of_a_write_leaves_nothing_behind(
    release: Release, folder: Path, official: Path, server: Server
) -> None:
    with victim(folder, official, f"dies {len(server.data) // 2}"):
        pass
    assert installed(folder) is None and "vision.safetensors" in names(folder)
    pull(release, folder)
    assert names(folder) == {*FILES, MANIFEST} and verify(folder) == ()


@pytest.mark.parametrize("fetched", [True, False])
def test_a_disk_that_fills_up_is_one_error_and_the_next_pull_goes_on(
    release: Release, folder: Path, official: Path, server: Server, fetched: bool
) -> None:
    most = f"most {len(server.data) // 2}"
    with victim(folder, official, most, server.url if fetched else "") as process:
        assert process.stdout
        said = process.stdout.read()
    assert said.startswith("refused: ") and "SEARCHENGINE_MODELS" in said, said
    assert process.returncode == 0 and installed(folder) is None
    assert fetched or names(folder) == {"vision.safetensors", "vision.bf16.safetensors"}
    pull(release, folder)
    assert verify(folder) == ()
