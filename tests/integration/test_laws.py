"""What must stay true of the package as a whole."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from dataclasses import fields
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

import searchengine
from searchengine.cli.app import app
from searchengine.config import Settings
from searchengine.store.library import Library

ROOT = Path(__file__).parents[2]
URL = "SEARCHENGINE_DATABASE_URL"


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_the_package_loads_neither_torch_nor_faiss_nor_sql() -> None:
    heavy = {"torch", "faiss", "sqlalchemy", "onnxruntime", "numpy"}
    assert not heavy & loaded_by("import searchengine")


def test_a_client_loads_no_engine_no_decoder_and_no_server() -> None:
    loaded = loaded_by("from searchengine import AsyncClient, Client; Client('http://x').close()")
    local = {"torch", "faiss", "sqlalchemy", "onnxruntime", "scipy", "av", "PIL", "soundfile"}
    assert not (local | {"fastapi", "pydantic", "starlette", "uvicorn"}) & loaded


def test_an_engine_and_its_library_need_no_torch(tmp_path: Path) -> None:
    statement = f"from searchengine import Engine; Engine({str(tmp_path)!r}).close()"
    assert not {"torch", "onnxruntime"} & loaded_by(statement)


def test_the_public_names_are_these() -> None:
    assert searchengine.__all__ == ["AsyncClient", "Client", "Engine"]
    assert all(hasattr(searchengine, name) for name in searchengine.__all__)
    with pytest.raises(AttributeError, match="Motor"):
        _ = searchengine.Motor


def test_every_command_and_every_setting_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    program = get_command(app)
    assert isinstance(program, TyperGroup)
    for name in program.commands:
        assert f"`{name}" in page, name
    for field in fields(Settings):
        assert f"`SEARCHENGINE_{field.name.upper()}`" in page, field.name


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_code_migrations_weights_and_demo(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for needed in (
        "searchengine/py.typed",
        "searchengine/cli/app.py",
        "indexer/pipeline.py",
        "searchengine/store/migrations/env.py",
        "searchengine/demo/corpus/metadata.jsonl",
        *(
            f"searchengine/store/migrations/versions/{revision.name}"
            for revision in (ROOT / "alembic" / "versions").glob("*.py")
        ),
        *(
            page.relative_to(ROOT).as_posix()
            for page in (ROOT / "searchengine" / "server" / "web").rglob("*")
            if page.is_file()
        ),
    ):
        assert needed in names
    assert not [name for name in names if name.startswith(("tests/", "scripts/", "alembic/"))]


@pytest.mark.usefixtures("database")
def test_a_library_can_be_made_from_the_wheel_alone(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")
    code = (
        "from pathlib import Path; from searchengine.store.library import Library;"
        "import searchengine; print(searchengine.__file__);"
        f"Library(Path({str(tmp_path / 'library')!r}), create=True).close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": "", URL: os.environ[URL]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path / "site") in done.stdout
    assert Library.exists(tmp_path / "library")
