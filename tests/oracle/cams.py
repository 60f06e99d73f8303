"""CAM methods from activations and gradients, by their published formulas in float64."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from fixture import float32, normal, write_safetensors

SEED = 77


# A and g: [C, H, W]. Each gives the raw map [H, W], before the last ReLU.


def hirescam(A, g):
    return (g * A).sum(0)


def layercam(A, g):
    return (F.relu(g) * A).sum(0)


def elementwise(A, g):
    return F.relu(g * A).sum(0)


def gradcam_plus_plus(A, g):
    # Equation 19 of arXiv 1710.11063; the second and third derivatives are powers of the first.
    denominator = 2 * g**2 + A.sum((1, 2), keepdim=True) * g**3
    a = torch.where(denominator != 0, g**2 / denominator, torch.zeros_like(g))
    w = (a * F.relu(g)).sum((1, 2))
    return torch.einsum("k,khw->hw", w, A)


def xgradcam(A, g):
    # Equation 9 of arXiv 2008.02312.
    total = A.sum((1, 2), keepdim=True)
    w = torch.where(total != 0, g * A / total, torch.zeros_like(g)).sum((1, 2))
    return torch.einsum("k,khw->hw", w, A)


METHODS = {
    "hirescam": hirescam,
    "layercam": layercam,
    "elementwise": elementwise,
    "gradcam++": gradcam_plus_plus,
    "xgradcam": xgradcam,
}


def case(stream: int, shape: tuple[int, int, int], scale: float, silent: bool, sign: int):
    """Activations with the zeros that ReLU leaves, and gradients of this size and sign."""
    A = torch.relu(torch.from_numpy(normal(SEED, stream, shape, 1.0)).double())
    g = torch.from_numpy(normal(SEED, stream + 1, shape, scale)).double()
    if silent:
        A[0] = 0
    if sign != 0:
        g = sign * g.abs()
    # Float32 is what the engine is given.
    A, g = A.float().double(), g.float().double()
    tensors = {"activation": A.permute(1, 2, 0), "gradient": g.permute(1, 2, 0)}
    for name, method in METHODS.items():
        raw = F.relu(method(A, g))
        tensors[f"{name}.maximum"] = raw.max().reshape(1)
        tensors[f"{name}.map"] = raw / raw.max() if raw.max() > 0 else raw
    return {name: float32(values.numpy()) for name, values in tensors.items()}


def write(folder: Path) -> None:
    cases = {
        "mixed": case(0, (7, 6, 5), 1.0, False, 0),
        "small_gradients": case(2, (5, 4, 4), 1e-6, False, 0),
        "silent_channel": case(4, (3, 5, 2), 0.1, True, 0),
        "against": case(6, (4, 3, 3), 1.0, False, -1),
        "one_cell": case(8, (9, 1, 1), 1.0, False, 1),
    }
    tensors: dict[str, np.ndarray] = {}
    for case_name, values in cases.items():
        tensors |= {f"{case_name}/{name}": value for name, value in values.items()}
    write_safetensors(folder / "cams.safetensors", tensors)
