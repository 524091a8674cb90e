"""Nothing that a file does to its decoder reaches who asked, but as one clear error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from searchengine.errors import ConfigError, DecodeError, SearchEngineError
from searchengine.media import child
from searchengine.media.decode import Wanted, decode
from searchengine.media.options import MediaOptions
from searchengine.media.outline import Cutting, outline
from searchengine.media.sandbox import Limits, Sandbox
from searchengine.types import Frames, Modality, Sampling, Span, Waveform
from tests.unit.media.filming import film

OPTIONS = MediaOptions()
HOSTILE = Path(__file__).with_name("hostile.py")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(2) as sandbox:
        yield sandbox


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "COMMAND", (sys.executable, str(HOSTILE)))


def picture(path: Path, shade: int = 200) -> Path:
    Image.new("RGB", (8, 6), (shade, 0, 0)).save(path)
    return path


def shade(sandbox: Sandbox, path: Path) -> int:
    (pixels,) = sandbox.decode(path, Modality.IMAGE, [Wanted()], OPTIONS)
    assert isinstance(pixels, np.ndarray) and pixels.shape == (6, 8, 3)
    return int(pixels[0, 0, 0])


def test_every_kind_of_media_comes_out_as_it_does_outside(tmp_path: Path, sandbox: Sandbox) -> None:
    rng = np.random.default_rng(0)
    depth, imu = tmp_path / "depth.npy", tmp_path / "imu.npz"
    np.save(depth, rng.uniform(0.5, 5, (6, 8)).astype(np.float32))
    np.savez(imu, accel_m_s2=rng.normal(size=(200, 3)), gyro_rad_s=rng.normal(size=(200, 3)))
    sound = tmp_path / "sound.wav"
    soundfile.write(sound, rng.uniform(-1, 1, (16_000, 2)), 16_000)
    text = tmp_path / "text.txt"
    text.write_text("Schöne Worte, 犬も 🐕. " * 50)
    thermal = tmp_path / "thermal.png"
    Image.fromarray(rng.integers(0, 256, (6, 8), dtype=np.uint8)).save(thermal)
    options = MediaOptions(imu_rate_hz=100.0, imu_columns=(("accel_x_g", "AccX"),))
    for modality, path in (
        (Modality.DEPTH, depth),
        (Modality.IMU, imu),
        (Modality.AUDIO, sound),
        (Modality.TEXT, text),
        (Modality.THERMAL, thermal),
        (Modality.IMAGE, picture(tmp_path / "x.png")),
        (Modality.VIDEO, film(tmp_path / "x.mp4", sound=True)),
    ):
        expected = outline(path, modality, options, Cutting())
        assert sandbox.outline(path, modality, options, Cutting()) == expected
        wanted = [Wanted(span, Sampling(4)) for span in expected.spans[:2]]
        for got, one in zip(
            sandbox.decode(path, modality, wanted, options),
            decode(path, modality, wanted, options),
            strict=True,
        ):
            assert type(got) is type(one)
            np.testing.assert_equal(_plain(got), _plain(one))


def _plain(media: object) -> object:
    names = getattr(media, "__dataclass_fields__", None)
    return {name: getattr(media, name) for name in names} if names else media


def test_what_comes_out_is_ours_to_change_and_outlives_the_sandbox(tmp_path: Path) -> None:
    with Sandbox(1) as sandbox:
        (pixels,) = sandbox.decode(picture(tmp_path / "x.png"), Modality.IMAGE, [Wanted()], OPTIONS)
    assert isinstance(pixels, np.ndarray)
    pixels += 1
    assert pixels[0, 0].tolist() == [201, 1, 1]


def test_parts_come_in_the_order_in_which_they_are_wanted(tmp_path: Path, sandbox: Sandbox) -> None:
    path = film(tmp_path / "x.mp4", 60)
    wanted = [Wanted(Span(4, 5)), Wanted(Span(0, 1)), Wanted(sampling=Sampling(None, (7, 7)))]
    got = sandbox.decode(path, Modality.VIDEO, wanted, OPTIONS)
    starts = [float(one.times_s[0]) for one in got if isinstance(one, Frames)]
    assert starts == pytest.approx([4.0, 0.0, 0.7])


def test_names_that_are_not_text_survive_the_way(tmp_path: Path, sandbox: Sandbox) -> None:
    path = picture(tmp_path / os.fsdecode(b"caf\xe9\n\x01.png"))
    assert shade(sandbox, path) == 200


def test_a_relative_path_holds_wherever_the_owner_goes(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(tmp_path / "x.png")
    monkeypatch.chdir(tmp_path)
    assert shade(sandbox, Path("x.png")) == 200
    with pytest.raises(DecodeError) as caught:
        sandbox.decode(Path("y.png"), Modality.IMAGE, [Wanted()], OPTIONS)
    assert (caught.value.path, caught.value.reason) == ("y.png", "no such file")


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize(
    ("name", "limits", "reason"),
    [
        ("hang", Limits(seconds=0.5), "took longer than 0.5 s to decode"),
        ("spin", Limits(seconds=0.5), "took longer than 0.5 s to decode"),
        ("eat", Limits(memory_bytes=10**9), "needed more than 1 GB of memory"),
        ("segfault", Limits(), "the decoder crashed (signal 11)"),
        ("killed", Limits(), "the decoder was killed (signal 9)"),
        ("exit", Limits(), "the decoder ended by itself (status 7)"),
        ("lies", Limits(), "the decoder's answer makes no sense"),
        ("object", Limits(), "the decoder's answer makes no sense"),
        ("huge", Limits(), "the decoder's answer makes no sense"),
        ("clutch", Limits(seconds=0.5), "took longer than 0.5 s to decode"),
        ("files", Limits(), "cannot be read (Too many open files)"),
        ("lost", Limits(), "a reason"),
    ],
)
def test_a_decoder_gone_wrong_is_one_error_and_the_next_file_is_read(
    tmp_path: Path, name: str, limits: Limits, reason: str
) -> None:
    bad, good = picture(tmp_path / f"{name}.png"), picture(tmp_path / "good.png")
    with Sandbox(1, limits) as sandbox:
        assert shade(sandbox, good) == 200
        with pytest.raises(DecodeError) as caught:
            sandbox.decode(bad, Modality.IMAGE, [Wanted()], OPTIONS)
        assert caught.value.path == str(bad) and caught.value.reason.startswith(reason)
        assert shade(sandbox, good) == 200


@pytest.mark.usefixtures("hostile")
def test_a_decoder_can_write_no_file_and_its_chatter_stops_nobody(tmp_path: Path) -> None:
    with Sandbox(1) as sandbox:
        with pytest.raises(DecodeError, match="cannot be read"):
            shade(sandbox, picture(tmp_path / "write.png"))
        for _ in range(3):
            assert shade(sandbox, picture(tmp_path / "chatter.png")) == 200
    assert (tmp_path / "write.png.out").stat().st_size == 0


@pytest.mark.usefixtures("hostile")
def test_a_worn_process_is_replaced_before_anybody_waits_for_it(tmp_path: Path) -> None:
    path = picture(tmp_path / "pid.png")
    with Sandbox(1, Limits(calls=3)) as sandbox:
        pids = [sandbox.decode(path, Modality.TEXT, [Wanted()], OPTIONS)[0] for _ in range(9)]
    assert pids == [pid for pid in dict.fromkeys(pids) for _ in range(3)]
    assert len(set(pids)) == 3


@pytest.mark.usefixtures("hostile")
def test_kill_9_while_it_decodes_costs_that_file_only(tmp_path: Path) -> None:
    hang, pid = picture(tmp_path / "hang.png"), picture(tmp_path / "pid.png")
    with Sandbox(1) as sandbox, ThreadPoolExecutor(1) as pool:
        (victim,) = sandbox.decode(pid, Modality.TEXT, [Wanted()], OPTIONS)
        waiting = pool.submit(sandbox.decode, hang, Modality.IMAGE, [Wanted()], OPTIONS)
        time.sleep(0.2)
        os.kill(int(str(victim)), signal.SIGKILL)
        with pytest.raises(DecodeError, match=r"hang\.png: the decoder was killed"):
            waiting.result(10)
        assert shade(sandbox, picture(tmp_path / "good.png")) == 200


@pytest.mark.usefixtures("hostile")
def test_kill_9_while_it_is_idle_costs_no_file(tmp_path: Path) -> None:
    pid, good = picture(tmp_path / "pid.png"), picture(tmp_path / "good.png")
    with Sandbox(1, Limits(calls=10)) as sandbox:  # the second to die is a successor
        for _ in range(2):
            (victim,) = sandbox.decode(pid, Modality.TEXT, [Wanted()], OPTIONS)
            os.kill(int(str(victim)), signal.SIGKILL)
            _until(partial(_is_buried, sandbox, int(str(victim))))
            assert shade(sandbox, good) == 200


@pytest.mark.usefixtures("hostile")
def test_crashes_leave_no_process_too_many(tmp_path: Path) -> None:
    good, bad = picture(tmp_path / "good.png"), picture(tmp_path / "exit.png")
    with Sandbox(1, Limits(calls=3)) as sandbox:
        for _ in range(3):
            assert shade(sandbox, good) == 200
            with pytest.raises(DecodeError):
                shade(sandbox, bad)
        assert sum(one.is_running() for one in sandbox._crew._children if one.alive) <= 2


def test_a_successor_that_cannot_start_costs_no_answer_and_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = picture(tmp_path / "good.png")
    with Sandbox(1, Limits(calls=22)) as sandbox, ThreadPoolExecutor(1) as pool:
        assert shade(sandbox, good) == 200
        with monkeypatch.context() as missing:
            missing.setattr(child, "COMMAND", (str(tmp_path / "nothing"),))
            for _ in range(21):
                assert shade(sandbox, good) == 200
            with pytest.raises(SearchEngineError, match="no decoding process can be started"):
                pool.submit(shade, sandbox, good).result(10)
        assert pool.submit(shade, sandbox, good).result(60) == 200


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
@pytest.mark.usefixtures("hostile")
def test_neither_calls_nor_crashes_leak_descriptors(tmp_path: Path) -> None:
    good, bad = picture(tmp_path / "good.png"), picture(tmp_path / "exit.png")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with Sandbox(1) as sandbox:
        for n in range(300):
            assert shade(sandbox, good) == 200
            if n % 150 == 0:
                with pytest.raises(DecodeError):
                    shade(sandbox, bad)
        assert len(list(Path("/proc/self/fd").iterdir())) == before + 3  # socket, input, errors
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_many_threads_each_get_their_own_answer(tmp_path: Path, sandbox: Sandbox) -> None:
    paths = [picture(tmp_path / f"{n}.png", n) for n in range(100)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda path: shade(sandbox, path), paths)) == list(range(100))


@pytest.mark.usefixtures("hostile")
def test_closing_ends_the_calls_under_way_and_every_process(tmp_path: Path) -> None:
    sandbox = Sandbox(1)
    hang = picture(tmp_path / "hang.png")
    with ThreadPoolExecutor(3) as pool:
        calls = [
            pool.submit(sandbox.decode, hang, Modality.IMAGE, [Wanted()], OPTIONS) for _ in range(3)
        ]
        time.sleep(1)
        sandbox.close()
        errors = [call.exception(10) for call in calls]
    assert {type(error) for error in errors} == {SearchEngineError}
    with pytest.raises(SearchEngineError, match="closed"):
        sandbox.decode(hang, Modality.IMAGE, [Wanted()], OPTIONS)


def test_a_sandbox_that_nobody_closes_leaves_nothing_behind(tmp_path: Path) -> None:
    threads = threading.active_count()
    sandbox = Sandbox(1)
    shade(sandbox, picture(tmp_path / "x.png"))
    (one,) = sandbox._crew._children
    del sandbox
    assert not one.alive and threading.active_count() == threads


@pytest.mark.parametrize(
    "busy",
    [
        "",
        "hang",
        pytest.param("clutch", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux")),
    ],
)
def test_the_process_dies_with_its_owner(tmp_path: Path, busy: str) -> None:
    good, hang = picture(tmp_path / "pid.png"), picture(tmp_path / f"{busy or 'good'}.png")
    program = f"""
import os, sys, threading, time
from pathlib import Path
from searchengine.media import child
from searchengine.media.decode import Wanted
from searchengine.media.options import MediaOptions
from searchengine.media.sandbox import Sandbox
from searchengine.types import Modality
child.COMMAND = (sys.executable, {str(HOSTILE)!r})
sandbox = Sandbox(1)
def decode(path):
    return sandbox.decode(Path(path), Modality.TEXT, [Wanted()], MediaOptions())[0]
print(decode({str(good)!r}), flush=True)
if {busy!r}:
    threading.Thread(target=decode, args=({str(hang)!r},)).start()
    time.sleep(0.3)
print("ready", flush=True)
time.sleep(60)
"""
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout
        pid, _ready = int(owner.stdout.readline()), owner.stdout.readline()
        owner.kill()
    _until(partial(_is_gone, pid))


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _is_buried(sandbox: Sandbox, pid: int) -> bool:
    """Later than gone: a zombie's status can be asked for when its last thread has ended."""
    return not any(one.is_running() for one in sandbox._crew._children if one.pid == pid)


def _is_gone(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return state.stdout.strip() == "" or state.stdout.startswith("Z")


def test_a_process_that_cannot_start_is_not_the_files_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", "raise SystemExit('no codec')"))
    with Sandbox(1) as sandbox:
        for _ in range(2):
            with pytest.raises(SearchEngineError, match="does not start: 'no codec'") as caught:
                shade(sandbox, picture(tmp_path / "x.png"))
            assert not isinstance(caught.value, DecodeError)


def test_a_module_beside_the_media_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('taken over')")
    monkeypatch.chdir(tmp_path)
    with Sandbox(1) as sandbox:
        assert shade(sandbox, picture(tmp_path / "x.png")) == 200


def test_without_processes_the_same_is_done_here(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, np.zeros(16_000), 16_000)
    with Sandbox(0) as sandbox:
        assert sandbox.outline(path, Modality.AUDIO, OPTIONS, Cutting()).spans == (None,)
        (sound,) = sandbox.decode(path, Modality.AUDIO, [Wanted()], OPTIONS)
    assert isinstance(sound, Waveform) and sound.duration_s == 1


@pytest.mark.parametrize("bad", [{"seconds": 0}, {"memory_bytes": -1}, {"calls": 0}])
def test_limits_that_make_no_sense_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        Limits(**bad)
    with pytest.raises(ConfigError, match="workers"):
        Sandbox(-1)


def test_the_child_is_small(sandbox: Sandbox) -> None:
    program = "import sys, searchengine.media.confined; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert not {"torch", "faiss", "sqlalchemy", "onnxruntime"} & set(loaded.stdout.split())
