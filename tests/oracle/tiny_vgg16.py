"""VGG16s of odd widths, small enough to be committed whole, and what PyTorch makes of them."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fixture import float32, normal, write_safetensors
from vgg16 import CONVS, DENSE, LAYERS, Parameters, explain, hwc, to_keras, to_timm, to_torchvision

# In float32 no ReLU and no max-pool behind block5_conv3 may decide otherwise than in float64.
MARGIN = 1e-4


@dataclass
class Tiny:
    name: str
    size: int  # side of the input in pixels
    convs: tuple[int, ...]
    fc: tuple[int, int]
    classes: int
    every_activation: bool = False


WIDE = Tiny("tiny32", 32, (5, 6, 7, 9, 10, 11, 12, 13, 12, 11, 10, 9, 17), (17, 19), 3, True)
MIDDLE = Tiny("tiny64", 64, (4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 19), (33, 18), 15, True)
LARGE = Tiny("tiny96", 96, (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 8, 7), (23, 16), 5, True)
INT8 = Tiny("tiny_int8", 64, (4, 5, 6, 7, 8, 9, 10, 9, 8, 7, 6, 5, 9), (21, 22), 4)
# The sides of its maps are odd: 63, 31, 15, 7, 3. Max-pools drop the last row and column.
MIXED = Tiny("tiny_mixed", 63, (3, 4, 5, 4, 5, 6, 7, 8, 9, 9, 8, 7, 6), (14, 13), 2)
EMPTY = Tiny("tiny_empty", 64, (3, 3, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 8), (12, 11), 3)


def random_parameters(tiny: Tiny, seed: int) -> Parameters:
    """He's deviations, so that activations neither grow nor vanish."""
    grid = (tiny.size // 32) ** 2
    outputs = [*tiny.convs, *tiny.fc, tiny.classes]
    inputs = [3, *tiny.convs[:-1], grid * tiny.convs[-1], *tiny.fc]
    parameters: Parameters = {}
    for i, name in enumerate(LAYERS):
        shape = (outputs[i], inputs[i], 3, 3) if name in CONVS else (outputs[i], inputs[i])
        std = math.sqrt(2 / math.prod(shape[1:]))
        parameters[name] = (
            normal(seed, 1 + 2 * i, shape, std),
            normal(seed, 2 + 2 * i, (outputs[i],), 0.1),
        )
    return parameters


def without_evidence(parameters: Parameters) -> Parameters:
    """Class 0 depends on nothing, class 1 has evidence only against it, class 2 only for it."""
    changed = dict(parameters)
    for name in DENSE[:2]:
        weight, bias = parameters[name]
        changed[name] = (np.abs(weight), np.abs(bias))
    weight, bias = parameters["predictions"]
    signs = np.array([0, -1, 1], np.float32)[:, None]
    changed["predictions"] = (np.abs(weight) * signs, bias)
    return changed


def quantise(parameters: Parameters) -> tuple[Parameters, dict[str, np.ndarray]]:
    """Weights rounded to 8 bits, a scale per output; what they stand for, and the tensors."""
    dequantised: Parameters = {}
    scales: dict[str, np.ndarray] = {}
    rounded: Parameters = {}
    for name, (weight, bias) in parameters.items():
        rows = weight.reshape(len(weight), -1)
        scale = (np.abs(rows).max(axis=1) / 127).astype(np.float32)
        q = np.clip(np.round(rows / scale[:, None]), -127, 127).reshape(weight.shape)
        per_output = scale.reshape(-1, *[1] * (weight.ndim - 1)).astype(np.float64)
        dequantised[name] = (q.astype(np.float64) * per_output, bias)
        rounded[name] = (q.astype(np.int8), bias)
        scales[f"{name}.weight_scale"] = scale
    return dequantised, to_keras(rounded) | scales


def mix_dtypes(parameters: Parameters) -> tuple[Parameters, Parameters]:
    """Each layer in another of the number formats; what its values are, and the stored arrays."""
    values: Parameters = {}
    stored: Parameters = {}
    for i, (name, arrays) in enumerate(parameters.items()):
        kind = i % 4
        if kind == 0:
            kept = tuple(a.astype(np.float64) for a in arrays)
            exact = kept
        elif kind == 1:
            kept = tuple(a.astype(np.float16) for a in arrays)
            exact = tuple(a.astype(np.float64) for a in kept)
        elif kind == 2:
            kept = tuple((a.view(np.uint32) >> 16).astype(np.uint16) for a in arrays)
            exact = tuple((a.astype(np.uint32) << 16).view(np.float32) for a in kept)
        else:
            kept = exact = arrays
        values[name], stored[name] = exact, kept
    return values, stored


def metadata(tiny: Tiny) -> dict[str, str]:
    preprocess = {
        "resize": "squash",
        "size": tiny.size,
        "channels": "RGB",
        "scale": 1 / 255,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
    return {
        "format": "gradcam.cpp/1",
        "architecture": "vgg16",
        "labels": json.dumps([f"{tiny.name} class {i}" for i in range(tiny.classes)]),
        "preprocess": json.dumps(preprocess),
        "source": "random numbers",
        "license": "CC0-1.0",
    }


def expected(tiny: Tiny, image: np.ndarray, explained) -> dict[str, np.ndarray]:
    names = explained.activations if tiny.every_activation else ["block5_conv3", "logits"]
    return {
        "input": hwc(image),
        **{name: float32(hwc(explained.activations[name])) for name in names},
        **{
            f"gradient/{name}": float32(hwc(value)) for name, value in explained.gradients.items()
        },
        "alpha": float32(explained.alpha),
        "map": float32(explained.map),
        "map_maximum": float32(explained.map_maximum),
    }


def write_model(folder: Path, tiny: Tiny, prepare) -> Parameters:
    """The first seed whose network keeps its distance from every kink. `prepare` turns random
    parameters into what the network computes with and anything else the caller wants of it."""
    image = normal(tiny.size, 0, (3, tiny.size, tiny.size), 1.0)
    for seed in range(100, 200):
        parameters, stored = prepare(random_parameters(tiny, seed))
        explained = explain(parameters, image)
        if explained.margin > MARGIN and (tiny is EMPTY or (explained.map_maximum > 0).any()):
            break
    else:
        raise RuntimeError(f"no seed suits {tiny.name}")
    write_safetensors(
        folder / f"{tiny.name}.expected.safetensors", expected(tiny, image, explained)
    )
    if tiny is EMPTY:
        assert list(explained.map_maximum[:2]) == [0, 0] and explained.map_maximum[2] > 0
    print(
        f"{tiny.name}: seed {seed}, margin {explained.margin:.1e}, "
        f"{(explained.map_maximum > 0).sum()} of {tiny.classes} maps not empty"
    )
    return stored


def write(folder: Path) -> None:
    def same(parameters):
        return parameters, parameters

    for tiny in (WIDE, MIDDLE, LARGE):
        stored = write_model(folder, tiny, same)
        path = folder / f"{tiny.name}.keras.safetensors"
        write_safetensors(path, to_keras(stored), metadata(tiny))
        if tiny is MIDDLE:
            # Other programs write no labels; without `preprocess` the size is ImageNet's.
            plain = {"format": "pt", "preprocess": metadata(tiny)["preprocess"]}
            for layout, tensors in (
                ("torchvision", to_torchvision(stored)),
                ("timm", to_timm(stored)),
            ):
                write_safetensors(folder / f"{tiny.name}.{layout}.safetensors", tensors, plain)

    tensors = write_model(folder, INT8, quantise)
    write_safetensors(folder / "tiny_int8.keras.safetensors", tensors, metadata(INT8))
    stored = write_model(folder, MIXED, mix_dtypes)
    path = folder / "tiny_mixed.torchvision.safetensors"
    write_safetensors(path, to_torchvision(stored), metadata(MIXED))
    stored = write_model(folder, EMPTY, lambda p: (without_evidence(p),) * 2)
    path = folder / "tiny_empty.keras.safetensors"
    write_safetensors(path, to_keras(stored), metadata(EMPTY))
