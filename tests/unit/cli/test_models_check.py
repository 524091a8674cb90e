"""``models check`` shows what ImageBind's own example shows: softmax over the raw outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from searchengine.cli.models_check import PAIRS, _table, _vectors
from searchengine.encoders.imagebind import TOWERS, ImageBindEncoder
from searchengine.media.decode import Wanted, decode
from searchengine.media.options import MediaOptions
from searchengine.models.imagebind.checkpoint import convert, load_tower
from searchengine.models.imagebind.options import Options
from searchengine.types import Media, Modality, Sampling
from tests.small_release import SMALL, release_of, small_state

#: The logarithm of a share that float32 still tells from nothing.
LEAST = -80.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, larger than they begin, so that different things look different."""
    folder = tmp_path_factory.mktemp("weights")
    state = {k: v if v.ndim == 0 else v * 4 for k, v in small_state().items()}
    torch.save(state, folder / "small.pth")
    convert(folder / "small.pth", folder, release_of(folder / "small.pth"))
    return folder


@pytest.fixture
def given(tmp_path: Path) -> dict[Modality, list[str]]:
    """Three texts, pictures, and sounds, one of which is three segments long elsewhere."""
    rng = np.random.default_rng(0)
    pictures = [tmp_path / f"{n}.png" for n in range(3)]
    sounds = [tmp_path / f"{n}.wav" for n in range(3)]
    for n in range(3):
        pixels = rng.integers(0, 256, (4 + n, 4, 3), np.uint8)
        Image.fromarray(pixels).resize((224, 224)).save(pictures[n])
        loud = np.linspace(0, 1, (3 + 6 * n) * 16_000)[:, None] ** n
        soundfile.write(sounds[n], loud * rng.normal(0, 0.1, (len(loud), 1)), 16_000)
    return {
        Modality.TEXT: ["a kitten", "an owl at night", "drums"],
        Modality.IMAGE: list(map(str, pictures)),
        Modality.AUDIO: list(map(str, sounds)),
    }


@torch.inference_mode()
def raw(
    encoder: ImageBindEncoder, folder: Path, modality: Modality, values: list[str]
) -> torch.Tensor:
    """What the model itself gives, scaled, for each text or whole file."""
    tower = TOWERS.get(modality, modality.value)
    model = load_tower(folder, tower, SMALL)
    outputs = []
    for value in values:
        if modality is Modality.TEXT:
            media: Media = value
        else:
            (media,) = decode(Path(value), modality, [Wanted(None, Sampling())], MediaOptions())
        x = torch.from_numpy(encoder.preprocess(media, modality))
        outputs.append(model(tower, x if modality is Modality.IMAGE else x[None])[0])
    return torch.stack(outputs)


def test_the_tables_are_softmaxes_of_the_raw_outputs(
    folder: Path, given: dict[Modality, list[str]]
) -> None:
    encoder = ImageBindEncoder(
        folder, config=SMALL, options=Options(precision="fp32"), device="cpu"
    )
    vectors = _vectors(encoder, given)
    outputs = {m: raw(encoder, folder, m, values) for m, values in given.items()}
    for rows, columns in PAIRS:
        expected = torch.log_softmax(outputs[rows] @ outputs[columns].T, dim=-1).numpy()
        shares = _table(encoder, vectors, rows, columns).shares
        seen = expected > LEAST
        assert np.abs(np.log(shares[seen]) - expected[seen]).max() < 1e-3
        assert np.ptp(expected[seen]) > 0.1  # not all alike: a wrong scale would show
