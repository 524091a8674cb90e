"""Cross-modal search: find anything with anything.

``Engine`` does everything in this process; ``Client`` and ``AsyncClient`` have the same methods
and ask a server. Each is loaded on first use, so that importing the package stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from searchengine.client import AsyncClient, Client
    from searchengine.engine import Engine

__all__ = ["AsyncClient", "Client", "Engine"]

_PLACES = {
    "AsyncClient": "searchengine.client",
    "Client": "searchengine.client",
    "Engine": "searchengine.engine",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
