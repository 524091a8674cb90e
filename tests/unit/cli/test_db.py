"""`db` brings a library up to date, and says in its exit code whether it is."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from searchengine.cli.app import app
from searchengine.store import schema


def db(library: Path, command: str) -> Result:
    return CliRunner().invoke(app, ["--library", str(library), "db", command])


def test_a_library_that_is_not_there_is_at_no_schema(tmp_path: Path) -> None:
    library = tmp_path / "library"
    assert db(library, "current").stdout == "none\n"
    result = db(library, "check")
    assert result.exit_code == 5
    assert "searchengine db upgrade" in result.stderr
    assert not library.exists()


def test_upgrading_makes_it_and_again_changes_nothing(tmp_path: Path) -> None:
    library = tmp_path / "library"
    assert db(library, "upgrade").stdout == f"from nothing to {schema.head()}\n"
    assert db(library, "upgrade").stdout == f"at {schema.head()}\n"
    assert db(library, "current").stdout == f"{schema.head()}\n"
    assert db(library, "check").exit_code == 0


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = db(tmp_path / "file" / "library", "upgrade")
    assert result.exit_code == 5
    assert result.stderr.count("\n") == 1 and "--library" in result.stderr
