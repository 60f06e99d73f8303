"""Pixels guessed from those around them, by numpy's dense solver in float64."""

from pathlib import Path

import numpy as np

from fixture import float32, normal, write_safetensors

SEED = 7


def imputed(image: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """ROAD's linear imputation (Rong et al. 2022), without noise: every removed pixel is the mean of
    the neighbours that it has, weighted 1/6 on its sides and 1/12 at its corners."""
    height, width, _ = image.shape
    matrix = np.eye(height * width)
    known = image.reshape(height * width, -1).astype(np.float64)
    known[removed.reshape(-1)] = 0
    for y, x in np.argwhere(removed):
        neighbours = {
            (y + dy) * width + x + dx: 1 / 6 if 0 in (dy, dx) else 1 / 12
            for dy in (-1, 0, 1) for dx in (-1, 0, 1)
            if (dy, dx) != (0, 0) and 0 <= y + dy < height and 0 <= x + dx < width
        }
        for neighbour, weight in neighbours.items():
            matrix[y * width + x, neighbour] = -weight / sum(neighbours.values())
    return np.linalg.solve(matrix, known).reshape(image.shape)


def cases() -> dict[str, tuple[tuple[int, int], np.ndarray]]:
    """By name, which pixels are removed."""
    random = np.random.RandomState(SEED)
    spot = np.hypot(*np.mgrid[-12:12, -10:10])
    ring = np.zeros((9, 14), bool)
    ring[:, :3] = ring[:2] = ring[-1:] = True
    last = np.ones((6, 5), bool)
    last[4, 1] = False
    return {
        "scattered": random.rand(13, 11) < 0.8,
        "spot": spot < 7,
        "all_but_spot": spot > 6,
        "border": ring,
        "all_but_one": last,
        "row": random.rand(1, 17) < 0.6,
        "column": random.rand(12, 1) < 0.5,
    }


def write(folder: Path) -> None:
    tensors = {}
    for stream, (name, removed) in enumerate(cases().items()):
        image = normal(SEED, stream, (*removed.shape, 3), 1.0)
        tensors |= {
            f"{name}/input": image,
            f"{name}/removed": removed.astype(np.float32),
            f"{name}/imputed": float32(imputed(image, removed)),
        }
    write_safetensors(folder / "road.safetensors", tensors)
