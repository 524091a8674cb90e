"""What only training sees: stochastic depth, and scales that are learnt or fixed."""

from __future__ import annotations

import math

import pytest
import torch

from searchengine.models.imagebind.config import TOWERS, ImageBindConfig, TowerSize
from searchengine.models.imagebind.heads import SCALES, postprocessor
from searchengine.models.imagebind.model import ImageBind
from searchengine.models.imagebind.transformer import Trunk


def test_drop_path_grows_block_by_block_to_the_rate() -> None:
    trunk = Trunk(TowerSize(16, 3, 2, drop_path=0.4), extra_key=True, norm_first=False)
    assert [block.drop_path for block in trunk.blocks] == pytest.approx([0, 0.2, 0.4])


def test_a_dropped_branch_is_left_out_of_whole_items_and_right_on_average() -> None:
    torch.manual_seed(0)
    block = Trunk(TowerSize(16, 2, 2, drop_path=0.7), extra_key=False, norm_first=False).blocks[1]
    branch = torch.ones(20_000, 2, 3)
    dropped = block.train()._dropped(branch)
    kept = dropped[:, 0, 0] > 0
    assert torch.equal(dropped, kept[:, None, None] * branch / 0.3)
    assert float(kept.float().mean()) == pytest.approx(0.3, abs=0.02)
    assert torch.equal(block.eval()._dropped(branch), branch)


def test_the_published_rates_are_those_of_sound_and_motion() -> None:
    rates = {tower: ImageBindConfig.huge().tower(tower).drop_path for tower in TOWERS}
    assert {tower: rate for tower, rate in rates.items() if rate} == {"audio": 0.1, "imu": 0.7}


@pytest.mark.parametrize("tower", SCALES)
def test_only_the_scale_of_text_is_learnt(tower: str) -> None:
    post = postprocessor(tower)
    learnt = [name for name, _ in post.named_parameters()]
    assert learnt == (["1.log_logit_scale"] if tower == "text" else [])
    scaled = post(torch.ones(1, 4))
    assert scaled.detach().norm().item() == pytest.approx(SCALES[tower])
    if tower == "text":
        scaled.sum().backward()
        assert float(post[1].log_logit_scale.grad) > 1


def test_no_scale_passes_100() -> None:
    post = postprocessor("text")
    post.load_state_dict({"1.log_logit_scale": torch.tensor(math.log(130))})
    assert post(torch.ones(1, 4)).detach().norm().item() == pytest.approx(100)


def test_pictures_have_no_scale() -> None:
    model = ImageBind(
        ImageBindConfig(vision_embed_dim=16, vision_num_blocks=1, vision_num_heads=2), ["vision"]
    )
    assert model("vision", torch.randn(1, 3, 224, 224)).detach().norm().item() == pytest.approx(1)
