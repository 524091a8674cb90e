"""Cross-modal search: find anything with anything.

``Engine`` is loaded on first use, so that importing the package stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from searchengine.engine import Engine

__all__ = ["Engine"]


def __getattr__(name: str) -> Any:
    if name == "Engine":
        return importlib.import_module("searchengine.engine").Engine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
