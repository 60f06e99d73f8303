#!/usr/bin/python3
"""Draws the pictures beside this file: furry ovals on a lawn, which is dog enough for any network
to say something about. The JPEGs are of the sizes of photos from the web; lossless.webp and
lossless.png hold the same pixels; small.avif is for the browsers' own decoders. Needs Pillow,
NumPy and ImageMagick (for AVIF).
"""
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent


def scene(width: int, height: int, centre: tuple[float, float], fur: tuple[int, int, int],
          seed: int) -> Image.Image:
    """An oval with a coat of short strokes, at `centre` in units of the picture's sides."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    lawn = np.stack([70 + 40 * y / height, 120 + 50 * y / height, 60 + 20 * x / width], axis=2)
    noise = random.normal(0, 1, (height, width))
    # Strokes: noise smeared along one direction.
    strokes = sum(np.roll(np.roll(noise, step, 0), step // 2, 1) for step in range(9)) / 3
    side = min(width, height)
    distance = np.hypot((x - centre[0] * width) / (0.3 * side), (y - centre[1] * height) / (0.38 * side))
    body = 1 / (1 + np.exp((distance - 1) * 12))
    coat = np.array(fur) + 28 * strokes[..., None]
    for eye in (-0.1, 0.1):
        spot = np.hypot(x - centre[0] * width - eye * side, y - (centre[1] - 0.12) * height)
        coat[spot < 0.025 * side] = 15
    pixels = lawn * (1 - body[..., None]) + coat * body[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def main() -> None:
    scene(640, 427, (0.35, 0.5), (180, 140, 90), 1).save(HERE / 'landscape.jpg', quality=80)
    scene(300, 450, (0.5, 0.6), (90, 80, 75), 2).save(HERE / 'portrait.jpg', quality=80)
    scene(256, 256, (0.6, 0.4), (225, 220, 210), 3).save(HERE / 'square.jpg', quality=80)
    small = scene(96, 64, (0.5, 0.5), (150, 90, 50), 4)
    small.save(HERE / 'lossless.png', optimize=True)
    small.save(HERE / 'lossless.webp', lossless=True, method=6)
    subprocess.run(['convert', HERE / 'lossless.png', HERE / 'small.avif'], check=True)


if __name__ == '__main__':
    main()
