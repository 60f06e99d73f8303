"""What a teacher network sees in every part of every photo, computed once and cached.

The teacher is an ImageNet classifier in a folder with tfl.py (a runner of .tflite files in
PyTorch), one *.tflite and dog_classes.tsv (columns breed, tflite_output_index). It must end in a
mean over positions and one dense layer. Without the mean, that layer gives logits at each position;
their mean over the part of the photo that a random view shows is the view's soft label (Yun et al.
2021, "Re-labeling ImageNet"). So a view without the dog is not taught to be one.

The features that the layer reads say far more than the breed; what the student has at each position
of block5_pool is trained to foretell them (hints: Romero et al. 2015, "FitNets"). They are kept as
their principal components.
"""
from __future__ import annotations

import csv
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from data import Box, Photos, View, whole_view
from model import autocast

BATCH = 32
COMPONENTS = 192  # of the teacher's features
BASIS_PHOTOS = 1536  # that the components are found on
AVERAGE_POOL, MEAN, CONV = 1, 40, 3  # operators of the tflite format


@dataclass
class Teaching:
    """The teacher's logits and features at the positions of its last feature map, for every photo."""

    logits: np.ndarray  # float16 [photos, rows, columns, breeds], 0 for breeds it does not know
    known: np.ndarray  # bool [breeds]
    features: np.ndarray  # float16 [photos, rows, columns, components], of mean square length 1

    def soft_label(self, photo: int, box: Box) -> np.ndarray:
        """float32 [breeds] logits for a part of a photo; -inf for breeds it does not know."""
        maps = self.logits[photo].astype(np.float32)
        rows, columns, _ = maps.shape
        down, across = _overlap(box.top, box.bottom, rows), _overlap(box.left, box.right, columns)
        logits = np.einsum("y,x,yxb->b", down, across, maps)
        return np.where(self.known, logits, -np.inf).astype(np.float32)

    def hints(self, photo: int, view: View, cells: int) -> tuple[np.ndarray, np.ndarray]:
        """float32 [cells, cells, components] features for a view that is cut into cells, and float32
        [cells, cells] how much of each cell shows the photo."""
        maps = self.features[photo].astype(np.float32)
        down, seen_down = _resample(view.box.top, view.box.bottom, view.place.top,
                                    view.place.bottom, maps.shape[0], cells)
        across, seen_across = _resample(view.box.left, view.box.right, view.place.left,
                                        view.place.right, maps.shape[1], cells)
        if view.mirrored:
            across, seen_across = across[::-1], seen_across[::-1]
        hints = np.tensordot(down, maps, (1, 0)).transpose(0, 2, 1) @ across.T
        return hints.transpose(0, 2, 1), np.outer(seen_down, seen_across)


def _resample(begin: float, end: float, first: float, last: float, cells: int,
              wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Where [begin, end) of a photo lies at [first, last) of a view: float32 [wanted, cells], what
    each of the view's cells takes from each of the photo's, and the share of it that is photo."""
    edges = np.arange(wanted + 1) / wanted
    scale = (end - begin) / max(last - first, 1e-6)
    low, high = np.maximum(edges[:-1], first), np.minimum(edges[1:], last)
    shares = np.maximum(high - low, 0) * wanted
    taken = [_overlap(begin + (a - first) * scale, begin + (b - first) * scale, cells)
             for a, b in zip(low, np.maximum(high, low))]
    return np.array(taken, np.float32), shares.astype(np.float32)


def _overlap(begin: float, end: float, cells: int) -> np.ndarray:
    """The share of [begin, end) that lies in each of the equal cells of [0, 1)."""
    edges = np.arange(cells + 1) / cells
    length = np.minimum(edges[1:], end) - np.maximum(edges[:-1], begin)
    length = np.maximum(length, 1e-6)
    return length / length.sum()


def teacher_columns(teacher: Path, breeds: list[str]) -> np.ndarray:
    """The teacher's output for every breed, -1 where it has none."""
    with (teacher / "dog_classes.tsv").open(newline="") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        known = {row["breed"]: int(row["tflite_output_index"]) for row in rows}
    return np.array([known.get(breed, -1) for breed in breeds])


def teach(photos: Photos, teacher: Path, cache: Path, log=print) -> Teaching:
    """Runs the teacher over all photos, or reads what an earlier call left in `cache`."""
    columns = teacher_columns(teacher, photos.breeds)
    known = columns >= 0
    paths = cache / "teacher_logits.npy", cache / "teacher_features.npy"
    if all(path.exists() for path in paths):
        logits, features = (np.load(path) for path in paths)
        if (len(logits), logits.shape[-1]) == (len(photos.files), len(photos.breeds)):
            return Teaching(logits, known, features)
    network = _Network(teacher, columns)
    some = np.random.default_rng(0).permutation(len(photos.files))[:BASIS_PHOTOS]
    samples = np.concatenate([
        network.features(photos, some[start : start + BATCH]).reshape(-1, network.channels)
        for start in range(0, len(some), BATCH)
    ])
    mean, basis = principal_components(samples, COMPONENTS)
    logits, features, began = [], [], time.time()
    for start in range(0, len(photos.files), BATCH):
        found = network.features(photos, np.arange(start, min(start + BATCH, len(photos.files))))
        logits.append(np.where(known, network.logits(found), 0).astype(np.float16))
        features.append(((found - mean) @ basis).astype(np.float16))
        if start % (BATCH * 50) == 0:
            log(f"teacher {start}/{len(photos.files)}, {time.time() - began:.0f} s")
    teaching = Teaching(np.concatenate(logits), known, np.concatenate(features))
    for path, values in zip(paths, (teaching.logits, teaching.features)):
        np.save(path, values)
    return teaching


class _Network:
    """The teacher, up to its mean over positions."""

    def __init__(self, teacher: Path, columns: np.ndarray):
        sys.path.insert(0, str(teacher))
        import tfl  # beside the teacher, not a package

        self.model = tfl.Model(str(next(teacher.glob("*.tflite"))))
        pool = max(i for i, op in enumerate(self.model.ops) if op[0] in (AVERAGE_POOL, MEAN))
        self.output = self.model.ops[pool][1][0]
        dense = next(op for op in self.model.ops[pool + 1 :] if op[0] == CONV)
        weight = self.model.const(dense[1][1]).flatten(1)
        self.channels = weight.shape[1]
        self.weight = weight[columns].numpy()  # [breeds, channels]
        self.bias = self.model.const(dense[1][2])[columns].numpy()

    def features(self, photos: Photos, chosen: np.ndarray) -> np.ndarray:
        """float32 [len(chosen), rows, columns, channels] of whole photos."""
        views = np.stack([whole_view(photos.image(int(i)), 224, "squash") for i in chosen])
        # Its depthwise convolutions are twice as fast with channels first.
        x = ((torch.from_numpy(views).permute(0, 3, 1, 2).float() - 128) / 128).contiguous()
        with torch.no_grad(), autocast(torch.device("cpu")):
            found = self.model.run(x, want=self.output)
        return found.float().permute(0, 2, 3, 1).numpy()

    def logits(self, features: np.ndarray) -> np.ndarray:
        return features @ self.weight.T + self.bias


def principal_components(samples: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean [channels] of [n, channels] samples, and [channels, count] the directions in which
    they differ most, scaled so that what (sample - mean) @ directions gives has mean square length 1."""
    mean = samples.mean(0)
    centred = (samples - mean).astype(np.float64)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(samples))
    basis = directions[:, -count:] / np.sqrt(variances[-count:].sum())
    return mean, basis.astype(np.float32)
