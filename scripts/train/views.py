"""Random views of photos for training, drawn a batch at a time on the device that trains.

Some breeds come as tight square crops only, others mostly as whole scenes; zooming both ways over a
strange background makes the framing useless for telling breeds apart.
"""
from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from data import Photos

CANVAS = 256  # pixels a side at which photos are kept, squashed to squares
OVERSAMPLING = 2  # samples a side of every pixel of a view: photos are often drawn smaller
ROTATION = 0.12  # radians, one standard deviation
ERASED, BLURRED = 0.2, 0.15  # shares of the views


class RandomViews:
    """Zoom in and out, aspect, position, rotation, mirror image, background, colour, blur, erased
    patches."""

    def __init__(self, photos: Photos, pool, device: torch.device):
        """Backgrounds are of the whole scenes in the pool."""
        self.canvases = canvases(photos, device)
        self.aspect = torch.from_numpy(photos.size[:, 1] / photos.size[:, 0]).float().to(device)
        self.crop_view = torch.from_numpy(photos.crop_view).to(device)
        self.scenes = torch.from_numpy(pool[~photos.crop_view[pool]]).to(device)

    def draw(self, chosen: torch.Tensor, without_dog: torch.Tensor, size: int,
             random: torch.Generator) -> torch.Tensor:
        """RGB in 0..1, [N, 3, size, size], of the photos `chosen` [N]; background alone where
        without_dog [N]."""
        pixels = self.canvases[chosen].float() / 255
        window = self._windows(chosen, random)
        shown, inside = _look(pixels, window, size * OVERSAMPLING)
        inside = inside * ~without_dog.view(-1, 1, 1, 1)
        shown = functional.avg_pool2d(shown * inside, OVERSAMPLING)
        inside = functional.avg_pool2d(inside, OVERSAMPLING)
        views = shown + self._backgrounds(pixels, size, random) * (1 - inside)
        return _jitter(views, random)

    def _windows(self, chosen: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """[N, 2, 3]: view coordinates (-1..1, and 1) to a photo's (-1..1)."""
        n, device = len(chosen), chosen.device

        def uniform(low: float, high: float) -> torch.Tensor:
            return low + (high - low) * torch.rand(n, generator=random, device=device)

        # Crops are seen smaller than they are, scenes larger, and now and then the other way.
        zoom = 2.0 ** torch.where(self.crop_view[chosen], uniform(-1.5, 0.6), uniform(-0.5, 1.6))
        stretch = torch.exp(0.2 * torch.randn(n, generator=random, device=device))
        # A scene is seen either squashed to the square or at its own shape.
        aspect = torch.where(uniform(0, 1) < 0.5, torch.ones_like(zoom), self.aspect[chosen])
        width, height = stretch / (zoom * aspect).sqrt(), (aspect / zoom).sqrt() / stretch
        # The window stays on the photo where it is smaller, the photo in the window where larger.
        x, y = (1 - width) * uniform(-1, 1), (1 - height) * uniform(-1, 1)
        angle = ROTATION * torch.randn(n, generator=random, device=device)
        mirror = torch.where(uniform(0, 1) < 0.5, 1.0, -1.0)
        sine, cosine = angle.sin(), angle.cos()
        rows = [width * cosine * mirror, -width * sine, x, height * sine * mirror, height * cosine, y]
        return torch.stack(rows, 1).view(n, 2, 3)

    def _backgrounds(self, pixels: torch.Tensor, size: int, random: torch.Generator) -> torch.Tensor:
        """The edge of another scene, which is seldom its subject; the photo's colours; one colour."""
        n, device = len(pixels), pixels.device

        def below(count: int) -> torch.Tensor:
            return torch.randint(count, (n,), generator=random, device=device)

        coloured = functional.interpolate(pixels, (3, 3), mode="area")
        kinds = [
            functional.interpolate(coloured, (size, size), mode="bicubic", align_corners=False),
            torch.rand(n, 3, 1, 1, generator=random, device=device).expand(n, 3, size, size),
        ]
        odds = torch.tensor([0.6, 0.2, 0.2], device=device)
        if len(self.scenes):
            edges = torch.tensor(
                [[[0.25, 0, -0.75], [0, 1, 0]], [[0.25, 0, 0.75], [0, 1, 0]],
                 [[1, 0, 0], [0, 0.25, -0.75]], [[1, 0, 0], [0, 0.2, 0.8]]], device=device)
            scenes = self.canvases[self.scenes[below(len(self.scenes))]].float() / 255
            kinds.insert(0, _look(scenes, edges[below(4)], size)[0])
        else:
            odds = odds[1:]
        kind = torch.multinomial(odds, n, replacement=True, generator=random)
        return torch.stack(kinds, 1)[torch.arange(n, device=device), kind].clamp(0, 1)


def canvases(photos: Photos, device: torch.device) -> torch.Tensor:
    """uint8 [photos, 3, CANVAS, CANVAS], of whole photos."""
    result = torch.empty(len(photos.files), 3, CANVAS, CANVAS, dtype=torch.uint8, device=device)
    for i in range(len(photos.files)):
        pixels = torch.from_numpy(np.array(photos.image(i))).to(device).permute(2, 0, 1)[None].float()
        resized = functional.interpolate(pixels, (CANVAS, CANVAS), mode="bilinear", antialias=True)
        result[i] = resized[0].round().clamp(0, 255)
    return result


def resize(views: torch.Tensor, size: int) -> torch.Tensor:
    if views.shape[-1] == size:
        return views
    return functional.interpolate(views, (size, size), mode="bilinear", antialias=True)


def _look(pixels: torch.Tensor, windows: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What windows [N, 2, 3] show of pictures, [N, 3, size, size], and 1 where they show them, else
    0, [N, 1, size, size]."""
    n = len(pixels)
    grid = functional.affine_grid(windows, [n, 3, size, size], align_corners=False)
    shown = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    return shown, (grid.abs() <= 1).all(3)[:, None].float()


def _jitter(x: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Random saturation, contrast, brightness, white balance, blur and an erased patch."""
    n, _, height, width = x.shape

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=random, device=x.device)

    grey = x.mean(1, keepdim=True)
    saturation = torch.where(uniform(n, 1, 1, 1) < 0.1, 0.0, 0.5 + uniform(n, 1, 1, 1))
    x = grey + (x - grey) * saturation
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * (0.6 + 0.8 * uniform(n, 1, 1, 1))
    x = x * (0.7 + 0.6 * uniform(n, 1, 1, 1)) * (0.9 + 0.2 * uniform(n, 3, 1, 1))
    blurred = int(n * BLURRED)  # photos come in any order, so these are any
    coarse = resize(x[:blurred], int(height * (0.25 + 0.5 * float(uniform(1)))))
    fine = functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    x = torch.cat([fine, x[blurred:]])
    side, corner = 0.15 + 0.3 * uniform(2, n, 1), uniform(2, n, 1)
    positions = (torch.arange(height, device=x.device) + 0.5) / height
    across, down = (positions - corner * (1 - side)).div(side).sub(0.5).abs() < 0.5
    erased = (uniform(n) < ERASED).view(-1, 1, 1) & down[:, :, None] & across[:, None, :]
    return torch.where(erased[:, None], 0.5, x).clamp(0.0, 1.0)
