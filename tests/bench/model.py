"""The VGG16 of the benchmark as PyTorch has it: what the other contenders are built from."""

import json
from pathlib import Path

import numpy as np

# Convolutions in order, "pool" where a block ends.
PLAN = [
    *("block1_conv1", "block1_conv2", "pool"),
    *("block2_conv1", "block2_conv2", "pool"),
    *("block3_conv1", "block3_conv2", "block3_conv3", "pool"),
    *("block4_conv1", "block4_conv2", "block4_conv3", "pool"),
    *("block5_conv1", "block5_conv2", "block5_conv3", "pool"),
]
CONVS = [name for name in PLAN if name != "pool"]
DENSE = ["fc1", "fc2", "predictions"]
POSITIONS = 7  # side of block5_pool
SIZE = 224  # side of the input

# Layer -> (weight, bias): conv [O, I, 3, 3], dense [O, I] with fc1 over the CHW flatten.
Parameters = dict[str, tuple[np.ndarray, np.ndarray]]


def read_parameters(path: Path) -> Parameters:
    """From a safetensors file in float32 and canonical layout (conv [O, 3, 3, I], fc1 over HWC)."""
    data = np.memmap(path, np.uint8, "r")
    length = int(data[:8].view("<u8")[0])
    header = json.loads(bytes(data[8 : 8 + length]))

    def tensor(name: str) -> np.ndarray:
        entry = header[name]
        assert entry["dtype"] == "F32", f"{path}: {name} is {entry['dtype']}, not F32"
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        return data[begin:end].view("<f4").reshape(entry["shape"])

    def weight(name: str) -> np.ndarray:
        values = tensor(f"{name}.weight")
        if name in CONVS:
            return np.ascontiguousarray(values.transpose(0, 3, 1, 2))
        if name == "fc1":
            cells = values.reshape(len(values), POSITIONS, POSITIONS, -1)
            return np.ascontiguousarray(cells.transpose(0, 3, 1, 2)).reshape(values.shape)
        return np.ascontiguousarray(values)

    return {name: (weight(name), np.array(tensor(f"{name}.bias"))) for name in CONVS + DENSE}
