"""ImageBind: six towers, each tokens, a transformer, a head and a scale, into one space.

Nothing is shared between towers. Parameters carry the names and shapes of the official
``imagebind_huge.pth``. Written from the paper (Girdhar et al. 2023, arXiv 2305.05665) and from
observed behaviour; the reference code was not used.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from searchengine.models.imagebind import stems
from searchengine.models.imagebind.config import TOWERS, ImageBindConfig
from searchengine.models.imagebind.heads import head, postprocessor
from searchengine.models.imagebind.transformer import Trunk

_STEMS = {
    "vision": stems.vision_stem,
    "text": stems.TextTokens,
    "audio": stems.audio_stem,
    "depth": stems.depth_stem,
    "thermal": stems.thermal_stem,
    "imu": stems.ImuTokens,
}

#: Towers whose attention has one learnt key and value more.
_EXTRA_KEY = frozenset({"audio", "depth", "thermal", "imu"})


class ImageBind(nn.Module):
    """Any of the towers; ``towers`` builds only some, so that a text query holds text alone."""

    def __init__(self, config: ImageBindConfig, towers: Sequence[str] = TOWERS) -> None:
        super().__init__()
        self.config = config
        sizes = {name: config.tower(name) for name in towers}
        out = config.out_embed_dim
        self.modality_preprocessors = nn.ModuleDict(
            {name: _STEMS[name](size.width) for name, size in sizes.items()}
        )
        self.modality_trunks = nn.ModuleDict(
            {
                name: Trunk(size, extra_key=name in _EXTRA_KEY, norm_first=name == "vision")
                for name, size in sizes.items()
            }
        )
        self.modality_heads = nn.ModuleDict(
            {name: head(name, size.width, out) for name, size in sizes.items()}
        )
        self.modality_postprocessors = nn.ModuleDict({name: postprocessor(name) for name in sizes})

    def forward(self, tower: str, x: Tensor) -> Tensor:
        """What the published model gives: (b, out), of length 1 times the tower's scale.

        ``x`` is (b, 3, 224, 224), (b, clips, 3, 2, 224, 224) or (b, clips, 3, 1, 224, 224) for
        vision; (b, 1, 128, 204) for audio; (b, 1, 224, 224) for depth and thermal; (b, 6, 2000)
        for imu; int64 (b, 77) for text. Another dimension after the first of audio, depth and
        thermal is clips: they are encoded one by one and their scaled vectors averaged.
        """
        clips = x.shape[1] if x.ndim >= 5 else None
        if clips is not None:
            x = x.flatten(0, 1)
        projected = self._project(tower, x).float()  # lengths and means want all their digits
        vectors: Tensor = self.modality_postprocessors[tower](projected)
        return vectors if clips is None else vectors.view(-1, clips, vectors.shape[-1]).mean(1)

    def embed(self, tower: str, x: Tensor) -> Tensor:
        """As ``forward``, of length 1: what is stored and searched."""
        return functional.normalize(self.forward(tower, x), dim=-1)

    def _project(self, tower: str, x: Tensor) -> Tensor:
        if tower == "text":
            return self._project_text(x)
        tokens = self.modality_trunks[tower](self.modality_preprocessors[tower](x))
        projected: Tensor = self.modality_heads[tower](tokens)
        return projected

    def _project_text(self, ids: Tensor) -> Tensor:
        """The token of the largest id, the first end mark, speaks for the text.

        Attention looks only back, so what follows the last end mark of the batch is left out:
        that changes nothing.
        """
        ends = ids.argmax(dim=-1)
        ids = ids[:, : int(ends.max()) + 1]
        tokens = self.modality_trunks["text"](self.modality_preprocessors["text"](ids), causal=True)
        last = tokens[torch.arange(len(ids), device=ids.device), ends]
        projected: Tensor = self.modality_heads["text"](last)
        return projected
