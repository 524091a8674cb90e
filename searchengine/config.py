"""Settings from the environment, read once at a front door; flags go before them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from searchengine.errors import ConfigError

#: Where the network runs; ``auto`` is a GPU that works, else the CPU.
DEVICES = ("auto", "cpu", "cuda")

_PREFIX = "SEARCHENGINE_"

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for a whole process.

    ``library`` is the folder everything is kept in; ``encoder`` None is the collection's own, or
    the default one for a new collection; ``api_key`` is shown to a server that is asked.
    """

    library: Path
    collection: str = "default"
    encoder: str | None = None
    device: str = "auto"
    api_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise ConfigError(f"device must be one of {', '.join(DEVICES)}, not {self.device!r}")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """``SEARCHENGINE_LIBRARY``, ``_COLLECTION``, ``_ENCODER``, ``_DEVICE`` and ``_API_KEY``;
        empty is unset.

        Raises ConfigError for a value that cannot be.
        """
        names = ("library", "collection", "encoder", "device", "api_key")
        given = {name: environ.get(_PREFIX + name.upper(), "") for name in names}
        library = given.pop("library")
        return cls(
            library=Path(library).expanduser() if library else default_library(),
            **{name: value for name, value in given.items() if value},
        )


def default_library() -> Path:
    """The user data folder of this platform, such as ``~/.local/share/searchengine``."""
    return Path(platformdirs.user_data_dir("searchengine", appauthor=False))


def models_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """``SEARCHENGINE_MODELS``: where fetched weights are kept, a folder a model.

    By default ``models`` in the user data folder. A library may lie around it: it never looks
    there.
    """
    given = environ.get(_PREFIX + "MODELS", "")
    return Path(given).expanduser() if given else default_library() / "models"


def database_url(environ: Mapping[str, str] = os.environ) -> str:
    """``SEARCHENGINE_DATABASE_URL``: the PostgreSQL that keeps the catalog; empty is SQLite.

    It is no flag, since a list of processes would show its password.
    """
    return environ.get(_PREFIX + "DATABASE_URL", "")


def memory_budget_bytes(environ: Mapping[str, str] = os.environ) -> int | None:
    """``SEARCHENGINE_MEMORY_BUDGET``: what the indexes of a collection may take; see ``budget``."""
    given = environ.get(_PREFIX + "MEMORY_BUDGET", "")
    return budget(given) if given else None


def budget(text: str) -> int:
    """Bytes, see ``size``; ``none`` is 0, which is no limit."""
    return 0 if text.strip().lower() == "none" else size(text)


def size(text: str) -> int:
    """Bytes, of ``500MB``, ``1.5 GiB`` or ``250000``. Raises ConfigError for anything else."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ConfigError(f"{text!r} is no size in memory, such as 500MB or 2GiB")
    number, prefix, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** " kmgt".index(prefix.lower() or " "))
