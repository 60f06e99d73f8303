"""The maps that `gradcam explain` makes with the default model of real photos, against PyTorch in
float64. Needs the built command line, and the photos beside the repository; skips without them."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import methods

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/train"))
import tensors

GRADCAM = ROOT / "build/native/gradcam"
MODEL = ROOT / "weights/default.safetensors"
PHOTOS = ROOT.parent / "shared/photos/test"
LAYERS = ["block4_conv3", "block5_conv3", "block5_pool"]
SIZE = 224
SCORE_CHANNELS = 3
TOLERANCE = 1e-4


def default_network() -> tuple[methods.Network, dict[str, str]]:
    found, metadata = tensors.read(MODEL)
    parameters = {}
    for name in methods.CONVS + ["fc1", "fc2", "predictions"]:
        weight = found[f"{name}.weight"]
        if weight.ndim == 4:
            weight = weight.transpose(0, 3, 1, 2)
        if name == "fc1":
            side = SIZE // 32
            rows = weight.reshape(len(weight), side, side, -1)
            weight = rows.transpose(0, 3, 1, 2).reshape(len(weight), -1)
        parameters[name] = (np.ascontiguousarray(weight), found[f"{name}.bias"])
    # What is none of the classes takes its share of the softmax.
    parameters["predictions"] = tuple(
        np.concatenate([values, found[f"others.{part}"]])
        for values, part in zip(parameters["predictions"], ("weight", "bias")))
    return methods.Network(parameters), metadata


def square(photo: Path) -> Image.Image:
    """The middle of a photo at the network's size, so that preprocessing is arithmetic only."""
    image = Image.open(photo).convert("RGB")
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    return image.crop((left, top, left + side, top + side)).resize((SIZE, SIZE), Image.BILINEAR)


def network_input(image: Image.Image, preprocess: dict) -> torch.Tensor:
    values = np.asarray(image, np.float64) * preprocess["scale"]
    values = (values - preprocess["mean"]) / preprocess["std"]
    return torch.from_numpy(values.transpose(2, 0, 1))[None]


@unittest.skipUnless(PHOTOS.is_dir(), f"there are no photos at {PHOTOS}")
class DefaultModel(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.network, metadata = default_network()
        cls.temperature = float(metadata["temperature"])
        cls.labels = len(json.loads(metadata["labels"]))
        preprocess = json.loads(metadata["preprocess"])
        breeds = sorted(PHOTOS.iterdir())
        cls.photos = []  # a file, the network's input, its best class
        for breed in (breeds[3], breeds[9]):
            image = square(sorted(breed.iterdir())[0])
            file = Path(folder.name) / f"{breed.name}.png"
            image.save(file)
            x = network_input(image, preprocess)
            with torch.no_grad():
                best = int(cls.network.run(x)[: cls.labels].argmax())
            cls.photos.append((file, x, best))

    def heatmap(self, photo: Path, index: int, *options: object) -> dict:
        arguments = [GRADCAM, "explain", photo, "--model", MODEL, "--json", "--class", index]
        done = subprocess.run([*map(str, [*arguments, *options])], capture_output=True, text=True,
                              check=True)
        return json.loads(done.stdout)["heatmap"]

    def compare(self, expected: torch.Tensor, heatmap: dict, what: str) -> None:
        expected = expected.clamp(min=0).numpy()
        self.assertEqual((heatmap["rows"], heatmap["cols"]), expected.shape, what)
        self.assertGreater(expected.max(), 0, what)
        actual = np.array(heatmap["values"]).reshape(expected.shape)
        if "guided" in what:
            usual, shown = methods.visible_edges(torch.from_numpy(expected))
            actual = np.interp(actual, [0, shown, 1], [0, usual, 1])
        actual *= heatmap["maximum"]
        errors = abs(actual - expected) / expected.max()
        if "guided" in what:
            # All thirteen ReLUs decide on this gradient. Where float32 and float64 differ about a value
            # close to 0, the few pixels behind it differ, by what hung on it.
            self.assertLessEqual((errors > TOLERANCE).mean(), 0.03, what)
            self.assertLessEqual(errors.max(), 0.05, what)
        else:
            self.assertLessEqual(errors.max(), TOLERANCE, what)

    def test_methods_of_one_backward_pass(self) -> None:
        first, second = self.photos
        for (photo, x, c), layer in [*((first, layer) for layer in LAYERS), (second, LAYERS[1])]:
            maps = methods.quick_maps(self.network, x, layer, c, self.temperature, self.labels)
            for name, raw in maps.items():
                if "+" in name:
                    continue
                where = [] if name == "guided-backprop" else ["--layer", layer]
                found = self.heatmap(photo, c, "--method", name, *where)
                self.compare(raw, found, f"{photo.name}: {name} at {layer}")

    def test_ablation_cam(self) -> None:
        for photo, x, c in self.photos[:1]:
            for layer in LAYERS[1:]:
                raw = methods.ablation_map(self.network, x, layer, c)
                found = self.heatmap(photo, c, "--method", "ablationcam", "--layer", layer)
                self.compare(raw, found, f"{photo.name}: ablationcam at {layer}")

    def test_score_cam(self) -> None:
        for photo, x, c in self.photos[:1]:
            for layer in LAYERS:
                raw = methods.score_map(self.network, x, layer, c, SCORE_CHANNELS)
                found = self.heatmap(photo, c, "--method", "scorecam", "--layer", layer,
                                     "--channels", SCORE_CHANNELS)
                self.compare(raw, found, f"{photo.name}: scorecam at {layer}")

    def test_occlusion(self) -> None:
        photo, x, c = self.photos[0]
        # Each place takes a second in float64, and all are alike.
        every = 5
        raw = methods.occlusion_map(self.network, x, c, every)
        found = self.heatmap(photo, c, "--method", "occlusion")
        side = found["rows"]
        found["values"] = [value if i // side % every == i % side % every == 0 else 0
                           for i, value in enumerate(found["values"])]
        self.compare(raw, found, photo.name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
