"""A photo folder, decoded once into a flat cache, and random views of it for training."""
from __future__ import annotations

import csv
import json
import queue
import sys
import threading
import zlib
from dataclasses import dataclass
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


def read_labels(path: Path) -> list[str]:
    labels = [line.strip() for line in path.read_text().splitlines() if line.strip()]
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
    with pixels_path.open("wb") as out:
        for done, file in enumerate(files, 1):
            try:
                with Image.open(root / file) as image:
                    image = ImageOps.exif_transpose(image).convert("RGB")
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                log(f"skipped {file}: {error}")
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


@dataclass(frozen=True)
class Box:
    """A part of a picture, in shares of its width and height."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class View:
    """What is seen of a photo: uint8 [size, size, 3]."""

    pixels: np.ndarray
    box: Box  # the part of the photo that is seen
    place: Box  # where in the view it lies, before the view is mirrored
    mirrored: bool


class RandomViews:
    """Random training views: zoom in and out, aspect, flip, position, background.

    Some breeds come as tight square crops only, others mostly as whole scenes; zooming both ways
    over a strange background makes the framing useless for telling breeds apart.
    """

    def __init__(self, photos: Photos, pool: np.ndarray, rng: np.random.Generator):
        self.photos, self.rng = photos, rng
        self.scenes = pool[~photos.crop_view[pool]]

    def view(self, i: int, size: int) -> View:
        rng, image = self.rng, self.photos.image(i)
        width, height = image.size
        # Crops are seen smaller than they are, scenes larger, and now and then the other way.
        low, high = (-1.5, 0.6) if self.photos.crop_view[i] else (-0.5, 1.6)
        zoom = 2.0 ** rng.uniform(low, high)  # 1: the photo's area fills the view
        stretch = np.exp(rng.normal(0.0, 0.2))
        # A scene is seen either squashed to the square or at its own shape.
        aspect = 1.0 if rng.random() < 0.5 else width / height
        box_width = width / np.sqrt(zoom) * stretch / np.sqrt(aspect)
        box_height = height / np.sqrt(zoom) / stretch * np.sqrt(aspect)
        # Keep the window on the photo where it is smaller, the photo in the window where larger.
        left = (width - box_width) * rng.random()
        top = (height - box_height) * rng.random()
        x0, y0 = max(left, 0.0), max(top, 0.0)
        x1, y1 = min(left + box_width, width), min(top + box_height, height)
        px = [round((v - left) / box_width * size) for v in (x0, x1)]
        py = [round((v - top) / box_height * size) for v in (y0, y1)]
        shape = (max(px[1] - px[0], 1), max(py[1] - py[0], 1))
        part = image.resize(shape, Image.BILINEAR, box=(x0, y0, x1, y1))
        if shape != (size, size):
            canvas = self._background(image, size)
            canvas.paste(part, (px[0], py[0]))
            part = canvas
        box = Box(x0 / width, y0 / height, x1 / width, y1 / height)
        place = Box(*(v / size for v in (px[0], py[0], px[0] + shape[0], py[0] + shape[1])))
        mirrored = bool(rng.random() < 0.5)
        pixels = np.asarray(part)
        return View(pixels[:, ::-1] if mirrored else pixels, box, place, mirrored)

    def without_dog(self, i: int, size: int) -> np.ndarray:
        """uint8 [size, size, 3] of background alone, of photo i or another."""
        return np.asarray(self._background(self.photos.image(i), size))

    def _background(self, image: Image.Image, size: int) -> Image.Image:
        kind = self.rng.random()
        if kind < 0.6 and len(self.scenes):  # the edge of another scene: seldom its subject
            scene = self.photos.image(int(self.rng.choice(self.scenes)))
            width, height = scene.size
            boxes = [
                (0, 0, width * 0.25, height),
                (width * 0.75, 0, width, height),
                (0, 0, width, height * 0.25),
                (0, height * 0.8, width, height),
            ]
            return scene.resize((size, size), Image.BILINEAR, box=boxes[self.rng.integers(4)])
        if kind < 0.8:
            return image.resize((3, 3), Image.BOX).resize((size, size), Image.BICUBIC)
        return Image.new("RGB", (size, size), tuple(int(v) for v in self.rng.integers(0, 256, 3)))


def normalise(views: torch.Tensor, device: torch.device) -> torch.Tensor:
    """uint8 [N, H, W, 3] to the network's float input, NCHW in channels-last memory."""
    x = views.to(device).permute(0, 3, 1, 2).float().div_(255.0)
    return standardise(x)


def standardise(x: torch.Tensor) -> torch.Tensor:
    """RGB in 0..1, NCHW, to zero mean and unit deviation as the metadata's preprocess says."""
    mean = torch.tensor(PREPROCESS_MEAN, device=x.device).view(1, 3, 1, 1)
    std = torch.tensor(PREPROCESS_STD, device=x.device).view(1, 3, 1, 1)
    return (x - mean) / std


def jitter_colour(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Random brightness, contrast, saturation, white balance and erased patch of each picture."""
    n, _, height, width = x.shape

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator).to(x.device)

    grey = x.mean(1, keepdim=True)
    saturation = torch.where(uniform(n, 1, 1, 1) < 0.1, 0.0, 0.5 + uniform(n, 1, 1, 1))
    x = grey + (x - grey) * saturation
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * (0.6 + 0.8 * uniform(n, 1, 1, 1))
    x = x * (0.7 + 0.6 * uniform(n, 1, 1, 1)) * (0.9 + 0.2 * uniform(n, 3, 1, 1))
    for i in torch.nonzero(uniform(n) < 0.2).flatten().tolist():
        side_y, side_x = ((0.15 + 0.3 * uniform(2)) * torch.tensor([height, width])).int().tolist()
        top, left = (uniform(2) * torch.tensor([height - side_y, width - side_x])).int().tolist()
        x[i, :, top : top + side_y, left : left + side_x] = 0.5
    return x.clamp_(0.0, 1.0)


def prefetch(make, count: int, depth: int = 4):
    """make(0), make(1), ... computed one thread ahead (PIL lets other threads run)."""
    ready: queue.Queue = queue.Queue(depth)
    stop = threading.Event()

    def work() -> None:
        try:
            for step in range(count):
                if stop.is_set():
                    return
                ready.put(make(step))
            ready.put(None)
        except BaseException as error:  # handed to the consumer, which raises it
            ready.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
