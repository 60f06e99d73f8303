"""VGG16 as published, with generated weights: what PyTorch makes of it in float64. The weights,
537 MB in float32, are generated again by the tests (tests/support/generated_vgg16.cpp)."""

import math
from pathlib import Path

from fixture import float32, normal, write_safetensors
from vgg16 import CONVS, LAYERS, Parameters, explain, hwc

SEED = 20240607
SIZE = 224
OUTPUTS = [64, 64, 128, 128, *[256] * 3, *[512] * 6, 4096, 4096, 15]
INPUTS = [3, *OUTPUTS[:12], 7 * 7 * 512, 4096, 4096]
SAMPLE = 97  # every 97th value of block5_conv3 is compared


def generated_parameters() -> Parameters:
    """Stream 0 is the input, then a weight and a bias of each layer in turn."""
    parameters: Parameters = {}
    for i, name in enumerate(LAYERS):
        shape = (OUTPUTS[i], INPUTS[i], 3, 3) if name in CONVS else (OUTPUTS[i], INPUTS[i])
        gain = 1 if name == "predictions" else 2
        std = math.sqrt(gain / math.prod(shape[1:]))
        parameters[name] = (
            normal(SEED, 1 + 2 * i, shape, std),
            normal(SEED, 2 + 2 * i, (OUTPUTS[i],), 0.05),
        )
    return parameters


def write(folder: Path) -> None:
    explained = explain(generated_parameters(), normal(SEED, 0, (3, SIZE, SIZE), 1.0))
    conv3 = hwc(explained.activations["block5_conv3"])
    statistics = [conv3.mean(), math.sqrt((conv3**2).mean()), conv3.max()]
    write_safetensors(
        folder / "full_vgg16.expected.safetensors",
        {
            "logits": float32(explained.activations["logits"]),
            "block5_conv3_statistics": float32(statistics),
            "block5_conv3_sample": float32(conv3.ravel()[::SAMPLE]),
            "alpha": float32(explained.alpha),
            "map": float32(explained.map),
            "map_maximum": float32(explained.map_maximum),
        },
    )
    print(f"full VGG16: margin {explained.margin:.1e}")
