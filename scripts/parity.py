"""Are our ImageBind's numbers the reference's? Runs a folder of golden data.

    python scripts/parity.py FOLDER

FOLDER holds ``weights.safetensors`` (official names), ``meta.json`` (constructor arguments),
``inputs.npz`` and ``expected.npz`` (``NAME.l2``: unit vectors). The tower is the part of a name
before its first underscore. Prints the largest error of each output; exits 1 past the tolerance.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from searchengine.models.imagebind import ImageBind, ImageBindConfig
from searchengine.models.imagebind.checkpoint import load_state

#: Largest difference of any number of a unit vector, in float32. The smallest wrong detail
#: (the epsilon of a head's LayerNorm) moves some output by more.
TOLERANCE = 2e-6


def model_errors(folder: Path) -> Iterator[tuple[str, float]]:
    """The largest absolute error of each output of a model."""
    meta = json.loads((folder / "meta.json").read_text())
    model = ImageBind(ImageBindConfig(**meta["constructor"])).eval()
    load_state(model, load_file(folder / "weights.safetensors"))
    with np.load(folder / "inputs.npz") as inputs, np.load(folder / "expected.npz") as expected:
        for name in inputs.files:
            x = torch.from_numpy(inputs[name])
            x = x.long() if name.startswith("text") else x.float()
            with torch.inference_mode():
                vectors = model.embed(name.split("_")[0], x).numpy()
            yield name, float(np.abs(vectors - expected[f"{name}.l2"]).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    worst = 0.0
    for name, error in model_errors(folder):
        worst = max(worst, error)
        print(f"{name:28} {error:.2e}{'' if error <= TOLERANCE else '   past the tolerance'}")
    print(f"worst {worst:.2e}, tolerance {TOLERANCE:.0e}")
    sys.exit(0 if worst <= TOLERANCE else 1)


if __name__ == "__main__":
    main()
