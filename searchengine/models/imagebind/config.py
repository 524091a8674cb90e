"""Sizes of an ImageBind model (Girdhar et al. 2023, arXiv 2305.05665)."""

from __future__ import annotations

from dataclasses import dataclass

from searchengine.errors import ConfigError

#: The towers; images and videos share ``vision``.
TOWERS = ("vision", "text", "audio", "depth", "thermal", "imu")


@dataclass(frozen=True, slots=True)
class TowerSize:
    """A transformer: ``width`` features, ``blocks`` of ``heads``; ``drop_path`` when training."""

    width: int
    blocks: int
    heads: int
    drop_path: float = 0.0


@dataclass(frozen=True, slots=True)
class ImageBindConfig:
    """The published constructor's names and defaults, which were never released as weights.

    ``huge()`` is the one released checkpoint. Raises ConfigError where heads do not divide a
    width.
    """

    out_embed_dim: int = 768
    vision_embed_dim: int = 1024
    vision_num_blocks: int = 24
    vision_num_heads: int = 16
    text_embed_dim: int = 768
    text_num_blocks: int = 12
    text_num_heads: int = 12
    audio_embed_dim: int = 768
    audio_num_blocks: int = 12
    audio_num_heads: int = 12
    audio_drop_path: float = 0.1
    depth_embed_dim: int = 384
    depth_num_blocks: int = 12
    depth_num_heads: int = 8
    depth_drop_path: float = 0.0
    thermal_embed_dim: int = 768
    thermal_num_blocks: int = 12
    thermal_num_heads: int = 12
    thermal_drop_path: float = 0.0
    imu_embed_dim: int = 512
    imu_num_blocks: int = 6
    imu_num_heads: int = 8
    imu_drop_path: float = 0.7

    def __post_init__(self) -> None:
        for tower in TOWERS:
            size = self.tower(tower)
            if size.width % size.heads:
                raise ConfigError(f"{tower}: {size.heads} heads do not divide {size.width}")

    @classmethod
    def huge(cls) -> ImageBindConfig:
        """The sizes of ``imagebind_huge.pth``: 1.2 billion parameters, 1024 numbers out."""
        return cls(
            out_embed_dim=1024,
            vision_embed_dim=1280,
            vision_num_blocks=32,
            vision_num_heads=16,
            text_embed_dim=1024,
            text_num_blocks=24,
            text_num_heads=16,
        )

    def tower(self, name: str) -> TowerSize:
        """The size of one tower."""
        return TowerSize(
            getattr(self, f"{name}_embed_dim"),
            getattr(self, f"{name}_num_blocks"),
            getattr(self, f"{name}_num_heads"),
            getattr(self, f"{name}_drop_path", 0.0),
        )
