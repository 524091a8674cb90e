"""Networks on onnxruntime: a graph beside this module, and the weight file that it points into.

A graph (``scripts/make_starter_graphs.py`` draws them) names for each of its tensors the place in
a file of weights as it is, safetensors or PyTorch's. So no copy of the weights is kept, and
nothing here takes the seconds that importing torch does.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from searchengine.errors import CheckpointError
from searchengine.models.starter.packaged import held
from searchengine.types import FloatArray

# Its wheel for Linux reports to its maker unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime


class Graph:
    """Arrays to arrays. Threads may share one."""

    def __init__(self, graph: Path, weights: Path) -> None:
        """Raises CheckpointError when either file is missing, or not the one it was."""
        content, options = held(weights), session_options()
        options.add_external_initializers_from_files_in_memory(
            [weights.name], [content], [len(content)]
        )
        self._session = open_session(held(graph), options, graph)
        self._inputs = [one.name for one in self._session.get_inputs()]

    def __call__(self, *inputs: FloatArray) -> Sequence[FloatArray]:
        outputs: Sequence[FloatArray] = self._session.run(
            None, dict(zip(self._inputs, inputs, strict=True))
        )
        return outputs


def session_options() -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Waiting threads would burn the cores that decoders need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def open_session(model: bytes, options: Any, path: Path) -> Any:
    """An onnxruntime session of a model that was read from ``path``. Raises CheckpointError."""
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no base
        raise CheckpointError(f"{path}: not readable ({error}); reinstall it") from error
