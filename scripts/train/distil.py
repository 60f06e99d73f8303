"""Soft labels of a teacher network over the photos' breeds, computed once and cached.

The teacher is an ImageNet classifier in a folder with tfl.py (a runner of .tflite files in
PyTorch), one *.tflite and dog_classes.tsv (columns breed, tflite_output_index).
"""
from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

import numpy as np
import torch

from data import Photos, whole_view

BATCH = 32


def teacher_columns(teacher: Path, breeds: list[str]) -> np.ndarray:
    """The teacher's output for every breed, -1 where it has none."""
    with (teacher / "dog_classes.tsv").open(newline="") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        known = {row["breed"]: int(row["tflite_output_index"]) for row in rows}
    return np.array([known.get(breed, -1) for breed in breeds])


def soft_labels(photos: Photos, teacher: Path, cache: Path, log=print) -> np.ndarray:
    """float16 [N, breeds] logits of the teacher; -inf for breeds that it does not know."""
    path = cache / "teacher_logits.npy"
    if path.exists():
        logits = np.load(path)
        if logits.shape == (len(photos.files), len(photos.breeds)):
            return logits
    sys.path.insert(0, str(teacher))
    import tfl  # beside the teacher, not a package

    model = tfl.Model(str(next(teacher.glob("*.tflite"))))
    columns = teacher_columns(teacher, photos.breeds)
    logits = np.full((len(photos.files), len(photos.breeds)), -np.inf, np.float16)
    began = time.time()
    for start in range(0, len(photos.files), BATCH):
        chosen = range(start, min(start + BATCH, len(photos.files)))
        views = np.stack([whole_view(photos.image(i), 224, "squash") for i in chosen])
        x = (torch.from_numpy(views).permute(0, 3, 1, 2).float() - 128) / 128
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            model.run(x.contiguous(memory_format=torch.channels_last))
        found = model.logits.float().numpy()[:, columns]
        logits[start : start + len(chosen)] = np.where(columns >= 0, found, -np.inf)
        if start % (BATCH * 50) == 0:
            log(f"teacher {start}/{len(photos.files)}, {time.time() - began:.0f} s")
    np.save(path, logits)
    return logits
