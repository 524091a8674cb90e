"""What do fewer views of a film change? Clips x squares beside the reference's 5 x 3.

    python scripts/bench_views.py searchengine/demo/corpus/videos FILM ...

Of each choice: frames that are decoded, seconds until its views are there, views that the network
sees (each as much work as a picture), and the cosine of the film's vector with that of 15 views.
The official weights are not at hand: the vectors are those of a classifier of pictures that was
trained (the starter's, frame by frame) and of a small ImageBind that was not.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from searchengine.media.video import read_frames
from searchengine.models.imagebind import ImageBind, ImageBindConfig
from searchengine.models.imagebind.preprocess import MEAN, STD, film, film_indices
from searchengine.models.starter import image
from searchengine.types import FloatArray, Sampling

CHOICES = ((5, 3), (5, 1), (3, 3), (3, 1), (2, 1), (1, 3), (1, 1))

#: Views (n, 3, 2, 224, 224) to one vector for each.
Network = Callable[[Tensor], Tensor]


def trained() -> Network:
    """The mean of what the starter makes of both frames of a view."""
    network = image.ImageNet()
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]

    def vectors(views: Tensor) -> Tensor:
        pixels = views.transpose(1, 2).flatten(0, 1) * std + mean  # frames, 3, 224, 224
        prepared = (pixels * 255 - image.MEAN) / image.SCALE
        found = torch.from_numpy(network(prepared.numpy()))
        return found.view(len(views), -1, found.shape[-1]).mean(1)

    return vectors


def untrained() -> Network:
    torch.manual_seed(0)
    sizes = ImageBindConfig(vision_embed_dim=192, vision_num_blocks=4, vision_num_heads=4)
    model = ImageBind(sizes, ["vision"]).eval()

    def vectors(views: Tensor) -> Tensor:
        with torch.inference_mode():
            return model.embed("vision", views[:, None])

    return vectors


def seen(path: Path, clips: int, crops: int) -> tuple[Tensor, int, float]:
    """Views of a file, how many frames were decoded, and the seconds it took."""
    start = time.perf_counter()
    info = read_frames(path, sampling=Sampling(frame_indices=(0,)))
    wanted = [i for pair in film_indices(info.frame_count, info.rate_hz, clips) for i in pair]
    once = sorted(set(wanted))
    frames = read_frames(path, sampling=Sampling(frame_indices=tuple(once))).pixels
    views = film(frames[[once.index(i) for i in wanted]], crops)
    return views, len(once), time.perf_counter() - start


def vector(views: Tensor, network: Network) -> FloatArray:
    mean = network(views).mean(0)
    unit: FloatArray = (mean / mean.norm()).numpy()
    return unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("films", type=Path, nargs="+", help="films, or folders of them")
    films = [
        film
        for given in parser.parse_args().films
        for film in (sorted(given.glob("*.mp4")) if given.is_dir() else [given])
    ]
    networks = {"trained": trained(), "untrained": untrained()}
    whole = {
        name: np.stack([vector(seen(path, 5, 3)[0], network) for path in films])
        for name, network in networks.items()
    }
    print(f"{len(films)} films; cosine with 15 views: median, least; nearest of other films")
    for choice in CHOICES:
        compare(films, choice, networks, whole)


def compare(
    films: list[Path],
    choice: tuple[int, int],
    networks: dict[str, Network],
    whole: dict[str, FloatArray],
) -> None:
    views = [seen(path, *choice) for path in films]
    took = statistics.median(seconds for _, _, seconds in views)
    said = f"{choice[0]} x {choice[1]}  {len(views[0][0]):2} views  {views[0][1]:2} frames  "
    said += f"{took * 1e3:5.0f} ms"
    for name, network in networks.items():
        cosines = np.stack([vector(one, network) for one, _, _ in views]) @ whole[name].T
        own = np.diag(cosines).copy()
        np.fill_diagonal(cosines, -1)
        said += f"  {name} {np.median(own):.4f} {own.min():.4f} {cosines.max():.4f}"
    print(said, flush=True)


if __name__ == "__main__":
    main()
