"""The demo corpus: photographs, sounds, videos and texts of the same few subjects."""

from __future__ import annotations

from pathlib import Path


def corpus() -> Path:
    """The folder of the corpus, with its ``metadata.jsonl``: part of the install, read only."""
    return Path(__file__).parent / "corpus"
