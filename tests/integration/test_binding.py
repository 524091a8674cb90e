"""A sensor bound to a frozen space: what is trained, what is kept, and that it is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from searchengine.encoders.registry import load
from searchengine.engine import Engine
from searchengine.errors import CheckpointError
from searchengine.media.options import MediaOptions
from searchengine.models.imagebind import ImageBind, ImageBindConfig
from searchengine.models.imagebind.binding import Pairs, Plan, contrast, recall_at, train

SCRIPTS = Path(__file__).parents[2] / "scripts"
SIZES = {"imu_embed_dim": 32, "imu_num_blocks": 1, "imu_num_heads": 2}


def unit(*shape: int) -> torch.Tensor:
    return functional.normalize(torch.randn(*shape), dim=-1)


def model() -> ImageBind:
    torch.manual_seed(0)
    return ImageBind(ImageBindConfig(out_embed_dim=8, imu_drop_path=0.2, **SIZES), ["imu"])


def pairs() -> Pairs:
    torch.manual_seed(1)
    return Pairs(torch.randn(10, 6, 2000), unit(10, 8))


def test_the_loss_is_equation_1_both_ways() -> None:
    torch.manual_seed(0)
    sensor, anchors = 5 * unit(7, 8), unit(7, 8)
    total = 0.0
    for i in range(7):
        there = (sensor[i] @ anchors.T).exp()
        back = (sensor @ anchors[i]).exp()
        total -= float((there[i] / there.sum()).log() + (back[i] / back.sum()).log()) / 2
    assert float(contrast(sensor, anchors)) == pytest.approx(total / 7, rel=1e-5)


def test_nothing_flows_into_the_anchor_and_equal_captions_are_no_mistakes() -> None:
    sensor, anchors = unit(4, 8).requires_grad_(), unit(1, 8).repeat(4, 1).requires_grad_()
    loss = contrast(sensor, anchors)
    loss.backward()
    assert anchors.grad is None and sensor.grad is not None
    far = contrast(50 * torch.eye(8)[:2], torch.eye(8)[:2])
    assert float(far) == pytest.approx(0, abs=1e-6)


def test_training_keeps_weights_in_float32_and_a_fixed_scale_fixed() -> None:
    trained, before = model(), model().state_dict()
    train(trained, "imu", pairs(), Plan(epochs=1, batch=5))
    after = trained.state_dict()
    assert {value.dtype for value in after.values()} == {torch.float32}
    scale = "modality_postprocessors.imu.1.log_logit_scale"
    assert torch.equal(after[scale], before[scale])
    assert not torch.equal(
        after["modality_heads.imu.3.weight"], before["modality_heads.imu.3.weight"]
    )


def test_a_training_that_is_broken_off_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    plan = Plan(epochs=3, batch=4)
    whole, broken = model(), model()
    train(whole, "imu", pairs(), plan, tmp_path / "whole.pt")

    def stop(epoch: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(broken, "imu", pairs(), plan, tmp_path / "broken.pt", stop)
    resumed = model()
    train(resumed, "imu", pairs(), plan, tmp_path / "broken.pt")
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key
    with pytest.raises(CheckpointError, match="another plan"):
        train(model(), "imu", pairs(), Plan(epochs=4, batch=4), tmp_path / "broken.pt")


def test_recall_counts_only_the_right_anchor() -> None:
    gallery = torch.eye(4)
    assert recall_at(gallery, gallery, gallery, 1) == 1
    assert recall_at(gallery, gallery.roll(1, 0), gallery, 1) == 0
    assert recall_at(gallery, gallery.roll(1, 0), gallery, 4) == 1


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The worked example of docs/new_modality.md, as its commands make it, in small."""
    files, sensor = tmp_path_factory.mktemp("machines"), tmp_path_factory.mktemp("sensor")
    make = [sys.executable, str(SCRIPTS / "make_bind_example.py"), str(files), "--per-kind", "16"]
    subprocess.run(make, check=True, capture_output=True)
    words = ["--name", "vibration", "--modality", "imu", "--epochs", "8", "--batch", "16"]
    words += ["--learning-rate", "0.004", "--options", '{"imu_standardise": true}']
    words += ["--sizes", *(f"{k}={v}" for k, v in SIZES.items()), "imu_drop_path=0.1"]
    script = [sys.executable, str(SCRIPTS / "train_bind.py"), str(files), str(sensor), *words]
    subprocess.run(script, check=True, capture_output=True)
    return files, sensor


def test_a_bound_sensor_is_indexed_and_found_by_words(
    example: tuple[Path, Path], tmp_path: Path
) -> None:
    files, sensor = example
    encoder = load(str(sensor))
    assert "vibration@" in encoder.identity and encoder.identity.startswith("starter")
    options = MediaOptions(imu_rate_hz=200.0)
    with Engine(tmp_path / "library", encoder=encoder, options=options) as engine:
        report = engine.index([files])
        assert report.new == 9 * 16 and not report.failures
        found = engine.search(text="a machine that is switched off", targets=["imu"])
        labels = [hit.item.metadata["label"] for hit in found]
        assert labels.count("off") + labels.count("stop") >= 6  # of 10; chance is 2.2
        again = engine.search(imu=str(files / "hammer-000.npy")).hits
        assert again[0].item.path.endswith("hammer-000.npy")
    with Engine(tmp_path / "library") as engine:  # the collection remembers its encoder
        assert len(engine.search(text="hammering")) == 10


def test_a_bound_sensor_that_was_altered_is_refused(example: tuple[Path, Path]) -> None:
    weights = example[1] / "tower.safetensors"
    data = weights.read_bytes()
    try:
        weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(CheckpointError, match="altered"):
            load(str(example[1]))
    finally:
        weights.write_bytes(data)
