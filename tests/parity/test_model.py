"""Our towers give the reference's numbers, under the official names.

``golden/`` is a small model with random weights that was run through the reference. Of its token
embedding only the rows in use are kept.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from searchengine.errors import CheckpointError, ConfigError
from searchengine.models.imagebind import ImageBind, ImageBindConfig
from searchengine.models.imagebind.checkpoint import load_state
from searchengine.models.imagebind.stems import VOCABULARY

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
EMBEDDING = "modality_preprocessors.text.token_embedding.weight"
CONFIG = ImageBindConfig(**json.loads((GOLDEN / "meta.json").read_text())["constructor"])

PARITY = (sys.executable, str(HERE.parents[1] / "scripts" / "parity.py"))

#: Largest absolute difference on unit vectors, float32.
TOLERANCE = 2e-6


def golden_state() -> dict[str, torch.Tensor]:
    state = load_file(GOLDEN / "weights.safetensors")
    rows, ids = state.pop("rows_of_token_embedding"), state.pop("token_ids")
    state[EMBEDDING] = torch.zeros(VOCABULARY, rows.shape[1])
    state[EMBEDDING][ids] = rows
    return state


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return golden_state()


@pytest.fixture(scope="module")
def model(state: dict[str, torch.Tensor]) -> ImageBind:
    model = ImageBind(CONFIG).eval()
    load_state(model, state)
    return model


def cases() -> dict[str, tuple[torch.Tensor, np.ndarray, np.ndarray]]:
    with np.load(GOLDEN / "inputs.npz") as inputs, np.load(GOLDEN / "expected.npz") as expected:
        return {
            name: (
                torch.from_numpy(inputs[name]),
                expected[f"{name}.l2"],
                expected[f"{name}.raw"],
            )
            for name in inputs.files
        }


CASES = cases()


@pytest.mark.parametrize("name", CASES)
@torch.inference_mode()
def test_every_output_is_the_reference_s(model: ImageBind, name: str) -> None:
    x, unit, raw = CASES[name]
    x, tower = x.long() if name == "text" else x.float(), name.split("_")[0]
    assert np.abs(model.embed(tower, x).numpy() - unit).max() <= TOLERANCE
    assert np.abs(model(tower, x).numpy() - raw).max() <= TOLERANCE * np.abs(raw).max() * 10


@torch.inference_mode()
def test_a_text_s_vector_does_not_depend_on_longer_texts_beside_it(model: ImageBind) -> None:
    ids = CASES["text"][0].long()
    alone = torch.cat([model.embed("text", one[None]) for one in ids])
    assert (alone - model.embed("text", ids)).abs().max() <= TOLERANCE


def official_keys() -> dict[str, tuple[int, ...]]:
    lines = (HERE / "imagebind_huge.keys.tsv").read_text().splitlines()
    pairs = (line.split("\t") for line in lines)
    return {key: tuple(int(n) for n in shape.split("x") if n) for key, shape in pairs}


def test_the_huge_model_has_exactly_the_official_names_and_shapes() -> None:
    with torch.device("meta"):
        huge = ImageBind(ImageBindConfig.huge())
    ours = {key: tuple(value.shape) for key, value in huge.state_dict().items()}
    official = official_keys()
    del official["modality_preprocessors.text.mask"]
    assert ours == official
    assert sum(p.numel() for p in huge.parameters()) == 1_200_781_057


def test_scales_and_mask_may_be_left_out(state: dict[str, torch.Tensor]) -> None:
    bare = {key: value for key, value in state.items() if "log_logit_scale" not in key}
    model = ImageBind(CONFIG)
    load_state(model, bare | {"modality_preprocessors.text.mask": torch.zeros(77, 77)})
    scale = model.state_dict()["modality_postprocessors.audio.1.log_logit_scale"]
    assert float(scale.exp()) == pytest.approx(20)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s: s.pop("modality_heads.imu.3.weight"), r"1 missing: modality_heads\.imu\.3"),
        (lambda s: s.update({"surprise": torch.zeros(1)}), "1 foreign: surprise"),
        (
            lambda s: s.update({"modality_heads.text.proj.1.weight": torch.zeros(3, 48)}),
            r"1 misshapen: modality_heads\.text\.proj\.1\.weight \(3, 48\) instead of \(40, 48\)",
        ),
        (
            lambda s: s.update({"modality_heads.text.proj.0.bias": torch.zeros(48).long()}),
            r"1 not of real numbers: modality_heads\.text\.proj\.0\.bias torch\.int64",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(
    state: dict[str, torch.Tensor], spoil: object, said: str
) -> None:
    spoiled = dict(state)
    spoil(spoiled)  # type: ignore[operator]
    with pytest.raises(CheckpointError, match=said):
        load_state(ImageBind(CONFIG), spoiled)


def test_heads_that_do_not_divide_a_width_are_refused() -> None:
    with pytest.raises(ConfigError, match="depth"):
        ImageBindConfig(depth_num_heads=7)


def test_the_parity_script_accepts_what_is_right_and_refuses_what_is_not(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    for name in ("meta.json", "inputs.npz", "expected.npz"):
        shutil.copy(GOLDEN / name, tmp_path)
    script = [*PARITY, str(tmp_path)]
    save_file(state, tmp_path / "weights.safetensors")
    right = subprocess.run(script, capture_output=True, text=True, check=False)
    assert right.returncode == 0 and "vision_video" in right.stdout, right.stderr
    name = "modality_heads.depth.0.bias"
    save_file(state | {name: state[name] + 1e-3}, tmp_path / "weights.safetensors")
    wrong = subprocess.run(script, capture_output=True, text=True, check=False)
    assert wrong.returncode == 1 and "depth" in wrong.stdout
