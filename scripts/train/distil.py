"""A teacher network that says of every view what it sees there.

The teacher is an ImageNet classifier in a folder with tfl.py (a runner of .tflite files in
PyTorch), one *.tflite and dog_classes.tsv (columns breed, tflite_output_index). It must end in a
mean over positions and one dense layer. It sees the very view that the student sees (Beyer et al.
2022, "Knowledge distillation: A good teacher is patient and consistent"), so that a view without the
dog is not taught to be one, and no view is taught twice.

The features before the mean say far more than the breed; what the student has at each position of
block5_pool is trained to foretell their principal components (hints: Romero et al. 2015, "FitNets").
"""
from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from data import Photos, whole_view
from model import autocast
from views import resize

SIZE = 224  # pixels a side of what the teacher sees
TEMPERATURE = 1.5
COMPONENTS = 192  # of the teacher's features
BASIS_PHOTOS = 1536  # that the components are found on
AVERAGE_POOL, MEAN, CONV = 1, 40, 3  # operators of the tflite format


@dataclass
class Lesson:
    """What the teacher says of a batch of views."""

    target: torch.Tensor  # [N, classes] probabilities at TEMPERATURE
    features: torch.Tensor  # [N, components, rows, columns], of mean square length 1

    def hints(self, cells: int) -> torch.Tensor:
        """The features at as many positions as the student has, [N, components, cells, cells]."""
        return functional.adaptive_avg_pool2d(self.features, cells)


class Teacher:
    def __init__(self, folder: Path, breeds: list[str], device: torch.device):
        """breeds: the student's classes, in their order."""
        sys.path.insert(0, str(folder))
        import tfl  # beside the teacher, not a package

        self.device = device
        self.model = tfl.Model(str(next(folder.glob("*.tflite"))))
        pool = max(i for i, op in enumerate(self.model.ops) if op[0] in (AVERAGE_POOL, MEAN))
        self.output = self.model.ops[pool][1][0]
        dense = next(op for op in self.model.ops[pool + 1 :] if op[0] == CONV)
        self.weight = self.model.const(dense[1][1]).flatten(1).to(device)
        self.bias = self.model.const(dense[1][2]).to(device)
        outputs = teacher_outputs(folder)
        self.dogs = torch.tensor(sorted(outputs.values()), device=device)
        self.knows = torch.tensor([breed in outputs for breed in breeds], device=device)
        self.columns = torch.tensor([outputs.get(breed, 0) for breed in breeds], device=device)
        self.mean, self.basis = torch.zeros(0), torch.zeros(0)
        self.run = self._compiled() if device.type == "cuda" else self._run

    def find_components(self, photos: Photos, cache: Path) -> None:
        """Finds the components of the features, or reads what an earlier call left in `cache`."""
        path = cache / "teacher_components.npz"
        if not path.exists():
            some = np.random.default_rng(0).permutation(len(photos.files))[:BASIS_PHOTOS]
            samples = []
            for part in np.array_split(some, max(1, len(some) // 32)):
                views = np.stack([whole_view(photos.image(int(i)), SIZE, "squash") for i in part])
                x = torch.from_numpy(views).to(self.device).permute(0, 3, 1, 2).float() / 255
                samples.append(self._features(x).permute(0, 2, 3, 1).flatten(0, 2).cpu().numpy())
            mean, basis = principal_components(np.concatenate(samples), COMPONENTS)
            cache.mkdir(parents=True, exist_ok=True)
            np.savez(path, mean=mean, basis=basis)
        with np.load(path) as found:
            self.mean, self.basis = (
                torch.from_numpy(found[name]).to(self.device) for name in ("mean", "basis"))

    @torch.no_grad()
    def teach(self, views: torch.Tensor) -> Lesson:
        """views: RGB in 0..1, [N, 3, size, size]."""
        features = self._features(resize(views, SIZE))
        logits = features.mean((2, 3)) @ self.weight.T + self.bias
        # Of a view that shows no dog, all breeds shall be equally likely.
        dog = logits.softmax(1)[:, self.dogs].sum(1, keepdim=True)
        known = torch.where(self.knows, logits[:, self.columns], -torch.inf)
        target = dog * (known / TEMPERATURE).softmax(1) + (1 - dog) / len(self.columns)
        centred = features - self.mean.view(1, -1, 1, 1)
        return Lesson(target, torch.einsum("nchw,cd->ndhw", centred, self.basis))

    @torch.no_grad()
    def _features(self, x: torch.Tensor) -> torch.Tensor:
        """The input of the mean over positions, [N, channels, rows, columns]."""
        with autocast(self.device):
            return self.run((x * 255 - 128) / 128).float()

    def _run(self, x: torch.Tensor) -> torch.Tensor:
        return self.model.run(x, want=self.output)

    def _compiled(self):
        """_run with its constants on the GPU, traced once and fused."""
        from torch.fx.experimental.proxy_tensor import make_fx

        x = torch.zeros(2, 3, SIZE, SIZE)
        with torch.no_grad():
            self._run(x)  # which fills the model's cache of constants
            for name, value in self.model.cache.items():
                self.model.cache[name] = value.to(self.device)
            with autocast(self.device):
                traced = make_fx(lambda view: self._run(view))(x.to(self.device))
        return torch.compile(traced, dynamic=False)


def teacher_outputs(folder: Path) -> dict[str, int]:
    """The teacher's output for every breed that it knows."""
    with (folder / "dog_classes.tsv").open(newline="") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        return {row["breed"]: int(row["tflite_output_index"]) for row in rows}


def principal_components(samples: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean [channels] of [n, channels] samples, and [channels, count] the directions in which
    they differ most, scaled so that what (sample - mean) @ directions gives has mean square length 1."""
    mean = samples.mean(0)
    centred = (samples - mean).astype(np.float64)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(samples))
    basis = directions[:, -count:] / np.sqrt(variances[-count:].sum())
    return mean, basis.astype(np.float32)
