"""The exported network in float32: plain VGG16, as any reader of the file computes it."""
from __future__ import annotations

from typing import Callable

import numpy as np
import torch
from torch.nn import functional

from data import Photos, normalise, whole_view
from model import CONVS_PER_BLOCK


def predict(forward: Callable[[torch.Tensor], torch.Tensor], photos: Photos, chosen: np.ndarray,
            rule: str, size: int, device: torch.device, batch: int = 32) -> np.ndarray:
    """float32 logits [len(chosen), classes] of the photos' evaluation views."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(chosen), batch):
            part = chosen[start : start + batch]
            views = np.stack([whole_view(photos.image(int(i)), size, rule) for i in part])
            x = normalise(torch.from_numpy(views), device)
            parts.append(forward(x.contiguous(memory_format=torch.channels_last)).float().cpu())
    return torch.cat(parts).numpy()


def held_out(photos: Photos, labels: list[str], split: str) -> np.ndarray:
    """The held-out photos of the labels' breeds in a split."""
    breeds = [photos.breeds.index(label) for label in labels]
    chosen = np.flatnonzero(photos.holdout & np.isin(photos.breed, breeds))
    return chosen[[photos.files[i].startswith(split + "/") for i in chosen]]


def plain_forward(model: dict[str, np.ndarray], last: str = "predictions",
                  ) -> Callable[[torch.Tensor], torch.Tensor]:
    """VGG16 from tensors of the canonical names, without batch norm: NCHW input to the outputs of
    `last`, which is "predictions" for the logits, with those of `others` behind them, or "fc2"."""
    weights = {name: torch.from_numpy(values.astype(np.float32)) for name, values in model.items()}

    def forward(x: torch.Tensor) -> torch.Tensor:
        for block, convs in enumerate(CONVS_PER_BLOCK, 1):
            for conv in range(1, convs + 1):
                name = f"block{block}_conv{conv}"
                kernel = weights[f"{name}.weight"].permute(0, 3, 1, 2)
                x = functional.relu(functional.conv2d(x, kernel, weights[f"{name}.bias"], padding=1))
            x = functional.max_pool2d(x, 2)
        x = x.permute(0, 2, 3, 1).flatten(1)
        for name in ("fc1", "fc2"):
            x = functional.relu(functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"]))
        if last == "fc2":
            return x
        heads = [name for name in ("predictions", "others") if f"{name}.weight" in weights]
        return torch.cat([functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])
                          for name in heads], 1)

    return forward


def log_probabilities(logits: np.ndarray, temperature: float, labels: int) -> np.ndarray:
    """[N, labels], and a last column for all outputs behind the labels together, if there are any."""
    p = (torch.from_numpy(logits) / temperature).log_softmax(1)
    others = [p[:, labels:].logsumexp(1, keepdim=True)] if p.shape[1] > labels else []
    return torch.cat([p[:, :labels], *others], 1).numpy()
