"""Random numbers that are the same in every language, and the container of the fixtures."""

import json
import math
from pathlib import Path

import numpy as np

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


_DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "int8": "I8", "uint16": "BF16"}


def write_safetensors(
    path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str] | None = None
) -> None:
    """The format's specification in ten lines. Arrays of uint16 hold the bits of bfloat16."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    data = b""
    for name, values in tensors.items():
        raw = np.ascontiguousarray(values).tobytes()
        header[name] = {
            "dtype": _DTYPES[values.dtype.name],
            "shape": list(values.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def float32(values) -> np.ndarray:
    """Expected values are computed in float64 and stored rounded once."""
    return np.asarray(values, np.float64).astype(np.float32)
