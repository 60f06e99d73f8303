"""A photo folder, decoded once into a flat cache."""
from __future__ import annotations

import csv
import json
import zlib
from dataclasses import dataclass, replace
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
HOLDOUT_PERCENT = 10
PREPROCESS_MEAN = (0.485, 0.456, 0.406)  # of ImageNet, as torchvision's VGG16 has them
PREPROCESS_STD = (0.229, 0.224, 0.225)


class DataError(Exception):
    """The photo folder cannot be trained on; the message says why and what is expected."""


@dataclass
class Photos:
    """All photos of some splits: `pixels` holds them one after the other, RGB, row by row."""

    root: Path
    files: list[str]  # relative to root
    breeds: list[str]  # sorted; `breed` indexes it
    breed: np.ndarray  # [N] int
    crop_view: np.ndarray  # [N] bool: the dog's box squashed to a square, not a whole scene
    holdout: np.ndarray  # [N] bool: of a training split, but kept for choices
    size: np.ndarray  # [N, 2] height, width
    offset: np.ndarray  # [N] first byte in pixels
    pixels: np.ndarray

    def image(self, i: int) -> Image.Image:
        height, width = (int(v) for v in self.size[i])
        start = int(self.offset[i])
        data = self.pixels[start : start + height * width * 3].reshape(height, width, 3)
        return Image.fromarray(data)

    def only(self, chosen: np.ndarray) -> "Photos":
        """Some of the photos, in the order given."""
        return replace(self, files=[self.files[i] for i in chosen], breed=self.breed[chosen],
                       crop_view=self.crop_view[chosen], holdout=self.holdout[chosen],
                       size=self.size[chosen], offset=self.offset[chosen])


def read_labels(path: Path) -> list[str]:
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    labels = [line.strip() for line in lines if line.strip()]
    if len(labels) < 2 or len(set(labels)) != len(labels):
        raise DataError(f"{path}: expected at least two different labels, one a line")
    return labels


def load(root: Path, splits: list[str], cache: Path, log=print) -> Photos:
    """Photos of root/SPLIT/CLASS/*; decodes them into `cache` at the first call.

    Optional root/MANIFEST.tsv (columns file, view, image_id) says which photos are tight crops
    and which show the same picture, so that no picture is on both sides of the holdout.
    """
    listed = list_files(root, splits)
    key = f"{'-'.join(splits)}-{zlib.crc32(json.dumps([str(root), listed]).encode()):08x}"
    pixels_path, index_path = cache / f"{key}.pixels", cache / f"{key}.json"
    if not index_path.exists():
        _decode(root, listed, pixels_path, index_path, log)
    index = json.loads(index_path.read_text())
    files = [entry[0] for entry in index]
    size = np.array([entry[1:] for entry in index], np.int64)
    lengths = size.prod(1) * 3
    manifest = read_manifest(root)
    names = [file.split("/")[1] for file in files]
    breeds = sorted(set(names))
    pictures = [manifest.get(file, {}).get("image_id") or file for file in files]
    return Photos(
        root=root,
        files=files,
        breeds=breeds,
        breed=np.array([breeds.index(name) for name in names]),
        crop_view=np.array([manifest.get(f, {}).get("view") == "crop" for f in files]),
        holdout=np.array([zlib.crc32(p.encode()) % 100 < HOLDOUT_PERCENT for p in pictures]),
        size=size,
        offset=np.concatenate([[0], np.cumsum(lengths)[:-1]]),
        pixels=np.fromfile(pixels_path, np.uint8),  # mapped, every view would fault its pages
    )


def list_files(root: Path, splits: list[str]) -> list[str]:
    files = []
    for split in splits:
        if not (root / split).is_dir():
            raise DataError(f"{root / split}: no such folder; expected {root}/{split}/CLASS/*.jpg")
        classes = sorted(path for path in (root / split).iterdir() if path.is_dir())
        if len(classes) < 2:
            raise DataError(f"{root / split}: {len(classes)} class folder(s); expected two or more")
        for folder in classes:
            found = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
            if not found:
                raise DataError(f"{folder}: no photos; remove the folder or fill it")
            files += [str(path.relative_to(root)) for path in found]
    return files


def read_manifest(root: Path) -> dict[str, dict[str, str]]:
    path = root / "MANIFEST.tsv"
    if not path.exists():
        return {}
    with path.open(newline="") as stream:
        return {row["file"]: row for row in csv.DictReader(stream, delimiter="\t")}


def _decode(root: Path, files: list[str], pixels_path: Path, index_path: Path, log) -> None:
    pixels_path.parent.mkdir(parents=True, exist_ok=True)
    index, skipped = [], 0
    with pixels_path.open("wb") as out, ThreadPool() as pool:  # PIL lets other threads run
        for done, (file, image) in enumerate(pool.imap(lambda f: (f, _open(root / f)), files), 1):
            if not isinstance(image, Image.Image):
                log(f"skipped {file}: {image}")
                skipped += 1
                continue
            out.write(image.tobytes())
            index.append([file, image.height, image.width])
            if done % 5000 == 0:
                log(f"decoded {done}/{len(files)}")
    decoded = {entry[0].rsplit("/", 1)[0] for entry in index}
    for folder in sorted({file.rsplit("/", 1)[0] for file in files} - decoded):
        raise DataError(f"{root / folder}: none of its photos could be read")
    index_path.write_text(json.dumps(index))
    log(f"decoded {len(index)} photos, skipped {skipped}")


def _open(path: Path) -> Image.Image | Exception:
    """The photo upright, or why it cannot be read."""
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return error


def whole_view(image: Image.Image, size: int, rule: str) -> np.ndarray:
    """The deterministic view of evaluation: uint8 [size, size, 3] by the metadata's resize rule."""
    if rule == "squash":
        box = (0.0, 0.0, float(image.width), float(image.height))
    elif rule == "shorter_side":  # resized to 256, of which the centre 224 is seen
        side = min(image.width, image.height) * 224 / 256
        left, top = (image.width - side) / 2, (image.height - side) / 2
        box = (left, top, left + side, top + side)
    else:
        raise ValueError(f"unknown resize rule {rule}")
    return np.asarray(image.resize((size, size), Image.BILINEAR, box=box))


def normalise(views: torch.Tensor, device: torch.device) -> torch.Tensor:
    """uint8 [N, H, W, 3] to the network's float input, NCHW in channels-last memory."""
    x = views.to(device).permute(0, 3, 1, 2).float().div_(255.0)
    return standardise(x)


def standardise(x: torch.Tensor) -> torch.Tensor:
    """RGB in 0..1, NCHW, to zero mean and unit deviation as the metadata's preprocess says."""
    mean = torch.tensor(PREPROCESS_MEAN, device=x.device).view(1, 3, 1, 1)
    std = torch.tensor(PREPROCESS_STD, device=x.device).view(1, 3, 1, 1)
    return (x - mean) / std
