"""VGG16 and Grad-CAM in PyTorch, float64, straight from the definitions."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

CONVS = [
    *("block1_conv1", "block1_conv2"),
    *("block2_conv1", "block2_conv2"),
    *("block3_conv1", "block3_conv2", "block3_conv3"),
    *("block4_conv1", "block4_conv2", "block4_conv3"),
    *("block5_conv1", "block5_conv2", "block5_conv3"),
]
DENSE = ["fc1", "fc2", "predictions"]
LAYERS = CONVS + DENSE

# Convolutions followed by a max-pool; block5_conv3 is too, but its own output is of interest.
POOLED = {"block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3"}

# Layer -> (weight, bias): conv [O, I, 3, 3], dense [O, I] over PyTorch's CHW flatten.
Parameters = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass
class Explained:
    """Activations by layer (after ReLU, and pooled where a block ends; PyTorch's layout, without
    the batch), gradients of each class's logit, and the Grad-CAM of each class."""

    activations: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]  # fc1 (before its ReLU), block5_pool, block5_conv3
    alpha: np.ndarray  # [classes, C]
    map: np.ndarray  # [classes, H, W], maximum 1 or all zero
    map_maximum: np.ndarray  # [classes]
    margin: float  # how far the nearest kink of the function is, see _margin


def explain(parameters: Parameters, image: np.ndarray) -> Explained:
    """image: [3, H, W]."""
    weights = {
        name: (torch.from_numpy(w.astype(np.float64)), torch.from_numpy(b.astype(np.float64)))
        for name, (w, b) in parameters.items()
    }
    activations: dict[str, torch.Tensor] = {}
    x = torch.from_numpy(image.astype(np.float64))[None]
    before_relu = x
    for name in CONVS:
        before_relu = F.conv2d(x, *weights[name], padding=1)
        if name == CONVS[-1]:
            before_relu.requires_grad_()
        x = F.relu(before_relu)
        if name in POOLED:
            x = F.max_pool2d(x, 2)
        activations[name] = x
    conv3 = x
    pool = F.max_pool2d(conv3, 2)
    fc1 = F.linear(pool.flatten(1), *weights["fc1"])
    fc2 = F.linear(F.relu(fc1), *weights["fc2"])
    logits = F.linear(F.relu(fc2), *weights["predictions"])
    activations |= {
        "block5_pool": pool,
        "fc1": F.relu(fc1),
        "fc2": F.relu(fc2),
        "logits": logits,
        "probabilities": F.softmax(logits, dim=1),
    }

    wanted = {"fc1": fc1, "block5_pool": pool, "block5_conv3": conv3}
    gradients: dict[str, list[torch.Tensor]] = {name: [] for name in wanted}
    for logit in logits[0]:
        found = torch.autograd.grad(logit, list(wanted.values()), retain_graph=True)
        for name, gradient in zip(wanted, found):
            gradients[name].append(gradient[0])
    stacked = {name: torch.stack(rows) for name, rows in gradients.items()}

    alpha = stacked["block5_conv3"].mean(dim=(2, 3))
    raw = F.relu(torch.einsum("nk,khw->nhw", alpha, conv3[0].detach()))
    maximum = raw.amax(dim=(1, 2))
    scale = torch.where(maximum > 0, maximum, torch.ones_like(maximum))
    return Explained(
        activations={name: value[0].detach().numpy() for name, value in activations.items()},
        gradients={name: value.numpy() for name, value in stacked.items()},
        alpha=alpha.numpy(),
        map=(raw / scale[:, None, None]).numpy(),
        map_maximum=maximum.numpy(),
        margin=_margin(before_relu.detach(), fc1.detach(), fc2.detach()),
    )


def _margin(conv3: torch.Tensor, fc1: torch.Tensor, fc2: torch.Tensor) -> float:
    """The network is piecewise linear: float32 has the gradient of float64 only where no ReLU and
    no max-pool behind block5_conv3 is about to switch. How far the closest is from doing so,
    relative to the largest value of its layer."""
    relus = [float((v.abs() / v.abs().max()).min()) for v in (conv3, fc1, fc2)]
    windows = F.relu(conv3[0]).unfold(1, 2, 2).unfold(2, 2, 2).flatten(3)
    first, second = windows.topk(2, dim=3).values.unbind(3)
    gaps = (first - second)[first > 0]
    return min(*relus, float(gaps.min() / conv3.max()) if len(gaps) else 1.0)


def hwc(values: np.ndarray) -> np.ndarray:
    """[..., C, H, W] -> [..., H, W, C]; anything of lower rank is left as it is."""
    return np.moveaxis(values, -3, -1) if values.ndim >= 3 else values


def to_keras(parameters: Parameters) -> dict[str, np.ndarray]:
    """The canonical tensors: conv [O, 3, 3, I], fc1 over the HWC flatten."""
    channels = parameters[CONVS[-1]][0].shape[0]
    tensors: dict[str, np.ndarray] = {}
    for name, (weight, bias) in parameters.items():
        if name in CONVS:
            weight = hwc(weight)
        elif name == "fc1":
            side = round((weight.shape[1] / channels) ** 0.5)
            weight = hwc(weight.reshape(-1, channels, side, side)).reshape(weight.shape)
        tensors[f"{name}.weight"] = weight
        tensors[f"{name}.bias"] = bias
    return tensors


# The numbers of the convolutions in torchvision's and timm's `features`.
FEATURES = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]


def to_torchvision(parameters: Parameters) -> dict[str, np.ndarray]:
    modules = [f"features.{n}" for n in FEATURES] + [f"classifier.{n}" for n in (0, 3, 6)]
    tensors: dict[str, np.ndarray] = {}
    for layer, module in zip(LAYERS, modules):
        tensors[f"{module}.weight"], tensors[f"{module}.bias"] = parameters[layer]
    return tensors


def to_timm(parameters: Parameters) -> dict[str, np.ndarray]:
    """timm keeps fc1 and fc2 as convolutions."""
    channels = parameters[CONVS[-1]][0].shape[0]
    modules = [f"features.{n}" for n in FEATURES] + ["pre_logits.fc1", "pre_logits.fc2", "head.fc"]
    tensors: dict[str, np.ndarray] = {}
    for layer, module in zip(LAYERS, modules):
        weight, bias = parameters[layer]
        if layer in ("fc1", "fc2"):
            depth = channels if layer == "fc1" else weight.shape[1]
            side = round((weight.shape[1] / depth) ** 0.5)
            weight = weight.reshape(-1, depth, side, side)
        tensors[f"{module}.weight"], tensors[f"{module}.bias"] = weight, bias
    return tensors
