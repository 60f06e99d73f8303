"""Forward and backward of every layer on small inputs, in PyTorch, float64."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from fixture import float32, normal, write_safetensors
from vgg16 import hwc

SEED = 1


class Streams:
    """Hands out tensors of random values, each from a stream of its own."""

    def __init__(self) -> None:
        self.next = 0

    def __call__(self, *shape: int, std: float = 1.0) -> np.ndarray:
        self.next += 1
        return normal(SEED, self.next, shape, std)


def gradient_of(output: torch.Tensor, x: torch.Tensor, gradient: np.ndarray) -> np.ndarray:
    return torch.autograd.grad(output, x, torch.from_numpy(gradient.astype(np.float64)))[0].numpy()


def as_input(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float64)).requires_grad_()


def conv2d(random: Streams, height: int, width: int, inputs: int, outputs: int):
    x, weight = random(1, inputs, height, width), random(outputs, inputs, 3, 3, std=0.3)
    bias, gradient = random(outputs), random(1, outputs, height, width)
    leaf = as_input(x)
    w, b = (torch.from_numpy(values.astype(np.float64)) for values in (weight, bias))
    y = F.conv2d(leaf, w, b, padding=1)
    relu = F.relu(y)
    return {
        "x": hwc(x[0]),
        "weight": hwc(weight),
        "bias": bias,
        "y": float32(hwc(y[0].detach().numpy())),
        "y_relu_pool": float32(hwc(F.max_pool2d(relu, 2)[0].detach().numpy())),
        "gradient": hwc(gradient[0]),
        "x_gradient": float32(hwc(gradient_of(y, leaf, gradient)[0])),
    }


def max_pool(random: Streams, height: int, width: int, channels: int):
    # Few distinct values, so that windows have ties; after a ReLU many windows are all zero.
    # Of two channels one is left negative: a maximum need not be positive.
    x = np.round(random(1, channels, height, width)) * np.float32(0.5)
    x[:, ::2] = np.maximum(x[:, ::2], 0) * (np.abs(x[:, ::2]) > 0.6)
    gradient = random(1, channels, height // 2, width // 2)
    leaf = as_input(x)
    y = F.max_pool2d(leaf, 2)
    windows = x[0, :, : height // 2 * 2, : width // 2 * 2]
    windows = windows.reshape(channels, height // 2, 2, width // 2, 2)
    assert (windows.max(axis=(2, 4)) == windows.min(axis=(2, 4))).any(), "no tie of all four"
    assert (np.abs(windows).max(axis=(2, 4)) == 0).any(), "no window of zeros"
    return {
        "x": hwc(x[0]),
        "y": float32(hwc(y[0].detach().numpy())),
        "gradient": hwc(gradient[0]),
        "x_gradient": float32(hwc(gradient_of(y, leaf, gradient)[0])),
    }


def dense(random: Streams, rows: int, inputs: int, outputs: int):
    x, weight, bias = random(1, inputs), random(outputs, inputs, std=0.2), random(outputs)
    gradient = random(rows, outputs)
    gradient[:, ::5] = 0  # as behind a ReLU that is off for every class
    scale = np.abs(random(outputs, std=0.01)) + np.float32(0.001)
    weight_int8 = np.clip(np.round(random(outputs, inputs, std=60)), -127, 127).astype(np.int8)
    tensors = {
        "x": x[0],
        "weight": weight,
        "weight_int8": weight_int8,
        "scale": scale,
        "bias": bias,
        "gradient": gradient,
    }
    dequantised = weight_int8.astype(np.float64) * scale.astype(np.float64)[:, None]
    for suffix, w in (("", weight.astype(np.float64)), ("_int8", dequantised)):
        leaf = as_input(np.repeat(x, rows, axis=0))
        y = F.linear(leaf, torch.from_numpy(w), torch.from_numpy(bias.astype(np.float64)))
        tensors[f"y{suffix}"] = float32(y[0].detach().numpy())
        tensors[f"x_gradient{suffix}"] = float32(gradient_of(y, leaf, gradient))
    return tensors


def relu(random: Streams):
    # The smallest positive number, both zeros and their neighbours.
    special = np.array([0.0, -0.0, 1e-45, -1e-45, 1.2e-38, -1.2e-38, 3e38, -3e38], np.float32)
    x = np.concatenate([special, random(29)])
    gradient = random(len(x))
    leaf = as_input(x)
    y = F.relu(leaf)
    return {
        "x": x,
        "y": float32(y.detach().numpy()),
        "gradient": gradient,
        "x_gradient": float32(gradient_of(y, leaf, gradient)),
    }


def softmax(random: Streams, logits: np.ndarray, temperature: float):
    gradient = random(len(logits))
    leaf = as_input(logits)
    y = F.softmax(leaf, dim=0)
    return {
        "logits": logits,
        "temperature": np.array([temperature], np.float32),
        "probabilities": float32(
            F.softmax(leaf.detach() / float(np.float32(temperature)), dim=0).numpy()
        ),
        # At temperature 1, and from the probabilities of temperature 1.
        "gradient": gradient,
        "probabilities_1": float32(y.detach().numpy()),
        "logits_gradient": float32(gradient_of(y, leaf, gradient)),
    }


def write(folder: Path) -> None:
    random = Streams()
    cases = {}
    for height, width, inputs, outputs in [(2, 3, 2, 3), (5, 7, 3, 4), (6, 4, 9, 8), (14, 14, 7, 5)]:
        cases[f"conv2d/{height}x{width}x{inputs}x{outputs}"] = conv2d(
            random, height, width, inputs, outputs
        )
    for height, width, channels in [(6, 8, 5), (7, 5, 6), (14, 14, 4)]:
        cases[f"max_pool/{height}x{width}x{channels}"] = max_pool(random, height, width, channels)
    for rows, inputs, outputs in [(1, 13, 7), (3, 37, 19), (7, 50, 33)]:
        cases[f"dense/{rows}x{inputs}x{outputs}"] = dense(random, rows, inputs, outputs)
    cases["relu"] = relu(random)
    cases["softmax/usual"] = softmax(random, random(15, std=3), 1.0)
    cases["softmax/warm"] = softmax(random, random(15, std=3), 1.7)
    cases["softmax/huge"] = softmax(random, random(9, std=1000), 0.5)
    cases["softmax/single"] = softmax(random, random(1), 1.0)
    write_safetensors(
        folder / "layers.safetensors",
        {f"{case}/{name}": values for case, ts in cases.items() for name, values in ts.items()},
    )
