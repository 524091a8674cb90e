"""The demo corpus: photographs, sounds, videos and texts of the same few subjects."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def corpus() -> Path:
    """The folder of the corpus, with its ``metadata.jsonl``: part of the install, read only."""
    return Path(str(files(__name__) / "corpus"))
