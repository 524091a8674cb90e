"""JSON that can always be written."""

from __future__ import annotations

import json
import math
from typing import Any

from fastapi.responses import JSONResponse


class Json(JSONResponse):
    """A document, ``written``."""

    def render(self, content: Any) -> bytes:
        return written(content)


def written(content: Any) -> bytes:
    """As JSON. What a file says of itself may hold numbers that JSON has no word for, which become
    null, and halves of surrogate pairs, which are escaped."""
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except ValueError:  # UnicodeEncodeError is one
        return json.dumps(_finite(content)).encode()


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case _:
            return value
