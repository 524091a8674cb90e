"""Are our ImageBind's numbers the reference's? Runs a folder of golden data.

    python scripts/parity.py FOLDER

FOLDER holds either a model (``weights.safetensors`` under official names, ``meta.json`` with the
constructor's arguments, ``inputs.npz``, ``expected.npz`` with ``NAME.l2``), or preprocessing
(``files/``, ``strings.json``, ``expected_{images,audio,video,text}.npz``). Prints the error of each
output; exits 1 when one is past its tolerance.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from searchengine.media.audio import read_audio
from searchengine.media.video import read_frames
from searchengine.models.imagebind import ImageBind, ImageBindConfig
from searchengine.models.imagebind.checkpoint import load_state
from searchengine.models.imagebind.preprocess import film, film_indices, picture, sound
from searchengine.models.imagebind.tokenizer import tokenize
from searchengine.types import Sampling

#: Of unit vectors in float32. The smallest wrong detail (the epsilon of a head's LayerNorm)
#: moves some output by more.
MODEL_TOLERANCE = 2e-6
PIXEL_TOLERANCE = 1e-5
#: Clips that are stored in half precision.
HALF_TOLERANCE = 2e-3
#: Logarithms amplify float noise where a sound is nearly silent, so not the largest error counts.
SOUND_MEAN_TOLERANCE = 5e-4
SOUND_P99_TOLERANCE = 5e-3


@dataclass(frozen=True, slots=True)
class Compared:
    """One output: its error and what that may be."""

    name: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance


def model_outputs(folder: Path) -> Iterator[Compared]:
    meta = json.loads((folder / "meta.json").read_text())
    model = ImageBind(ImageBindConfig(**meta["constructor"])).eval()
    load_state(model, load_file(folder / "weights.safetensors"))
    with np.load(folder / "inputs.npz") as inputs, np.load(folder / "expected.npz") as expected:
        for name in inputs.files:
            x = torch.from_numpy(inputs[name])
            x = x.long() if name.startswith("text") else x.float()
            with torch.inference_mode():
                vectors = model.embed(name.split("_")[0], x).numpy()
            yield Compared(name, _largest(vectors, expected[f"{name}.l2"]), MODEL_TOLERANCE)


def preprocessing_outputs(folder: Path) -> Iterator[Compared]:
    files = folder / "files"
    for name, expected in _arrays(folder / "expected_images.npz"):
        with Image.open(files / name) as image:  # as the reference: neither turned nor composited
            got = picture(np.asarray(image.convert("RGB"))).numpy()
        yield Compared(name, _largest(got, expected), PIXEL_TOLERANCE)
    for name, expected in _arrays(folder / "expected_audio.npz"):
        wave = read_audio(files / name)
        error = np.abs(sound(wave.samples, wave.rate_hz).numpy() - expected)
        yield Compared(f"{name} mean", float(error.mean()), SOUND_MEAN_TOLERANCE)
        yield Compared(f"{name} p99", float(np.percentile(error, 99)), SOUND_P99_TOLERANCE)
    for name, expected in _arrays(folder / "expected_text.npz"):
        tokens = tokenize(json.loads((folder / "strings.json").read_text()))
        yield Compared(name, _largest(tokens, expected), 0)
    yield from _videos(folder)


def _videos(folder: Path) -> Iterator[Compared]:
    views = {
        "strided": (lambda x: x[:, :, :, 3::7, 2::7], PIXEL_TOLERANCE),
        "mean": (lambda x: x.mean((3, 4)), PIXEL_TOLERANCE),
        "std": (lambda x: x.std((3, 4)), PIXEL_TOLERANCE),
        "full_clip0": (lambda x: x[:3], HALF_TOLERANCE),
    }
    made: dict[str, Any] = {}
    for key, expected in _arrays(folder / "expected_video.npz"):
        name, _, view = key.rpartition(".")
        if name not in made:
            made = {name: _film(folder / "files" / name)}
        look, tolerance = views[view]
        yield Compared(key, _largest(look(made[name]), expected), tolerance)


def _film(path: Path) -> Any:
    info = read_frames(path, sampling=Sampling(frame_indices=(0,)))
    wanted = [i for pair in film_indices(info.frame_count, info.rate_hz) for i in pair]
    once = sorted(set(wanted))
    frames = read_frames(path, sampling=Sampling(frame_indices=tuple(once))).pixels
    return film(frames[[once.index(i) for i in wanted]]).numpy()


def _arrays(path: Path) -> Iterator[tuple[str, Any]]:
    if path.exists():
        with np.load(path) as arrays:
            yield from ((name, arrays[name]) for name in arrays.files)


def _largest(got: Any, expected: Any) -> float:
    if got.shape != expected.shape:
        return float("inf")
    return float(np.abs(got.astype(np.float64) - expected.astype(np.float64)).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    is_model = (folder / "weights.safetensors").exists()
    compared = list((model_outputs if is_model else preprocessing_outputs)(folder))
    for one in compared:
        verdict = "" if one.passed else "   past the tolerance"
        print(f"{one.name:48} {one.error:.2e} of {one.tolerance:.0e}{verdict}")
    failed = sum(not one.passed for one in compared)
    print(f"{len(compared)} compared, {failed} past the tolerance")
    sys.exit(0 if compared and not failed else 1)


if __name__ == "__main__":
    main()
