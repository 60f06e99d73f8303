"""PyTorch. Answers the tasks on standard input, see ../process.mjs.

usage: pytorch.py FOLDER THREADS by_hand|full

by_hand: Grad-CAM as one who knows it would write it, without gradients before block5_conv3 and for
the weights. full: as a model comes from a library and pytorch-grad-cam runs it, where the weights
have gradients too."""

import json
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

from model import DENSE, PLAN, SIZE, read_parameters  # noqa: E402

Weights = dict[str, tuple[torch.Tensor, torch.Tensor]]


def features(weights: Weights, x: torch.Tensor) -> torch.Tensor:
    """block5_conv3 after its ReLU."""
    for name in PLAN[:-1]:
        x = F.max_pool2d(x, 2) if name == "pool" else F.relu(F.conv2d(x, *weights[name], padding=1))
    return x


def classifier(weights: Weights, block5_conv3: torch.Tensor) -> torch.Tensor:
    x = F.max_pool2d(block5_conv3, 2).flatten(1)
    for name in DENSE[:-1]:
        x = F.relu(F.linear(x, *weights[name]))
    return F.linear(x, *weights[DENSE[-1]])


class Contender:
    def __init__(self, folder: Path, threads: int, full: bool) -> None:
        torch.set_num_threads(threads)
        parameters = read_parameters(folder / "vgg16.safetensors")
        self.weights = {
            name: (torch.from_numpy(weight), torch.from_numpy(bias))
            for name, (weight, bias) in parameters.items()
        }
        self.gradcam = self.gradcam_full if full else self.gradcam_by_hand
        if full:
            for tensors in self.weights.values():
                for tensor in tensors:
                    tensor.requires_grad_()
        image = np.fromfile(folder / "input.f32", np.float32).reshape(1, 3, SIZE, SIZE)
        self.image = torch.from_numpy(image)

    def forward(self) -> dict:
        with torch.no_grad():
            logits = classifier(self.weights, features(self.weights, self.image))
        return {"logits": logits[0].tolist()}

    def gradcam_by_hand(self) -> dict:
        with torch.no_grad():
            block5_conv3 = features(self.weights, self.image)
        block5_conv3.requires_grad_()
        logits = classifier(self.weights, block5_conv3)
        (gradient,) = torch.autograd.grad(logits.max(), block5_conv3)
        return self.answer(logits, block5_conv3, gradient)

    def gradcam_full(self) -> dict:
        for tensors in self.weights.values():
            for tensor in tensors:
                tensor.grad = None
        block5_conv3 = features(self.weights, self.image)
        block5_conv3.retain_grad()
        logits = classifier(self.weights, block5_conv3)
        logits.max().backward()
        return self.answer(logits, block5_conv3, block5_conv3.grad)

    @staticmethod
    def answer(logits: torch.Tensor, block5_conv3: torch.Tensor, gradient: torch.Tensor) -> dict:
        alpha = gradient.mean(dim=(2, 3), keepdim=True)
        with torch.no_grad():
            heat = F.relu((alpha * block5_conv3).sum(dim=1))
        return {"logits": logits[0].tolist(), "map": heat.flatten().tolist()}


def main() -> None:
    contender = Contender(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "full")
    print(json.dumps({"version": f"PyTorch {torch.__version__}"}), flush=True)
    for task in map(str.strip, sys.stdin):
        if task == "memory":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            print(json.dumps({"peak": peak}), flush=True)
            continue
        start = time.perf_counter()
        answer = getattr(contender, task)()
        answer["milliseconds"] = (time.perf_counter() - start) * 1000
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
