#!/usr/bin/python3
"""Draws the pictures beside this file: dogs on a meadow, of which the default model says that they are
a Samoyed, a husky and a Pomeranian. The page has two of them to try it with; its tests use all. The
JPEGs are of the sizes of photos from the web; lossless.webp and lossless.png hold the same pixels;
small.avif is for the browsers' own decoders. Needs Pillow, NumPy and ImageMagick (for AVIF).
"""
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent

Colour = tuple[int, int, int]
Point = tuple[float, float]

BLACK, PINK, DARK = (21, 18, 18), (226, 122, 132), (60, 40, 42)


class Picture:
    """Places and lengths are in units of the shorter side."""

    def __init__(self, width: int, height: int, seed: int):
        random = np.random.default_rng(seed)
        y, x = np.mgrid[0:height, 0:width].astype(float)
        self.unit = min(width, height)
        self.x, self.y = x / self.unit, y / self.unit
        self.strokes, self.outline, grass = (_hairs(random, height, width) for _ in range(3))
        down = (y / height)[..., None]
        sky = np.array([150, 190, 225]) + down * np.array([60, 40, 20])
        meadow = np.array([70, 120, 55]) + down * np.array([60, 50, 0])
        meadow = meadow + grass[..., None] * np.array([10, 14, 6])
        hills = _soft((self.y - 0.4 * height / self.unit + 0.012 * np.sin(self.x * 13)) * 150)
        self.pixels = sky + (meadow - sky) * hills[..., None]
        # A camera's: without it, rounding would decide which of a pool's equal numbers is largest.
        self.noise = random.normal(0, 1.5, (height, width, 3))

    def paint(self, shape: np.ndarray, colour: Colour, coat: float, light: np.ndarray) -> None:
        paint = (np.array(colour) + coat * self.strokes[..., None]) * light[..., None]
        self.pixels += (paint - self.pixels) * shape[..., None]

    def oval(self, centre: Point, radii: Point, colour: Colour, coat: float = 0,
             rough: float = 0) -> None:
        """Lit from above. coat: how much its hairs differ; rough: how far they stand out."""
        dx, dy = (self.x - centre[0]) / radii[0], (self.y - centre[1]) / radii[1]
        distance = np.hypot(dx, dy) + rough * self.outline
        light = 1 - 0.28 * np.clip(distance, 0, 1) ** 3 - 0.06 * np.clip(dy, -1, 1)
        self.paint(_soft((1 - distance) * 24), colour, coat, light)

    def triangle(self, corners: list[Point], colour: Colour, coat: float) -> None:
        inside = np.full(self.x.shape, np.inf)
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1]):
            length = np.hypot(x1 - x0, y1 - y0)
            inside = np.minimum(
                inside, ((y0 - y1) * (self.x - x0) + (x1 - x0) * (self.y - y0)) / length)
        self.paint(_soft((inside + 0.004 * self.outline) * 200), colour, coat, np.ones_like(inside))

    def image(self) -> Image.Image:
        return Image.fromarray(np.clip(self.pixels + self.noise, 0, 255).astype(np.uint8))


def _hairs(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Noise smeared along one direction."""
    noise = random.normal(0, 1, (height, width))
    return sum(np.roll(np.roll(noise, step, 0), step // 3, 1) for step in range(9)) / 3


def _soft(distance: np.ndarray) -> np.ndarray:
    """1 inside, 0 outside."""
    return 1 / (1 + np.exp(-np.clip(distance, -50, 50)))


def dog(width: int, height: int, nose: Point, size: float, coat: Colour, back: Colour,
        seed: int) -> Image.Image:
    """It sits and looks at you. coat: of chest and face; back: of all the rest."""
    picture = Picture(width, height, seed)

    def at(x: float, y: float) -> Point:
        return nose[0] + size * x, nose[1] + size * y

    def oval(x: float, y: float, across: float, down: float, *how) -> None:
        picture.oval(at(x, y), (size * across, size * down), *how)

    oval(0.30, 0.27, 0.14, 0.11, back, 14, 0.09)  # tail
    oval(0.12, 0.37, 0.24, 0.25, back, 14, 0.06)  # haunch
    oval(0, 0.33, 0.20, 0.30, coat, 14, 0.07)  # chest
    for leg in (-0.07, 0.07):
        oval(leg, 0.52, 0.05, 0.15, coat, 10, 0.04)
    for side in (-1, 1):
        for inset, colour in ((0, back), (1, (225, 180, 165))):  # ears
            foot, rim, tip = ((0.075 + 0.02 * inset, -0.14 + 0.01 * inset),
                              (0.175 - 0.025 * inset, -0.08 - 0.02 * inset),
                              (0.15 - 0.007 * inset, -0.25 + 0.045 * inset))
            corners = [at(side * x, y) for x, y in (foot, rim, tip)]
            picture.triangle(corners[::-side], colour, 12 - 4 * inset)
    oval(0, 0.03, 0.22, 0.16, coat, 16, 0.08)  # ruff
    oval(0, -0.05, 0.165, 0.15, back, 12, 0.05)  # head
    for side in (-0.065, 0.065):
        oval(side, -0.03, 0.06, 0.075, coat, 8, 0.03)
    oval(0, 0.035, 0.085, 0.07, coat, 6, 0.03)  # muzzle
    oval(0, 0.095, 0.045, 0.02, DARK)  # mouth
    oval(0, 0.115, 0.026, 0.03, PINK)
    oval(0, 0, 0.03, 0.021, BLACK)
    for side in (-0.063, 0.063):
        oval(side, -0.065, 0.021, 0.016, BLACK)
        oval(side + 0.006, -0.071, 0.005, 0.005, (250, 250, 250))
    return picture.image()


def main() -> None:
    white, gold, grey = (236, 232, 224), (196, 120, 58), (55, 57, 64)
    dog(640, 427, (0.55, 0.45), 0.95, white, white, 5).save(HERE / 'landscape.jpg', quality=80)
    dog(300, 450, (0.5, 0.7), 1.2, white, grey, 9).save(HERE / 'portrait.jpg', quality=80)
    dog(256, 256, (0.45, 0.45), 1, gold, gold, 3).save(HERE / 'square.jpg', quality=80)
    small = dog(96, 64, (0.75, 0.45), 0.9, gold, grey, 4)
    small.save(HERE / 'lossless.png', optimize=True)
    small.save(HERE / 'lossless.webp', lossless=True, method=6)
    subprocess.run(['convert', HERE / 'lossless.png', HERE / 'small.avif'], check=True)


if __name__ == '__main__':
    main()
