"""VGG16's layer plan at any width, as it is trained: with batch norm, and pooled before fc1.

Averaging block5_pool over its positions before fc1 is the same function as plain VGG16 whose fc1
weight is equal at every position, so export.py can write a plain VGG16. The average lets us train
at any resolution; batch norm is folded into the weights on export.
"""
from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

CONVS_PER_BLOCK = (2, 2, 3, 3, 3)  # Simonyan & Zisserman 2015, configuration D


@dataclass(frozen=True)
class Plan:
    """Layer widths: channels of the five blocks, units of fc1 and fc2."""

    channels: tuple[int, ...] = (16, 32, 96, 192, 256)
    hidden: tuple[int, int] = (256, 256)
    dropout: float = 0.1
    hints: int = 0  # numbers at each position of block5_pool that a teacher's features give

    def to_dict(self) -> dict:
        return asdict(self)

    @staticmethod
    def from_dict(d: dict) -> "Plan":
        return Plan(**{**d, "channels": tuple(d["channels"]), "hidden": tuple(d["hidden"])})


def conv_names() -> list[str]:
    """block1_conv1 ... block5_conv3, in the order of the forward pass."""
    return [f"block{b}_conv{c}" for b, n in enumerate(CONVS_PER_BLOCK, 1) for c in range(1, n + 1)]


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where the processor computes in it. Where it does not, PyTorch imitates it, which on
    a CPU with AVX2 took 25 times as long as float32."""
    return torch.autocast(device.type, torch.bfloat16,
                          enabled=device.type != "cpu" or cpu_has_bfloat16(CPU_FLAGS))


CPU_FLAGS = Path("/proc/cpuinfo")


def cpu_has_bfloat16(flags: Path) -> bool:
    try:
        return bool(re.search(r"bf16\b", flags.read_text()))  # avx512_bf16, amx_bf16, Arm's bf16
    except OSError:
        return False  # not Linux


class Vgg16(nn.Module):
    """Input NCHW (3 channels, normalised), sides multiples of 32; output logits [N, classes]."""

    def __init__(self, plan: Plan, classes: int):
        super().__init__()
        self.plan = plan
        self.convs = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        inputs = 3
        for name in conv_names():
            outputs = plan.channels[int(name[5]) - 1]
            self.convs[name] = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
            self.norms[name] = nn.BatchNorm2d(outputs)
            inputs = outputs
        for name, outputs in zip(("fc1", "fc2"), plan.hidden):
            self.convs[name] = nn.Linear(inputs, outputs, bias=False)
            self.norms[name] = nn.BatchNorm1d(outputs)
            inputs = outputs
        self.predictions = nn.Linear(inputs, classes)
        self.dropout = nn.Dropout(plan.dropout)
        # Only for training: foretells the teacher's features (the regressor of FitNets).
        self.regressor = None
        if plan.hints:
            norm = nn.BatchNorm2d(plan.channels[-1], affine=False)
            self.regressor = nn.Sequential(norm, nn.Conv2d(plan.channels[-1], plan.hints, 1))
            nn.init.zeros_(self.regressor[1].weight)
        for layer in self.convs.values():
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.normal_(self.predictions.weight, std=0.01)
        nn.init.zeros_(self.predictions.bias)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """block5_pool, NCHW."""
        for block, convs in enumerate(CONVS_PER_BLOCK, 1):
            for conv in range(1, convs + 1):
                name = f"block{block}_conv{conv}"
                x = torch.relu_(self.norms[name](self.convs[name](x)))
            x = nn.functional.max_pool2d(x, 2)
        return x

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        x = features.mean((2, 3))
        for name in ("fc1", "fc2"):
            x = self.dropout(torch.relu(self.norms[name](self.convs[name](x))))
        return self.predictions(x)

    def foretell(self, features: torch.Tensor) -> torch.Tensor:
        """The teacher's features, NCHW, at each position."""
        # Scaled down, else its steps overshoot at rates that suit the other layers.
        return self.regressor(features) / 8

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classify(self.features(x))

    @torch.no_grad()
    def load_plain(self, tensors: dict[str, torch.Tensor], rows: list[int], x: torch.Tensor) -> None:
        """Takes the weights of a plain VGG16 (canonical names), to go on training it.

        Batch norm, which training wants and the file has not, is put in so that the function stays
        the same on the input batch x. The file's class c becomes output rows[c]; others stay new.
        """
        hooks = []
        for name, layer in self.convs.items():
            weight = tensors[f"{name}.weight"].float()
            if weight.dim() == 4:
                weight = weight.permute(0, 3, 1, 2)
            if name == "fc1":  # [O, positions * channels]: back to one weight for the mean
                weight = weight.view(len(weight), -1, layer.in_features).sum(1)
            # Batch norm undoes the scale, but the step size counts from it: that of a new network.
            scale = layer.weight.std() / weight.std()
            layer.weight.copy_(weight * scale)
            bias = tensors[f"{name}.bias"].float()
            hooks.append(self.norms[name].register_forward_hook(_same_function(scale, bias)))
        self.predictions.weight[rows] = tensors["predictions.weight"].float()
        self.predictions.bias[rows] = tensors["predictions.bias"].float()
        self.train()(x)
        for hook in hooks:
            hook.remove()


def _same_function(scale: torch.Tensor, bias: torch.Tensor):
    """A hook that sets a batch norm to x / scale + bias on the batch that it sees."""

    def hook(norm: nn.Module, inputs: tuple[torch.Tensor], _: torch.Tensor) -> torch.Tensor:
        channel_first = inputs[0].transpose(0, 1).flatten(1)
        mean, variance = channel_first.mean(1), channel_first.var(1, unbiased=False)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt() / scale)
        norm.bias.copy_(bias + mean / scale)
        shape = [1, -1] + [1] * (inputs[0].dim() - 2)
        return inputs[0] / scale + bias.view(shape)

    return hook
