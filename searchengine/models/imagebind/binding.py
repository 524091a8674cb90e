"""Binding a tower to a space that is there already (Girdhar et al. 2023, section 3).

A tower learns to put what its sensor sees where a frozen anchor, such as a text encoder, puts the
caption of the same moment. It is never shown another sensor, yet finds its files with all others:
that is emergent alignment, the paper's finding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from searchengine.errors import CheckpointError, ConfigError
from searchengine.models.imagebind.model import ImageBind

#: What norms, biases and other vectors are spared, as is usual with AdamW.
DECAYED_DIMS = 2

#: Longest gradient, as in CLIP's and ImageBind's kin.
MAX_GRADIENT = 1.0

#: Anchors nearer than this are one caption: its other examples are no mistakes.
SAME = 1 - 1e-4


@dataclass(frozen=True, slots=True)
class Plan:
    """How a tower is trained. AdamW, a linear warm-up, then a cosine to 0 (paper, appendix B)."""

    epochs: int = 20
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    warmup: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value < math.inf or (name in ("epochs", "batch") and value < 1):
                raise ConfigError(f"{name} cannot be {value}")


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Inputs (n, ...) of a tower, and the unit vectors float32 (n, d) of their anchors."""

    inputs: Tensor
    anchors: Tensor

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, slots=True)
class Epoch:
    """What an epoch came to: the mean loss of its batches."""

    number: int
    loss: float


def contrast(scaled: Tensor, anchors: Tensor) -> Tensor:
    """Symmetric InfoNCE (paper, equation 1, both ways).

    ``scaled`` (b, d) are unit vectors times the tower's scale, which stands for 1 / temperature;
    ``anchors`` (b, d) unit vectors, through which nothing flows back. Where two anchors are the
    same, either is right.
    """
    anchors = anchors.detach()
    logits = scaled @ anchors.T  # b, b: each sensor's likeness to each anchor
    same = (anchors @ anchors.T > SAME).float()
    right = same / same.sum(dim=1, keepdim=True)
    there, back = functional.cross_entropy(logits, right), functional.cross_entropy(logits.T, right)
    return (there + back) / 2


def train(
    model: ImageBind,
    tower: str,
    pairs: Pairs,
    plan: Plan,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> None:
    """Train ``tower`` of ``model`` where it is (CPU or GPU), in place.

    Products are bfloat16, weights and their sums float32. After every epoch ``checkpoint`` is
    replaced; when it is there already, training goes on from it, to the same weights as without
    a break. Raises CheckpointError when it is another training's.
    """
    device = next(model.parameters()).device
    training = _Training(model, plan, math.ceil(len(pairs) / plan.batch))
    for number in range(training.resume(checkpoint), plan.epochs):
        torch.manual_seed(plan.seed * 100_003 + number)  # an epoch is the same, resumed or not
        model.train()
        losses = []
        for chosen in _batches(len(pairs), plan.batch):
            x, anchors = pairs.inputs[chosen].to(device), pairs.anchors[chosen].to(device)
            with torch.autocast(device.type, torch.bfloat16):
                scaled = model(tower, x)
            losses.append(training.step(contrast(scaled.float(), anchors)))
        model.eval()
        training.save(checkpoint, number + 1)
        on_epoch(Epoch(number + 1, sum(losses) / len(losses)))


@torch.inference_mode()
def recall_at(vectors: Tensor, anchors: Tensor, gallery: Tensor, k: int) -> float:
    """Share of ``vectors`` (n, d) whose anchor is among the ``k`` nearest of ``gallery`` (m, d).

    ``anchors`` (n, d) are the right ones, rows of ``gallery``.
    """
    nearest = (vectors @ gallery.T).topk(min(k, len(gallery)), dim=1).indices
    right = (anchors[:, None] * gallery[nearest]).sum(-1) > SAME
    return float(right.any(dim=1).float().mean())


class _Training:
    """The optimiser and its schedule, and their state on disk."""

    def __init__(self, model: ImageBind, plan: Plan, steps: int) -> None:
        self._model, self._plan = model, plan
        learnt = [p for p in model.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in learnt if p.ndim >= DECAYED_DIMS]},
            {"params": [p for p in learnt if p.ndim < DECAYED_DIMS], "weight_decay": 0.0},
        ]
        self._optimiser = torch.optim.AdamW(
            groups, lr=plan.learning_rate, weight_decay=plan.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimiser, _warmed(plan.warmup * plan.epochs * steps, plan.epochs * steps)
        )

    def step(self, loss: Tensor) -> float:
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), MAX_GRADIENT)
        self._optimiser.step()
        self._schedule.step()
        return float(loss.detach())

    def save(self, checkpoint: Path | None, epochs_done: int) -> None:
        if checkpoint is None:
            return
        part = checkpoint.with_name(checkpoint.name + ".part")
        torch.save(
            {
                "plan": asdict(self._plan),
                "epochs_done": epochs_done,
                "model": self._model.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "schedule": self._schedule.state_dict(),
            },
            part,
        )
        part.replace(checkpoint)

    def resume(self, checkpoint: Path | None) -> int:
        """Epochs that are done."""
        if checkpoint is None or not checkpoint.exists():
            return 0
        state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if state.get("plan") != asdict(self._plan):
            raise CheckpointError(f"{checkpoint}: of another plan; remove it to begin anew")
        try:
            self._model.load_state_dict(state["model"])
            self._optimiser.load_state_dict(state["optimiser"])
        except (RuntimeError, ValueError) as error:
            raise CheckpointError(f"{checkpoint}: of another tower ({error})") from error
        self._schedule.load_state_dict(state["schedule"])
        return int(state["epochs_done"])


def _batches(count: int, size: int) -> Iterator[Tensor]:
    yield from torch.split(torch.randperm(count), size)


def _warmed(warmup_steps: float, steps: int) -> Callable[[int], float]:
    """The share of the learning rate that holds at a step."""

    def share(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        return 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / max(steps - warmup_steps, 1)))

    return share
