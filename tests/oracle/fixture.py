"""Random numbers that are the same in every language, and the container of the fixtures."""

import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts/train"))

from tensors import write as write_safetensors  # noqa: E402, F401

# The exact standard deviation of a sum of four independent uniform 16-bit integers.
DEVIATION = math.sqrt(4 * (65536.0**2 - 1) / 12)


def normal(seed: int, stream: int, shape: tuple[int, ...], std: float) -> np.ndarray:
    """About normal float32 values of mean 0: value i of stream t of a seed is one output of
    splitmix64 for the state seed + t * 2^40 + i, whose four 16-bit parts are added (Irwin-Hall).
    Only 64-bit integers, one product in float64 and one rounding, so C++ computes the same bits
    (tests/support/generated_vgg16.cpp)."""
    count = math.prod(shape)
    values = np.empty(count, np.float32)
    part = np.uint64(0xFFFF)
    for start in range(0, count, 1 << 22):
        end = min(count, start + (1 << 22))
        with np.errstate(over="ignore"):
            z = np.arange(start, end, dtype=np.uint64) + np.uint64(seed + (stream << 40))
            z += np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
        parts = [(z >> np.uint64(shift)) & part for shift in (0, 16, 32, 48)]
        centred = sum(parts).astype(np.int64) - 2 * 65535
        values[start:end] = (centred.astype(np.float64) * (std / DEVIATION)).astype(np.float32)
    return values.reshape(shape)


def float32(values) -> np.ndarray:
    """Expected values are computed in float64 and stored rounded once."""
    return np.asarray(values, np.float64).astype(np.float32)
