"""Fetches large files: with a progress bar, from where an interrupted download ended, checked."""
from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

BLOCK = 1 << 18


class DownloadError(Exception):
    """What went wrong, in a sentence."""


@dataclass(frozen=True)
class Official:
    address: str
    size: int | None  # bytes, where known
    algorithm: str
    checksum: str

    @property
    def name(self) -> str:
        return self.address.rsplit("/", 1)[1]


GOOGLE = "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"

OFFICIAL = {
    "keras": Official(
        GOOGLE + "vgg16_weights_tf_dim_ordering_tf_kernels.h5", 553_467_096,
        "md5", "64373286793e3c8b2b4e3219cbf3544b"),
    "keras-notop": Official(
        GOOGLE + "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", 58_889_256,
        "md5", "6d6bbae143d832006294945121d1f1fc"),
    "torchvision": Official(
        "https://download.pytorch.org/models/vgg16-397923af.pth", 553_433_881,
        "sha256", "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"),
    "timm": Official(
        "https://huggingface.co/timm/vgg16.tv_in1k/resolve/main/model.safetensors", None,
        "sha256", "57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8"),
}
# The names of ImageNet's classes.
CLASS_INDEX = Official(
    "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json", None,
    "md5", "c2c37ea517e94d9795004a39431a14cb")


def _show(name: str, done: int, total: int | None) -> None:
    if not sys.stderr.isatty():
        return
    text = f"{name}: {done / 1e6:.1f} MB"
    if total:
        cells = min(40, 40 * done // total)
        bar = "#" * cells + " " * (40 - cells)
        text = f"{name} [{bar}] {done / 1e6:.0f} of {total / 1e6:.0f} MB"
    print(f"\r{text}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _checksum(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _append(official: Official, part: Path) -> int | None:
    """Fetches what `part` lacks; returns the size of the whole, if the server tells."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(official.address, headers={"User-Agent": "gradcam.cpp"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=30) as response:
        if have and response.status != 206:
            have = 0  # a server that only sends whole files
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        if official.size is not None and total is not None and total != official.size:
            raise DownloadError(f"{official.address} has {total} bytes, where {official.size} are "
                                "expected: it is not the file that is meant")
        free = shutil.disk_usage(part.parent).free
        if total is not None and total - have > free:
            raise DownloadError(f"{part.parent} has {free >> 20} MiB left, but "
                                f"{(total - have) >> 20} are needed")
        with part.open("ab" if have else "wb") as out:
            while block := response.read(BLOCK):
                out.write(block)
                have += len(block)
                _show(official.name, have, total)
        if total is not None and have < total:
            raise ConnectionError(f"the connection ended after {have} of {total} bytes")
    return total


def fetch(official: Official, folder: Path, attempts: int = 5, pause: float = 2.0) -> Path:
    """Returns the file in `folder`, where it stays. What an interrupted download has left there is
    gone on from, in this run (several attempts) and in the next."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"{folder} cannot be made: {error.strerror}") from None
    path, part = folder / official.name, folder / f"{official.name}.part"
    if path.exists():
        return path
    for attempt in range(attempts):
        before = part.stat().st_size if part.exists() else 0
        try:
            if official.size is None or before != official.size:
                _append(official, part)
            break
        except urllib.error.HTTPError as error:
            if error.code == 416 and before:  # there is nothing behind what we have
                break
            raise DownloadError(f"{official.address}: the server says {error.code} {error.reason}"
                                ) from None
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError
                ) as error:
            reason = getattr(error, "reason", error)
            if attempt + 1 == attempts:
                have = part.stat().st_size if part.exists() else 0
                raise DownloadError(f"{official.address}: {reason}; {have / 1e6:.1f} MB are here, "
                                    "and the same command goes on from there") from None
            time.sleep(pause)
        except OSError as error:
            raise DownloadError(f"{part} cannot be written: {error.strerror}") from None
    found = _checksum(part, official.algorithm)
    if found != official.checksum:
        part.unlink()
        raise DownloadError(f"{official.address}: the {official.algorithm} of what came is "
                            f"{found}, where {official.checksum} is expected; it was removed")
    os.replace(part, path)
    return path
