"""A teacher network's opinion of every part of every photo, computed once and cached.

The teacher is an ImageNet classifier in a folder with tfl.py (a runner of .tflite files in
PyTorch), one *.tflite and dog_classes.tsv (columns breed, tflite_output_index). It must end in a
mean over positions and one dense layer. Without the mean, that layer gives logits at each position;
their mean over the part of the photo that a random view shows is the view's soft label (Yun et al.
2021, "Re-labeling ImageNet"). So a view without the dog is not taught to be one.
"""
from __future__ import annotations

import csv
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from data import Box, Photos, whole_view

BATCH = 32
AVERAGE_POOL, MEAN, CONV = 1, 40, 3  # operators of the tflite format


@dataclass
class LabelMaps:
    """The teacher's logits at the positions of its last feature map, for every photo."""

    maps: np.ndarray  # float16 [photos, rows, columns, breeds], 0 for breeds it does not know
    known: np.ndarray  # bool [breeds]

    def of_view(self, photo: int, box: Box) -> np.ndarray:
        """float32 [breeds] logits for a part of a photo; -inf for breeds it does not know."""
        maps = self.maps[photo].astype(np.float32)
        rows, columns, _ = maps.shape
        down, across = _overlap(box.top, box.bottom, rows), _overlap(box.left, box.right, columns)
        logits = np.einsum("y,x,yxb->b", down, across, maps)
        return np.where(self.known, logits, -np.inf).astype(np.float32)


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


def label_maps(photos: Photos, teacher: Path, cache: Path, log=print) -> LabelMaps:
    """Runs the teacher over all photos, or reads what an earlier call left in `cache`."""
    columns = teacher_columns(teacher, photos.breeds)
    known = columns >= 0
    path = cache / "teacher_maps.npy"
    if path.exists():
        maps = np.load(path)
        if (len(maps), maps.shape[-1]) == (len(photos.files), len(photos.breeds)):
            return LabelMaps(maps, known)
    sys.path.insert(0, str(teacher))
    import tfl  # beside the teacher, not a package

    model = tfl.Model(str(next(teacher.glob("*.tflite"))))
    pool = max(i for i, op in enumerate(model.ops) if op[0] in (AVERAGE_POOL, MEAN))
    features = model.ops[pool][1][0]
    dense = next(op for op in model.ops[pool + 1 :] if op[0] == CONV)
    weight = model.const(dense[1][1]).flatten(1)[columns]  # [breeds, channels]
    bias = model.const(dense[1][2])[columns]
    parts, began = [], time.time()
    for start in range(0, len(photos.files), BATCH):
        chosen = range(start, min(start + BATCH, len(photos.files)))
        views = np.stack([whole_view(photos.image(i), 224, "squash") for i in chosen])
        x = (torch.from_numpy(views).permute(0, 3, 1, 2).float() - 128) / 128
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            found = model.run(x.contiguous(memory_format=torch.channels_last), want=features)
        logits = found.float().permute(0, 2, 3, 1) @ weight.T + bias
        parts.append(np.where(known, logits.numpy(), 0).astype(np.float16))
        if start % (BATCH * 50) == 0:
            log(f"teacher {start}/{len(photos.files)}, {time.time() - began:.0f} s")
    maps = np.concatenate(parts)
    np.save(path, maps)
    return LabelMaps(maps, known)
