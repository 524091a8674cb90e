"""Towers at work: loaded when first needed, on the CPU or a GPU, and let go again."""

from __future__ import annotations

import threading
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from searchengine.errors import ConfigError, EncoderError
from searchengine.models.imagebind.checkpoint import load_tower
from searchengine.models.imagebind.config import ImageBindConfig
from searchengine.models.imagebind.linear import lay_out, quantise
from searchengine.models.imagebind.model import ImageBind
from searchengine.models.imagebind.weights import Precision

#: Inputs at a time. On two cores 8 pictures took 200 ms each, one 240 ms, and 32 gain nothing;
#: a GPU wants many.
AT_ONCE = {"cpu": 8, "cuda": 128}

#: A text is short: its cost is reading the weights, whatever the batch.
TEXTS_AT_ONCE = {"cpu": 64, "cuda": 1024}

#: In torch's words, whatever the system, when the CPU's memory is out; a GPU has its own error.
CPU_MEMORY_OUT = "DefaultCPUAllocator"


class Towers:
    """The towers whose weights lie in ``folder``. Threads may share them.

    ``device`` is auto, cpu or cuda; ``precision`` auto, bf16 or fp32, where auto is bf16 on
    hardware that multiplies it, or int8, which is auto with matrices in 8 bits. Raises
    ConfigError for a GPU that is not there, or that is to multiply int8.
    """

    def __init__(
        self, folder: Path, config: ImageBindConfig, device: str = "auto", precision: str = "auto"
    ) -> None:
        self._folder = folder
        self._config = config
        self.device = choose_device(device)
        self.int8 = precision == "int8"
        if self.int8 and self.device.type == "cuda":
            raise ConfigError(
                "precision int8 is for the CPU; use --device cpu or another precision"
            )
        self.precision = choose_precision(precision, self.device)
        self._loaded: dict[str, ImageBind] = {}
        self._most: dict[str, int] = {}
        self._lock = threading.Lock()

    def embed(self, tower: str, x: Tensor) -> Tensor:
        """Unit vectors float32 (n, d) on the CPU, of inputs (n, ...) as ``ImageBind`` takes them.

        When memory runs out, half as many are taken at a time from then on. Raises EncoderError
        when one alone is too much.
        """
        model = self.load(tower)
        done = []
        while len(x):
            most = self._most.setdefault(tower, self._at_once(tower))
            try:
                done.append(self._embed(model, tower, x[:most]))
            except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is one
                self._halve(tower, min(most, len(x)), error)
            else:
                x = x[most:]
        return torch.cat(done).cpu() if done else torch.empty(0, self._config.out_embed_dim)

    def load(self, tower: str) -> ImageBind:
        """The model of one tower; the first time, from the disk. Raises CheckpointError."""
        with self._lock:
            if tower not in self._loaded:
                self._loaded[tower] = self._prepared(tower)
            return self._loaded[tower]

    def unload(self, tower: str | None = None) -> None:
        """Give back the memory of a tower, or of all; they load again when needed."""
        with self._lock:
            for name in [tower] if tower else list(self._loaded):
                self._loaded.pop(name, None)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @property
    def loaded(self) -> tuple[str, ...]:
        return tuple(self._loaded)

    def _prepared(self, tower: str) -> ImageBind:
        model = load_tower(self._folder, tower, self._config, self.precision)
        if self.device.type == "cuda":
            return model.to(self.device)
        if self.int8:
            quantise(model)
        elif self.precision == "bf16":
            lay_out(model)
        else:
            return model
        fresh = load_tower(self._folder, tower, self._config, self.precision).state_dict()
        kept = {k: v for k, v in model.state_dict().items() if not v.is_mkldnn}
        # the mapping that has been read through goes: its pages would count twice
        model.load_state_dict({k: fresh[k] for k in kept}, strict=False, assign=True)
        return model

    def _embed(self, model: ImageBind, tower: str, x: Tensor) -> Tensor:
        with torch.inference_mode():
            return functional.normalize(model(tower, self._moved(x)), dim=-1)

    def _moved(self, x: Tensor) -> Tensor:
        """``x`` as the towers want it. A GPU is not waited for: it may be at the last batch."""
        if x.is_floating_point() and self.precision == "bf16":
            x = x.to(torch.bfloat16)
        if self.device.type == "cuda":
            x = x.pin_memory()
        return x.to(self.device, non_blocking=True)

    def _at_once(self, tower: str) -> int:
        return (TEXTS_AT_ONCE if tower == "text" else AT_ONCE)[self.device.type]

    def _halve(self, tower: str, tried: int, error: Exception) -> None:
        known = isinstance(error, torch.OutOfMemoryError | MemoryError)
        is_memory = known or CPU_MEMORY_OUT in str(error)
        if not is_memory:
            raise error
        if tried == 1:
            raise EncoderError(
                f"not enough memory for the {tower} tower on {self.device}; close other programs "
                "or use --device cpu"
            ) from error
        self._most[tower] = tried // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def choose_device(name: str) -> torch.device:
    """``auto`` is a GPU that torch can use, else the CPU. Raises ConfigError for cuda without."""
    able = torch.cuda.is_available()
    if name == "cuda" and not able:
        raise ConfigError("torch finds no GPU that it can use; use --device cpu or auto")
    return torch.device("cuda" if able and name != "cpu" else "cpu")


def choose_precision(name: str, device: torch.device) -> Precision:
    """``auto`` and int8 are bf16 where that is faster: where there are instructions for it."""
    if name == "bf16" or name == "fp32":
        return "bf16" if name == "bf16" else "fp32"
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    abilities = torch.cpu.get_capabilities()
    return "bf16" if abilities.get("avx512_bf16") or abilities.get("amx_bf16") else "fp32"
