from __future__ import annotations
import numpy as np, torch
from data import Photos, normalise, whole_view

def predict(forward, photos: Photos, chosen: np.ndarray, rule: str, size: int,
            device: torch.device, batch: int = 64) -> np.ndarray:
    """float32 logits [len(chosen), classes] of the photos' evaluation views."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(chosen), batch):
            views = [whole_view(photos.image(int(i)), size, rule) for i in chosen[start : start + batch]]
            x = normalise(torch.from_numpy(np.stack(views)), device)
            parts.append(forward(x.contiguous(memory_format=torch.channels_last)).float().cpu())
    return torch.cat(parts).numpy()
