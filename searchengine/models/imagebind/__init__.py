"""ImageBind (Girdhar et al. 2023): our own implementation, compatible with the official weights.

The official weights are CC BY-NC-SA 4.0, for non-commercial use only; this code is not theirs.
"""

from searchengine.models.imagebind.config import ImageBindConfig
from searchengine.models.imagebind.model import ImageBind

__all__ = ["ImageBind", "ImageBindConfig"]
