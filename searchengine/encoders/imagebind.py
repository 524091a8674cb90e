"""``imagebind-huge``: text, image, video, audio, depth, thermal and IMU by ImageBind.

The weights are Meta's, CC BY-NC-SA 4.0: for non-commercial use only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from searchengine.encoders.encoder import Prepared
from searchengine.encoders.pool import pooled
from searchengine.errors import EncoderError
from searchengine.models.imagebind.config import ImageBindConfig
from searchengine.models.imagebind.options import Options
from searchengine.models.imagebind.tokenizer import tokenize
from searchengine.models.imagebind.towers import Towers
from searchengine.models.imagebind.weights import require
from searchengine.types import FloatArray, Media, MediaInfo, Modality, Sampling, Span

#: Which tower encodes what; all others are named as their modality.
TOWERS = {Modality.IMAGE: "vision", Modality.VIDEO: "vision"}


class ImageBindEncoder:
    """See ``Encoder``. ``name`` is what the user types, with its options.

    ``folder`` is where the prepared weights are. Raises CheckpointError when they are not there,
    naming the commands that fetch them.
    """

    modalities = frozenset(Modality)

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "imagebind-huge",
        options: Options | None = None,
        config: ImageBindConfig | None = None,
        device: str = "auto",
    ) -> None:
        config = config or ImageBindConfig.huge()
        self._options = options or Options()
        weights = require(folder)
        self.name = name
        chosen = self._options.identity()
        self.identity = f"{weights.name}@{weights.identity}" + (f"?{chosen}" if chosen else "")
        self.dim = config.out_embed_dim
        self.centers: Mapping[Modality, FloatArray] = {}
        self.towers = Towers(folder, config, device, self._options.precision)

    def sampling(self, info: MediaInfo, span: Span | None) -> Sampling:
        """Every pixel, as the reference has it; of a video only the frames that are seen."""
        if info.modality is not Modality.VIDEO or not info.rate_hz or not info.duration_s:
            return Sampling()
        from searchengine.encoders.views import film_frames

        return Sampling(frame_indices=film_frames(info, span, self._options))

    def preprocess(self, media: Media, modality: Modality) -> Prepared:
        """Token ids int64 (77,), or what the tower takes of one view, float32 (views, ...)."""
        if isinstance(media, str) and modality is Modality.TEXT:
            if not media.strip():
                raise EncoderError("the text is empty")
            ids: Prepared = tokenize([media])[0]
            return ids
        from searchengine.encoders.views import views  # takes 170 MB that words do not need

        return views(media, modality, self._options)

    def encode(self, batch: Sequence[Prepared], modality: Modality) -> FloatArray:
        if not batch:
            return np.empty((0, self.dim), np.float32)
        if modality is Modality.TEXT:
            return self._encode_texts(np.stack(batch))
        views = torch.from_numpy(np.concatenate(batch))
        if modality is Modality.VIDEO:
            views = views[:, None]  # the model takes videos of several clips: these have one
        vectors = self.towers.embed(TOWERS.get(modality, modality.value), views).numpy()
        return pooled(vectors, batch)

    def scale(self, modality: Modality) -> float:
        """What the published model multiplies the unit vectors of a modality by."""
        tower = TOWERS.get(modality, modality.value)
        post = self.towers.load(tower).modality_postprocessors[tower]
        return float(post(torch.ones(1)))

    def _encode_texts(self, ids: npt.NDArray[np.int64]) -> FloatArray:
        """Texts of like length together: a batch is computed to its longest end."""
        order = np.argsort(ids.argmax(axis=1), kind="stable")
        vectors = np.empty((len(ids), self.dim), np.float32)
        vectors[order] = self.towers.embed("text", torch.from_numpy(ids[order])).numpy()
        return vectors
