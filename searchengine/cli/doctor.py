"""``doctor``: whether this machine and this installation have what is needed."""

from __future__ import annotations

import enum
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import typer

from searchengine.cli import options as opt
from searchengine.cli.formats import write_json
from searchengine.cli.render import print_table, say, size_text
from searchengine.cli.session import session_of

SYSTEM_FAILED = 6

#: Vectors and indexes of a first real folder need about this much.
_LITTLE_SPACE_BYTES = 1 << 30

#: Loading torch and a model from a cold disk can take most of a minute.
_PROBE_TIMEOUT_S = 180


class State(enum.StrEnum):
    """``WARN`` is something one can work with, ``ABSENT`` something optional."""

    OK = "ok"
    ABSENT = "-"
    WARN = "warning"
    FAIL = "FAILED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    name: str
    state: State
    detail: str


def doctor(ctx: typer.Context, as_json: opt.AsJson = False) -> None:
    """Look at Python, the libraries, the GPU, the encoders and the library folder.

    Exits 6 when something that is needed does not work.
    """
    settings = session_of(ctx).settings
    findings = [*_python(), *_libraries(), *_encoders(settings.device)]
    findings += [*_extras(), *_folder(settings.library)]
    if as_json:
        write_json([asdict(finding) for finding in findings])
    else:
        print_table(("", "state", "found"), [(f.name, f.state, f.detail) for f in findings])
    if any(finding.state is State.FAIL for finding in findings):
        say("something that is needed does not work; see FAILED above")
        raise typer.Exit(SYSTEM_FAILED)


def _python() -> Iterator[Finding]:
    yield Finding("searchengine", State.OK, f"{version('searchengine')} in {_home()}")
    yield Finding("python", State.OK, f"{platform.python_version()} at {sys.executable}")
    detail = f"{platform.platform()}, {os.cpu_count()} processors"
    yield Finding("platform", State.OK, detail)


def _home() -> Path:
    return Path(__file__).parents[1]


#: Each in a process of its own: a broken native library ends its process, not this one.
_PROBES = {
    "torch": (
        "import torch; print(torch.__version__, '|', torch.cuda.is_available() and "
        "torch.cuda.get_device_name(0) or 'no CUDA device; models run on the CPU')"
    ),
    "faiss": (
        "import faiss; print(faiss.__version__, '|', "
        "'GPU build' if hasattr(faiss, 'StandardGpuResources') else 'CPU build')"
    ),
    "sqlite": "import sqlite3; print(sqlite3.sqlite_version)",
    "av (ffmpeg)": (
        "import av; print(av.__version__, '|', ', '.join(f'{name} ' + '.'.join(map(str, number)) "
        "for name, number in sorted(av.library_versions.items())))"
    ),
    "onnxruntime": (
        "import onnxruntime as o; print(o.__version__, '|', ', '.join(o.get_available_providers()))"
    ),
}


def _libraries() -> Iterator[Finding]:
    for name, code in _PROBES.items():
        yield _probed(name, code)
    yield _probed("sandbox", _TRY_SANDBOX)


#: What a traceback puts before a text that says everything.
_OUR_ERROR = re.compile(r"^searchengine\.errors\.\w+: ")


def _probed(name: str, code: str) -> Finding:
    """What the last line of ``code`` says, or why it said nothing."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            env={**os.environ, "ORT_DISABLE_TELEMETRY": "1"},  # onnxruntime reports to its maker
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(name, State.FAIL, str(error))
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"its process ended with {done.returncode}"]
        return Finding(name, State.FAIL, _OUR_ERROR.sub("", said[-1]))
    return Finding(name, State.OK, done.stdout.strip().splitlines()[-1].replace(" |", ","))


#: Every tower is loaded and run on something easily made; all of it must be finite.
_TRY_ENCODER = """
import numpy as np
from searchengine.encoders import registry
from searchengine.types import (
    DepthMap, Frames, ImuRecording, Modality, ThermalImage, ThermalUnit, Waveform
)
encoder = registry.load({name!r}, {device!r})
flat, still = np.full((224, 224), 0.5, np.float32), np.zeros((500, 3), np.float32)
media = {{
    Modality.TEXT: "a dog",
    Modality.IMAGE: np.zeros((224, 224, 3), np.uint8),
    Modality.VIDEO: Frames(np.zeros((2, 224, 224, 3), np.uint8), np.arange(2.0), 1.0, 2),
    Modality.AUDIO: Waveform(np.zeros((1, 16000), np.float32), 16000),
    Modality.DEPTH: DepthMap(flat, flat > 0),
    Modality.THERMAL: ThermalImage(flat, ThermalUnit.RELATIVE),
    Modality.IMU: ImuRecording(still, still, 50.0),
}}
tried = [modality for modality in media if modality in encoder.modalities]
for modality in tried:
    vectors = encoder.encode([encoder.preprocess(media[modality], modality)], modality)
    assert np.isfinite(vectors).all(), f"{{modality}}: vectors that are not finite"
print("encodes", ", ".join(tried))
"""

#: A file is decoded in a process of its own, as those of queries are.
_TRY_SANDBOX = """
import tempfile
from pathlib import Path
from searchengine.media.decode import Wanted
from searchengine.media.options import MediaOptions
from searchengine.media.sandbox import Sandbox
from searchengine.types import Modality
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "a.txt")
    path.write_text("a dog")
    sandbox = Sandbox(1)
    media = sandbox.decode(path, Modality.TEXT, [Wanted()], MediaOptions())
    sandbox.close()
assert media == ["a dog"], media
print("decodes")
"""


def _encoders(device: str) -> Iterator[Finding]:
    """One that does not load is a warning, such as weights not fetched; none at all a failure."""
    from searchengine.encoders.registry import describe

    found = [
        _probed(f"encoder {info.name}", _TRY_ENCODER.format(name=info.name, device=device))
        for info in describe()
    ]
    worst = State.WARN if any(finding.state is State.OK for finding in found) else State.FAIL
    for finding in found:
        yield finding if finding.state is State.OK else replace(finding, state=worst)


#: Extras that are for those who work on the program.
_OURS = ("test", "check", "bench")

_REQUIREMENT = re.compile(r"([\w.-]+).*extra == '([\w-]+)'")


def _extras() -> Iterator[Finding]:
    for requirement in requires("searchengine") or ():
        match = _REQUIREMENT.match(requirement)
        if match and match[2] not in _OURS:
            yield _extra(*match.groups())


def _extra(package: str, extra: str) -> Finding:
    name = f"extra {extra}"
    try:
        return Finding(name, State.OK, f"{package} {version(package)}")
    except PackageNotFoundError:
        return Finding(name, State.ABSENT, f"pip install 'searchengine[{extra}]'")


def _folder(library: Path) -> Iterator[Finding]:
    there = next(folder for folder in (library, *library.absolute().parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield Finding("library", State.FAIL, f"{library} cannot be written")
        return
    yield Finding("library", State.OK, f"{library}{'' if there == library else ', not made yet'}")
    free_bytes = shutil.disk_usage(there).free
    state = State.OK if free_bytes >= _LITTLE_SPACE_BYTES else State.WARN
    yield Finding("disk", state, f"{size_text(free_bytes)} free")
