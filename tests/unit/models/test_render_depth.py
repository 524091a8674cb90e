"""The depth maps that are drawn to train and to test the starter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.mark.parametrize("kind", ["room", "corridor", "street"])
def test_a_camera_inside_a_place_sees_it_wherever_it_stands(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from render_depth import render

    for seed in range(40):
        seen = render(kind, np.random.default_rng(seed), wider=1.25).valid.mean()
        assert seen > 0.1, f"{kind}, seed {seed}"
