"""Fine-tuning of dense layers, in PyTorch, float64: gradients, ten steps, the temperature."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from fixture import float32, normal, write_safetensors

SEED = 7
STEPS = 10
BATCH = 7
WIDTHS = (23, 13, 11, 5)
LAYERS = ("fc1", "fc2", "predictions")
MASK = 0xFFFFFFFFFFFFFFFF
DROPOUT_PURPOSE = 4  # RandomPurpose::kDropout in engine/gradcam/tensor/random.h


def splitmix64(state: int) -> int:
    z = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def dropout_mask(seed: int, step: int, layer: int, shape: tuple[int, int], p: float):
    """Which values stay: what engine/gradcam/train draws at this place."""
    key = splitmix64(seed)
    for part in (DROPOUT_PURPOSE, step, layer):
        key = splitmix64((key + part) & MASK)
    bits = [splitmix64((key + i) & MASK) >> 40 for i in range(shape[0] * shape[1])]
    kept = np.array(bits).reshape(shape) >= int(p * 2**24)
    return torch.from_numpy(kept / (1 - p))


def network() -> list[tuple[torch.Tensor, torch.Tensor]]:
    layers = []
    for i in range(3):
        weight = normal(SEED, 10 + i, (WIDTHS[i + 1], WIDTHS[i]), (2 / WIDTHS[i]) ** 0.5)
        bias = normal(SEED, 20 + i, (WIDTHS[i + 1],), 0.1)
        layers.append(
            tuple(torch.from_numpy(v.astype(np.float64)).requires_grad_() for v in (weight, bias))
        )
    return layers


def forward(layers, x, step: int, dropout: float):
    for i, (weight, bias) in enumerate(layers):
        x = F.linear(x, weight, bias)
        if i + 1 < len(layers):
            x = F.relu(x)
            if dropout > 0:
                x = x * dropout_mask(SEED, step, i, tuple(x.shape), dropout)
    return x


def parameters_of(layers, suffix: str) -> dict[str, np.ndarray]:
    """The layers' tensors, which are the last ones of the network."""
    return {
        f"{name}.{kind}.{suffix}": float32(value.detach().numpy())
        for name, layer in zip(LAYERS[-len(layers) :], layers)
        for kind, value in zip(("weight", "bias"), layer)
    }


def run(optimizer: str, dropout: float, first_layer: int):
    """Ten steps from the network's layer `first_layer` on."""
    layers = network()[first_layer:]
    x = normal(SEED, 1, (STEPS, BATCH, WIDTHS[first_layer]), 1.0)
    labels = (np.arange(STEPS * BATCH) * 3 % 7 % WIDTHS[3]).reshape(STEPS, BATCH)
    tensors = {"x": x, "labels": labels.astype(np.float32)}
    tensors |= parameters_of(layers, "before")
    flat = [value for layer in layers for value in layer]
    rate = 0.05 if optimizer == "sgd" else 0.01
    if optimizer == "sgd":
        algorithm = torch.optim.SGD(flat, lr=rate, momentum=0.9, weight_decay=0.01)
    else:
        algorithm = torch.optim.Adam(flat, lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(algorithm, T_max=STEPS)
    losses, rates = [], []
    for step in range(STEPS):
        logits = forward(layers, torch.from_numpy(x[step].astype(np.float64)), step, dropout)
        loss = F.cross_entropy(logits, torch.from_numpy(labels[step]))
        algorithm.zero_grad()
        loss.backward()
        if step == 0:
            gradients = [[value.grad for value in layer] for layer in layers]
            tensors |= parameters_of(gradients, "gradient")
        losses.append(loss.item())
        rates.append(algorithm.param_groups[0]["lr"])
        algorithm.step()
        schedule.step()
    tensors |= parameters_of(layers, "after")
    return tensors | {"losses": float32(losses), "rates": float32(rates)}


def temperature():
    """Where the derivative of the mean cross-entropy by the temperature is zero."""
    logits = normal(SEED, 2, (40, 6), 3.0)
    labels = np.where(np.arange(40) % 3 == 0, np.arange(40) % 6, logits.argmax(axis=1))
    z = torch.from_numpy(logits.astype(np.float64))
    y = torch.from_numpy(labels)

    def slope(t: float) -> float:
        leaf = torch.tensor(t, dtype=torch.float64, requires_grad=True)
        F.cross_entropy(z / leaf, y).backward()
        return leaf.grad.item()

    low, high = 0.25, 10.0
    assert slope(low) < 0 < slope(high)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return {
        "logits": logits,
        "labels": labels.astype(np.float32),
        "temperature": float32([(low + high) / 2]),
    }


def write(folder: Path) -> None:
    cases = {
        "steps/head_sgd": run("sgd", 0.0, 2),
        "steps/head_adam": run("adam", 0.0, 2),
        "steps/classifier_sgd": run("sgd", 0.0, 0),
        "steps/classifier_sgd_dropout": run("sgd", 0.5, 0),
        "steps/classifier_adam_dropout": run("adam", 0.5, 0),
        "temperature": temperature(),
    }
    write_safetensors(
        folder / "training.safetensors",
        {f"{case}/{name}": values for case, ts in cases.items() for name, values in ts.items()},
    )
