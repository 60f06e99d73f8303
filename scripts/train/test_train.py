"""Tests of the training pipeline: `python3 -m unittest` in this folder, seconds on a CPU."""
from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import numpy as np
import torch
from PIL import Image

import card
import data
import distil
import evaluate
import export
import tensors
import train
from model import Plan, Vgg16, cpu_has_bfloat16

TINY = Plan((4, 4, 8, 8, 8), (8, 8), 0.0)


def make_photos(root: Path, classes: list[str], count: int = 6) -> None:
    rng = np.random.default_rng(5)
    for split in ("train", "pretrain"):
        for name in classes:
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (40 + i, 50, 3), np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{i}.png")


class Folders(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root, self.cache = Path(folder.name) / "photos", Path(folder.name) / "cache"

    def test_an_unreadable_photo_is_named_skipped_and_counted(self) -> None:
        make_photos(self.root, ["a", "b"])
        (self.root / "train" / "a" / "bad.jpg").write_text("no picture")
        said: list[str] = []
        photos = data.load(self.root, ["train", "pretrain"], self.cache, said.append)
        self.assertEqual(len(photos.files), 24)
        self.assertTrue(any("train/a/bad.jpg" in line for line in said))
        self.assertTrue(any("skipped 1" in line for line in said))

    def test_the_cache_gives_back_the_pixels(self) -> None:
        make_photos(self.root, ["a", "b"])
        for _ in range(2):  # decoded, then from the cache
            photos = data.load(self.root, ["train"], self.cache, lambda _: None)
            for i in (0, len(photos.files) - 1):
                original = np.asarray(Image.open(self.root / photos.files[i]))
                np.testing.assert_array_equal(np.asarray(photos.image(i)), original)

    def test_folders_that_cannot_be_trained_on(self) -> None:
        make_photos(self.root, ["a"])
        with self.assertRaisesRegex(data.DataError, "1 class"):
            data.load(self.root, ["train"], self.cache)
        (self.root / "train" / "b").mkdir()
        with self.assertRaisesRegex(data.DataError, "no photos"):
            data.load(self.root, ["train"], self.cache)
        (self.root / "train" / "b" / "x.jpg").write_text("no picture")
        with self.assertRaisesRegex(data.DataError, "none of its photos"):
            data.load(self.root, ["train"], self.cache, lambda _: None)
        with self.assertRaisesRegex(data.DataError, "no such folder"):
            data.load(self.root, ["elsewhere"], self.cache)

    def run_train(self, run: str, *more: str) -> dict:
        (self.root / "labels.txt").write_text("b\na\n")
        where = self.cache / run
        arguments = ["train.py", "pretrain", "--photos", str(self.root), "--run", str(where),
                     "--labels", str(self.root / "labels.txt"), "--batch", "4", *more,
                     "--channels", "4", "4", "8", "8", "8", "--hidden", "8", "8"]
        stage = train.Stage(24, 0.05, 0.1, ((0.0, 32),))
        with mock.patch.object(sys, "argv", arguments), \
             mock.patch.dict(train.STAGES, pretrain=stage), \
             mock.patch.object(train, "report"), contextlib.redirect_stdout(io.StringIO()):
            train.main()
        return torch.load(where / "pretrain.pt")

    def test_an_interrupted_run_ends_as_an_uninterrupted_one(self) -> None:
        make_photos(self.root, ["a", "b", "c"])
        whole = self.run_train("whole")
        stop_at = 3
        average = train.Team.average

        def stopping(team, parameters, stop, loss):
            nonlocal stop_at
            stop_at -= 1
            return average(team, parameters, stop or stop_at == 0, loss)

        with mock.patch.object(train.Team, "average", stopping):
            self.assertEqual(self.run_train("pieces")["step"], 3)
        pieces = self.run_train("pieces")
        self.assertEqual(pieces["step"], whole["step"])
        for name, value in whole["average"].items():
            torch.testing.assert_close(pieces["average"][name], value)

    def test_a_label_without_photos_is_refused(self) -> None:
        make_photos(self.root, ["a", "c"])
        with self.assertRaisesRegex(SystemExit, "no photos of b"):
            self.run_train("run")


class Views(unittest.TestCase):
    def test_the_evaluation_view_is_the_engines(self) -> None:
        pixels = np.zeros((100, 300, 3), np.uint8)
        pixels[:, 100:200] = 255  # the centre square holds nothing else
        image = Image.fromarray(pixels)
        self.assertEqual(data.whole_view(image, 64, "shorter_side").min(), 255)
        squashed = data.whole_view(image, 60, "squash")
        self.assertEqual((squashed[:, :18].max(), squashed[:, 22:38].min()), (0, 255))


    def test_a_view_knows_which_part_of_the_photo_it_shows(self) -> None:
        ramp = np.linspace(0, 255, 90).astype(np.uint8)
        pixels = np.stack(np.broadcast_arrays(ramp[None, :], ramp[:70, None], np.uint8(0)), -1)
        photos = mock.Mock(crop_view=np.array([False]))
        photos.image.return_value = Image.fromarray(pixels)
        views = data.RandomViews(photos, np.array([0]), np.random.default_rng(4))
        for _ in range(50):
            seen = views.view(0, 32)
            view, box = seen.pixels, seen.box
            if min(box.left, box.top) > 0 and max(box.right, box.bottom) < 1:  # no background
                red, green = (view[..., channel] / 255 for channel in (0, 1))
                self.assertAlmostEqual(red.min(), box.left, delta=0.03)
                self.assertAlmostEqual(red.max(), box.right, delta=0.03)
                self.assertAlmostEqual(green.min(), box.top * ramp[69] / 255, delta=0.03)
                self.assertAlmostEqual(green.max(), box.bottom * ramp[69] / 255, delta=0.03)

    def test_a_views_soft_label_is_of_its_part(self) -> None:
        logits = np.zeros((1, 2, 2, 3), np.float16)
        logits[0, 0, 1] = [4, 0, 8]
        teacher = distil.Teaching(logits, np.array([True, True, False]), logits)
        label = teacher.soft_label
        np.testing.assert_allclose(label(0, data.Box(0.5, 0, 1, 0.5)), [4, 0, -np.inf], 1e-5)
        np.testing.assert_allclose(label(0, data.Box(0, 0, 1, 1))[:2], [1, 0])
        np.testing.assert_allclose(label(0, data.Box(0, 0, 0.5, 1))[:2], [0, 0], atol=1e-4)

    def test_hints_lie_where_the_view_shows_the_photo(self) -> None:
        """The features are the photo's own coordinates; so is the picture, and both must agree."""
        cells, size = 4, 128
        ramp = (np.arange(160) + 0.5) / 160
        pixels = np.zeros((160, 160, 3), np.uint8)
        pixels[..., 0], pixels[..., 1], pixels[..., 2] = 200 * ramp, 200 * ramp[:, None], 255
        photos = mock.Mock(crop_view=np.array([True]))
        photos.image.return_value = Image.fromarray(pixels)
        views = data.RandomViews(photos, np.array([0]), np.random.default_rng(7))
        features = np.stack(np.broadcast_arrays(ramp[None, :], ramp[:, None]), -1)[None]
        teacher = distil.Teaching(features, np.array([True]), features.astype(np.float32))
        kinds = set()
        for _ in range(200):
            view = views.view(0, size)
            hints, seen = teacher.hints(0, view, cells)
            blue = view.pixels[..., 2].reshape(cells, 32, cells, 32)
            whole = (blue == 255).all((1, 3)) & (seen > 0.999)
            shown = view.pixels[..., :2].astype(float).reshape(cells, 32, cells, 32, 2).mean((1, 3))
            np.testing.assert_allclose(hints[whole], shown[whole] / 200, atol=0.02)
            outside = blue.max((1, 3)) < 255
            self.assertTrue((seen[outside] == 0).all())
            if whole.any():
                kinds.add((view.mirrored, bool(outside.any())))
        self.assertEqual(len(kinds), 4)

    def test_components_have_mean_square_length_one(self) -> None:
        rng = np.random.default_rng(5)
        samples = (rng.normal(size=(500, 6)) * [5, 3, 0.01, 0.01, 0.01, 0.01] + 2).astype(np.float32)
        mean, basis = distil.principal_components(samples, 2)
        found = (samples - mean) @ basis
        self.assertAlmostEqual(float(np.square(found).sum(1).mean()), 1, delta=1e-4)
        again = found @ np.linalg.pinv(basis) + mean
        np.testing.assert_allclose(again, samples, atol=0.1)

    def test_hints_count_where_a_photo_is_seen(self) -> None:
        foretold = torch.zeros(1, 3, 2, 2)
        hints = torch.ones(1, 2, 2, 3)
        hints[0, 1, 1] = 9
        seen = torch.tensor([[[1.0, 1.0], [1.0, 0.0]]])
        self.assertAlmostEqual(float(train.loss_of_hints(foretold, hints, seen)), 3, delta=1e-6)
        self.assertEqual(float(train.loss_of_hints(foretold, hints, 0 * seen)), 0)


class Precision(unittest.TestCase):
    def test_bfloat16_is_for_processors_that_have_it(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            flags = Path(folder) / "cpuinfo"
            self.assertFalse(cpu_has_bfloat16(flags))
            for text, has in (("flags: fma avx2 f16c", False), ("flags: avx512_bf16 fma", True),
                              ("Features: asimd bf16", True)):
                flags.write_text(text + "\n")
                self.assertEqual(cpu_has_bfloat16(flags), has, text)


class Export(unittest.TestCase):
    def test_training_goes_on_from_an_exported_network(self) -> None:
        torch.manual_seed(6)
        model = Vgg16(TINY, 2).eval()
        for norm in model.norms.values():
            torch.nn.init.uniform_(norm.weight, 0.5, 2)
            torch.nn.init.uniform_(norm.bias, 0.0, 1.0)
        folded = export.plain(model, [0, 1], 224)
        again = Vgg16(TINY, 3)
        x = torch.randn(8, 3, 224, 224)
        weights = {name: torch.from_numpy(values) for name, values in folded.items()}
        again.load_plain(weights, [2, 0], x)
        with torch.no_grad():
            torch.testing.assert_close(again.eval()(x)[:, [2, 0]], model(x), rtol=1e-3, atol=1e-3)

    def test_the_plain_network_is_the_trained_one(self) -> None:
        torch.manual_seed(3)
        model = Vgg16(TINY, 5).eval()
        for norm in model.norms.values():
            torch.nn.init.uniform_(norm.weight, 0.5, 2)
            torch.nn.init.normal_(norm.bias)
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
        x = torch.randn(2, 3, 224, 224)
        folded = export.plain(model, [4, 0, 2], 224)
        self.assertEqual(folded["block1_conv1.weight"].shape, (4, 3, 3, 3))
        self.assertEqual(folded["fc1.weight"].shape, (8, 49 * 8))
        with torch.no_grad():
            torch.testing.assert_close(
                evaluate.plain_forward(folded)(x), model(x)[:, [4, 0, 2]], rtol=1e-3, atol=1e-3)

    def test_safetensors_come_back(self) -> None:
        values = {"x.weight": np.arange(6, dtype=np.float16).reshape(2, 3),
                  "x.bias": np.array([1.5, -2], np.float32)}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "m.safetensors"
            tensors.write(path, values, {"format": "gradcam.cpp/1"})
            read, metadata = tensors.read(path)
        self.assertEqual(metadata, {"format": "gradcam.cpp/1"})
        for name, array in values.items():
            np.testing.assert_array_equal(read[name], array)

    def test_the_temperature_calibrates(self) -> None:
        rng = np.random.default_rng(2)
        true = rng.normal(0, 2, (4000, 5))
        odds = np.exp(true) / np.exp(true).sum(1, keepdims=True)
        truth = np.array([rng.choice(5, p=p) for p in odds])
        self.assertAlmostEqual(export.fit_temperature(true * 2.5, truth), 2.5, delta=0.2)

    def test_the_threshold_is_where_answers_are_right_often_enough(self) -> None:
        probabilities = np.array([0.2, 0.9, 0.5, 0.8, 0.6])
        right = np.array([False, True, False, True, True])
        self.assertEqual(export.fit_threshold(probabilities, right, 0.9), 0.6)
        self.assertEqual(export.fit_threshold(probabilities, right, 0.75), 0.5)
        self.assertEqual(export.fit_threshold(probabilities, ~right, 0.9), 1.0)


class Card(unittest.TestCase):
    RESULT = {"photos": 3, "top1": 0.5, "top5": 1.0, "ece": 0.05, "sure": 0.25, "top1_sure": 1.0,
              "others": {"photos": 8, "sure": 0.125},
              "per_class": [{"label": "a_b", "photos": 3, "top1": 1 / 3},
                            {"label": "c", "photos": 0, "top1": None}],
              "confusion": [[1, 2], [0, 0]]}

    def test_tables(self) -> None:
        text = card.tables(self.RESULT, {"full": self.RESULT}, {})
        self.assertIn("| full | 3 | 50.0 % | 100.0 % | 0.050 | 25.0 % | 100.0 % |", text)
        self.assertIn("Of 8 pictures without a dog it is sure of 12.5 %.", text)
        self.assertIn("| a_b | 33.3 % of 3 |", text)
        self.assertIn("| c | - |", text)

    def test_confusion_is_a_picture(self) -> None:
        root = ElementTree.fromstring(card.confusion_svg(self.RESULT))
        texts = [element.text for element in root.iter() if element.tag.endswith("text")]
        self.assertEqual(texts.count("a b"), 2)
        self.assertEqual([text for text in texts if text.isdigit()], ["1", "2"])


if __name__ == "__main__":
    unittest.main()
