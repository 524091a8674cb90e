"""The doctor looks at the real machine, and survives what it finds."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from searchengine.cli.doctor import _TRY_SANDBOX, State, _encoders, _folder, _probed
from searchengine.types import Modality


def test_a_library_that_works_is_named_with_its_version() -> None:
    finding = _probed("numpy", "import numpy; print(numpy.__version__)")
    assert (finding.state, finding.detail) == (State.OK, version("numpy"))


def test_a_library_that_is_missing_or_kills_its_process_is_a_finding() -> None:
    missing = _probed("nothing", "import nothing_of_that_name")
    assert missing.state is State.FAIL and "nothing_of_that_name" in missing.detail
    killed = _probed("killed", "import os; os.kill(os.getpid(), 11)")
    assert killed.state is State.FAIL and "-11" in killed.detail


def test_every_kind_of_media_is_tried_with_the_encoder_that_comes_with_the_install() -> None:
    starter, imagebind = _encoders("cpu")
    assert (starter.state, starter.detail) == (State.OK, f"encodes {', '.join(Modality)}")
    assert imagebind.state is State.OK or "models pull" in imagebind.detail
    assert "searchengine.errors" not in imagebind.detail


def test_the_sandbox_is_tried_with_a_file() -> None:
    finding = _probed("sandbox", _TRY_SANDBOX)
    assert (finding.state, finding.detail) == (State.OK, "decodes")


def test_a_folder_is_looked_at_without_being_made(tmp_path: Path) -> None:
    library = tmp_path / "a" / "library"
    states = {finding.name: finding.state for finding in _folder(library)}
    assert states == {"library": State.OK, "disk": State.OK}
    assert not library.exists()


def test_a_file_in_the_way_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (finding,) = _folder(tmp_path / "file" / "library")
    assert finding.state is State.FAIL
