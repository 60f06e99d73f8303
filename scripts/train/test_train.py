"""Tests of the training pipeline: `python3 -m unittest` in this folder, seconds on a CPU."""
from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
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
import export
import others
import tensors
import train
import views
from model import Plan, Vgg16, cpu_has_bfloat16
from plain import log_probabilities, plain_forward

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

    def run_train(self, run: str, *more: str, stage: str = "pretrain", rate: float = 0.05) -> dict:
        (self.root / "labels.txt").write_text("b\na\n")
        where = self.cache / run
        arguments = ["train.py", stage, "--photos", str(self.root), "--run", str(where),
                     "--labels", str(self.root / "labels.txt"), "--batch", "4", *more,
                     "--channels", "4", "4", "8", "8", "8", "--hidden", "8", "8"]
        stages = {stage: train.Stage(24, rate, 0.1, ((0.0, 32),))}
        with mock.patch.object(sys, "argv", arguments), \
             mock.patch.dict(train.STAGES, stages), \
             mock.patch.object(train, "report"), contextlib.redirect_stdout(io.StringIO()):
            train.main()
        return torch.load(where / f"{stage}.pt")

    def test_an_interrupted_run_ends_as_an_uninterrupted_one(self) -> None:
        make_photos(self.root, ["a", "b", "c"])
        whole = self.run_train("whole")
        update, calls = train.Averaged.update, []

        def interrupting(average, model, step):
            calls.append(step)
            if len(calls) == 3:
                signal.raise_signal(signal.SIGTERM)
            update(average, model, step)

        with mock.patch.object(train.Averaged, "update", interrupting):
            self.assertEqual(self.run_train("pieces")["step"], 3)
        pieces = self.run_train("pieces")
        self.assertEqual(pieces["step"], whole["step"])
        for name, value in whole["average"].items():
            torch.testing.assert_close(pieces["average"][name], value)

    def test_breeds_keep_their_rows_when_there_are_other_folders(self) -> None:
        make_photos(self.root, ["a", "b", "c"])
        before = self.run_train("run")
        make_photos(self.root, ["aa"])
        init = ("--init", str(self.cache / "run/pretrain.pt"))
        after = self.run_train("fine", *init, stage="finetune", rate=0.0)
        for breed in ("a", "b"):
            old, new = (checkpoint["average"]["predictions.weight"][checkpoint["breeds"].index(breed)]
                        for checkpoint in (before, after))
            torch.testing.assert_close(new, old, rtol=0, atol=1e-3)
        with self.assertRaisesRegex(SystemExit, "was trained on other breeds"):
            self.run_train("run")
        with self.assertRaisesRegex(SystemExit, "was not trained on aa"):
            self.run_train("more", *init)

    def test_what_trains_nothing_is_refused(self) -> None:
        make_photos(self.root, ["a", "b"])
        with self.assertRaisesRegex(SystemExit, "3 photos in all are less than one batch of 4"):
            self.run_train("run", "--total", "3")

    def test_a_label_without_photos_is_refused(self) -> None:
        make_photos(self.root, ["a", "c"])
        with self.assertRaisesRegex(SystemExit, "no photos of b"):
            self.run_train("run")


class Views(unittest.TestCase):
    def test_the_evaluation_view_is_the_engines(self) -> None:
        # Each pixel says where it is, and each of a view where its middle lies in the photo.
        x, y = np.meshgrid(np.arange(240), np.arange(160))
        image = Image.fromarray(np.stack([x, y, y], -1).astype(np.uint8))
        for rule, left, top, width, height in (("squash", 0, 0, 240, 160),
                                               ("shorter_side", 50, 10, 140, 140)):
            view = data.whole_view(image, 32, rule).astype(float)[1:-1, 1:-1]  # edges have no beyond
            middles = (np.arange(1, 31) + 0.5) / 32
            with self.subTest(rule):
                across = left + width * middles - 0.5
                np.testing.assert_allclose(view[..., 0], np.broadcast_to(across, (30, 30)), atol=0.6)
                down = top + height * middles - 0.5
                np.testing.assert_allclose(view[..., 1].T, np.broadcast_to(down, (30, 30)), atol=0.6)

    def draw(self, pixels: np.ndarray, crop_view: bool, count: int,
             without_dog: bool = False) -> np.ndarray:
        """[count, 3, 32, 32] views of one photo, on black or else without the dog; colours as they
        are."""
        photos = mock.Mock(crop_view=np.array([crop_view]), files=["photo"],
                           size=np.array([pixels.shape[:2]]))
        photos.image.return_value = Image.fromarray(pixels)
        device = torch.device("cpu")
        drawer = views.RandomViews(photos, np.array([0]), device)
        chosen = torch.zeros(count, dtype=torch.long)
        random = torch.Generator().manual_seed(4)
        black = mock.patch.object(views.RandomViews, "_backgrounds", lambda *_: torch.zeros(1))
        with mock.patch.object(views, "_jitter", lambda x, _: x), \
             contextlib.nullcontext() if without_dog else black:
            flags = torch.full((count,), without_dog)
            return drawer.draw(chosen, flags, 32, random).numpy()

    def test_a_view_is_a_part_of_the_photo_on_a_background(self) -> None:
        ramp = np.linspace(0, 255, 90).astype(np.uint8)
        pixels = np.stack(np.broadcast_arrays(ramp[None, :], ramp[:70, None], np.uint8(255)), -1)
        drawn = self.draw(pixels, False, 200)
        inside = drawn[:, 2] > 0.999
        whole = inside.all((1, 2))
        self.assertTrue(0.2 < whole.mean() < 0.9)
        # Mirrored or not, red rises or falls along rows; green rises down columns.
        across = np.diff(drawn[whole, 0].mean(1), axis=1).mean(1)
        down = np.diff(drawn[whole, 1].mean(2), axis=1).mean(1)
        self.assertTrue(0.3 < (across > 0).mean() < 0.7)
        self.assertTrue((down > 0).all())
        # Zoomed into by up to 2^1.6 of the area, and stretched.
        self.assertTrue(0.1 < np.abs(across * 32).min() < 0.5 < np.abs(across * 32).max() < 1.1)

    def test_crops_are_seen_smaller_than_scenes(self) -> None:
        pixels = np.full((64, 64, 3), (0, 0, 255), np.uint8)
        share = [self.draw(pixels, crop, 200)[:, 2].mean() for crop in (True, False)]
        self.assertLess(share[0] + 0.1, share[1])

    def test_a_view_without_a_dog_shows_the_edge_of_a_scene_or_colours(self) -> None:
        pixels = np.full((64, 64, 3), 255, np.uint8)
        pixels[20:44, 20:44] = 0  # the dog
        drawn = self.draw(pixels, False, 300, without_dog=True)
        # Six in ten: the outer quarter or fifth of the scene, where the dog is not.
        self.assertAlmostEqual((drawn.min((1, 2, 3)) > 0.99).mean(), 0.6, delta=0.1)
        self.assertAlmostEqual((np.ptp(drawn, axis=(2, 3)).max(1) > 0.5).mean(), 0.2, delta=0.1)

    def test_the_same_seed_draws_the_same_views(self) -> None:
        x = torch.rand(20, 3, 32, 32, generator=torch.Generator().manual_seed(1))
        first, again, other = (views._jitter(x, torch.Generator().manual_seed(seed))
                               for seed in (2, 2, 3))
        torch.testing.assert_close(first, again, rtol=0, atol=0)
        self.assertGreater(float((first - other).abs().mean()), 0.01)
        self.assertTrue(0 <= float(first.min()) and float(first.max()) <= 1)


class Teaching(unittest.TestCase):
    def test_the_teacher_counts_where_it_knows_the_breed_and_alone_where_views_are_mixed(self) -> None:
        teacher = mock.Mock(knows=torch.tensor([True, False]))
        lesson = mock.Mock(target=torch.tensor([[1.0, 0.0]]))
        logits = torch.tensor([[0.0, 3.0]])

        def loss(breed: int, mixed: bool, told: bool = True) -> float:
            return float(train.loss_of(logits, torch.tensor([breed]), torch.tensor([mixed]),
                                       teacher if told else None, lesson, 0.0))

        first, second = (-logits.log_softmax(1)[0]).tolist()
        t = distil.TEMPERATURE
        soft = float(-(logits / t).log_softmax(1)[0, 0]) * t * t
        share = train.TEACHER_SHARE
        self.assertAlmostEqual(loss(0, False), (1 - share) * first + share * soft, delta=1e-5)
        self.assertAlmostEqual(loss(1, False), second, delta=1e-5)
        self.assertAlmostEqual(loss(1, True), soft, delta=1e-5)
        self.assertAlmostEqual(loss(0, False, told=False), first, delta=1e-5)
        self.assertAlmostEqual(loss(-1, False), (first + second) / 2, delta=1e-5)

    def test_what_the_teacher_says_of_a_view(self) -> None:
        """A teacher of five outputs, of which two are breeds, with two features of two positions."""
        teacher = distil.Teacher.__new__(distil.Teacher)
        teacher.device = torch.device("cpu")
        teacher.weight, teacher.bias = torch.zeros(5, 2), torch.tensor([0.0, 2.0, 0.0, 1.0, 0.0])
        teacher.dogs = torch.tensor([1, 3])
        teacher.knows, teacher.columns = torch.tensor([True, False, True]), torch.tensor([3, 0, 1])
        teacher.mean, teacher.basis = torch.tensor([1.0, 0.0]), torch.tensor([[2.0], [1.0]])
        found = torch.tensor([[[[1.0, 3.0]], [[0.0, 5.0]]]])
        with mock.patch.object(distil.Teacher, "_features", lambda *_: found):
            lesson = teacher.teach(torch.zeros(1, 3, 32, 32))
        dog = float(teacher.bias.softmax(0)[[1, 3]].sum())
        known = (torch.tensor([1.0, 2.0]) / distil.TEMPERATURE).softmax(0).tolist()
        wanted = [dog * known[0] + (1 - dog) / 3, (1 - dog) / 3, dog * known[1] + (1 - dog) / 3]
        torch.testing.assert_close(lesson.target, torch.tensor([wanted]))
        torch.testing.assert_close(lesson.features, torch.tensor([[[[0.0, 9.0]]]]))
        self.assertEqual(lesson.hints(1).flatten().tolist(), [4.5])

    def test_mixed_views_keep_more_of_themselves(self) -> None:
        x = torch.eye(40).view(40, 1, 40, 1)
        mixed, which = train.mix(x, torch.Generator().manual_seed(1))
        own = mixed[:, 0, :, 0].diagonal()
        self.assertTrue(5 < int(which.sum()) < 20)
        self.assertTrue(bool((own[~which] == 1).all() and (own >= 0.5).all()))
        torch.testing.assert_close(mixed.sum((1, 2, 3)), torch.ones(40))

    def test_components_have_mean_square_length_one(self) -> None:
        rng = np.random.default_rng(5)
        samples = (rng.normal(size=(500, 6)) * [5, 3, 0.01, 0.01, 0.01, 0.01] + 2).astype(np.float32)
        mean, basis = distil.principal_components(samples, 2)
        found = (samples - mean) @ basis
        self.assertAlmostEqual(float(np.square(found).sum(1).mean()), 1, delta=1e-4)
        again = found @ np.linalg.pinv(basis) + mean
        np.testing.assert_allclose(again, samples, atol=0.1)


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

    def test_a_blend_lies_between_the_networks_and_fits_its_own_batches(self) -> None:
        torch.manual_seed(7)
        begin, goal = Vgg16(TINY, 3), Vgg16(TINY, 2)
        ends = [{"breeds": breeds, "average": model.state_dict()}
                for breeds, model in (("abc", begin), ("ca", goal))]
        blend = export.between(ends[1], ends[0], 0.25)
        torch.testing.assert_close(
            blend["predictions.weight"],
            0.75 * begin.predictions.weight[[2, 0]] + 0.25 * goal.predictions.weight)
        torch.testing.assert_close(
            blend["convs.fc1.weight"],
            0.75 * begin.convs["fc1"].weight + 0.25 * goal.convs["fc1"].weight)
        model = Vgg16(TINY, 2)
        model.load_state_dict(blend)
        model.norms["block1_conv1"].running_mean.fill_(50)
        files = [f"train/{breed}/{i}.png" for breed in "ca" for i in range(3)]
        photos = data.Photos(
            Path(), files, ["a", "c"], np.repeat([1, 0], 3), np.zeros(6, bool), np.arange(6) == 0,
            np.full((6, 2), 32), np.arange(6) * 32 * 32 * 3,
            np.random.default_rng(1).integers(0, 256, 6 * 32 * 32 * 3, np.uint8))
        with mock.patch.object(export, "RECALIBRATION_VIEWS", 64):
            export.recalibrate(model, photos, ["a", "c"], 32, 1)
        self.assertFalse(any(norm.training for norm in model.norms.values()))
        found, means = model.norms["block1_conv1"].running_mean.clone(), []
        model.norms["block1_conv1"].register_forward_pre_hook(
            lambda _, x: means.append(x[0].mean((0, 2, 3))))
        grey = torch.full((1, 3, 32, 32), 0.5)  # what the noise, and all that is done to it, are about
        model(data.standardise(grey))
        torch.testing.assert_close(found, means[0], rtol=0, atol=0.4)

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
                plain_forward(folded)(x), model(x)[:, [4, 0, 2]], rtol=1e-3, atol=1e-3)

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

    def test_int8_comes_back_as_what_it_stands_for(self) -> None:
        values = {"x.weight": np.array([[1, -2], [3, 4]], np.int8),
                  "x.weight_scale": np.array([0.5, 2], np.float32)}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "m.safetensors"
            tensors.write(path, values)
            read, _ = tensors.read(path)
        self.assertEqual((list(read), read["x.weight"].dtype), (["x.weight"], np.float32))
        np.testing.assert_array_equal(read["x.weight"], [[0.5, -1], [6, 8]])

    def test_the_temperature_calibrates(self) -> None:
        rng = np.random.default_rng(2)
        true = rng.normal(0, 2, (4000, 5))
        odds = np.exp(true) / np.exp(true).sum(1, keepdims=True)
        truth = np.array([rng.choice(5, p=p) for p in odds])
        self.assertAlmostEqual(export.fit_temperature(true * 2.5, truth, 5)[0], 2.5, delta=0.2)
        # The last two classes are one to who does not tell them apart.
        together = export.fit_temperature(true * 2.5, np.minimum(truth, 3), 3)[0]
        self.assertAlmostEqual(together, 2.5, delta=0.3)

    def test_the_threshold_is_where_answers_are_right_often_enough(self) -> None:
        probabilities = np.array([0.2, 0.9, 0.5, 0.8, 0.6])
        right = np.array([False, True, False, True, True])
        self.assertEqual(export.fit_threshold(probabilities, right, 0.9), 0.6)
        self.assertEqual(export.fit_threshold(probabilities, right, 0.75), 0.5)
        self.assertEqual(export.fit_threshold(probabilities, ~right, 0.9), 1.0)


class Others(unittest.TestCase):
    def test_what_has_no_label_is_one_class(self) -> None:
        logits = np.log([[0.1, 0.2, 0.3, 0.4]])
        np.testing.assert_allclose(
            np.exp(log_probabilities(logits, 1, 2)), [[0.1, 0.2, 0.7]])
        np.testing.assert_allclose(
            np.exp(log_probabilities(logits, 1, 4)), [[0.1, 0.2, 0.3, 0.4]])

    def test_rows_for_strangers_take_them_and_leave_the_labels_to_themselves(self) -> None:
        """Four groups in a plane, of which the labels' rows tell two apart."""
        rng = np.random.default_rng(4)
        truth = torch.from_numpy(rng.integers(0, 4, 800))
        centres = torch.tensor([[4.0, 0], [0, 4], [4, 4], [-4, 1]])
        features = centres[truth] + torch.from_numpy(rng.normal(0, 0.5, (800, 2))).float()
        logits = features @ torch.tensor([[2.0, 0], [0, 2]]).T
        weight, bias = others.fit(features, logits, truth, torch.zeros(2, 2), torch.zeros(2))
        every = torch.cat([logits, features @ weight.T + bias], 1)
        self.assertGreater(float((every.argmax(1) == truth).float().mean()), 0.98)
        # Held fast, they stay where they began.
        held, _ = others.fit(features, logits, truth, torch.eye(2), torch.zeros(2), strength=1e6)
        torch.testing.assert_close(held, torch.eye(2), atol=1e-4, rtol=0)

    def test_views_are_half_of_the_labels_breeds_and_none_is_held_out(self) -> None:
        """Each photo is of one grey, by which its breed is known again."""
        greys = {"a": 10, "b": 60, "c": 120, "d": 180, "e": 240}
        breed = np.repeat(np.arange(5), 4)
        held_out = np.arange(20) % 4 == 0
        grey = np.where(held_out, 0, [greys["abcde"[b]] for b in breed])
        pixels = np.repeat(grey, 32 * 32 * 3).astype(np.uint8)
        photos = data.Photos(Path(), [f"train/{b}.png" for b in breed], list("abcde"), breed,
                             np.zeros(20, bool), held_out, np.full((20, 2), 32),
                             np.arange(20) * 32 * 32 * 3, pixels)
        chosen = []
        with mock.patch.object(views.RandomViews, "draw", lambda self, chosen_, *_: (
                chosen.extend(self.canvases[chosen_, 0, 0, 0].tolist()),
                torch.zeros(len(chosen_), 3, 32, 32))[1]):
            features, truth = others.draw(lambda x: x.mean((2, 3)), photos, np.array([3, 0, 4, 1]),
                                          labels=1, size=32, seed=1, count=3000)
        self.assertEqual(features.shape, (3000, 3))
        self.assertEqual([greys["daeb"[place]] for place in truth.tolist()], chosen)
        shares = np.bincount(truth.numpy()) / 3000
        np.testing.assert_allclose(shares, [1 / 2, 1 / 6, 1 / 6, 1 / 6], atol=0.03)

    def test_a_model_gets_them_and_stays_what_it_is(self) -> None:
        torch.manual_seed(6)
        model = Vgg16(TINY, 2).eval()
        before = export.stored(export.plain(model, [0, 1], 32))
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            make_photos(root / "photos", ["a", "b", "c", "d"], 20)
            tensors.write(root / "model.safetensors", before,
                          {"labels": '["b", "a"]', "temperature": "9", "unsure_below": "1",
                           "preprocess": json.dumps(export.preprocess("squash", 32))})
            arguments = ["others.py", root / "model.safetensors", "--photos", root / "photos",
                         "--run", root / "run", "--leave-out", "c", "--name", "a stranger",
                         "--out", root / "new.safetensors"]
            with mock.patch.object(sys, "argv", [*map(str, arguments)]), \
                    mock.patch.object(others, "VIEWS", 96), \
                    contextlib.redirect_stdout(io.StringIO()):
                others.main()
            after, metadata = tensors.read(root / "new.safetensors")
        self.assertEqual(after["others.weight"].shape, (1, 8))
        self.assertEqual((after["others.weight"].dtype, after["others.bias"].dtype),
                         (np.float16, np.float32))
        for name, values in before.items():
            np.testing.assert_array_equal(after[name], values)
        self.assertEqual((metadata["labels"], metadata["others"]), ('["b", "a"]', "a stranger"))
        self.assertLess(float(metadata["temperature"]), 9)

    def test_rows_begin_where_those_of_a_checkpoint_are(self) -> None:
        model = Vgg16(TINY, 3)
        checkpoint = {"breeds": ["x", "y", "z"], "average": model.state_dict()}
        weight, bias = others.begin(checkpoint, ["z", "x"], 8)
        torch.testing.assert_close(weight, model.predictions.weight[[2, 0]])
        torch.testing.assert_close(bias, model.predictions.bias[[2, 0]])
        weight, bias = others.begin(None, ["z", "x"], 8)
        self.assertEqual((weight.shape, weight.abs().sum(), bias.shape), ((2, 8), 0, (2,)))


class Card(unittest.TestCase):
    RESULT = {"photos": 3, "top1": 0.5, "top5": 1.0, "ece": 0.05, "sure": 0.25, "top1_sure": 1.0,
              "others": {"photos": 8, "sure": 0.125},
              "per_class": [{"label": "a_b", "photos": 3, "top1": 1 / 3},
                            {"label": "c", "photos": 0, "top1": None}],
              "confusion": [[1, 2], [0, 0]]}

    def test_tables(self) -> None:
        text = card.tables({**self.RESULT, "taken_for_others": 0.03}, {"full": self.RESULT}, {},
                           {"photos": 4, "sure": 0.5, "recognised": 0.75})
        self.assertIn("| full | 3 | 50.0 % | 100.0 % | 0.050 | 25.0 % | 100.0 % |", text)
        self.assertIn("Of 8 pictures without a dog it is sure of 12.5 %.", text)
        self.assertIn("Of 4 photos of other breeds it is sure of 50.0 %; of 75.0 % it says that they show another", text)
        self.assertIn("Of the photos of its own breeds it says so of 3.0 %.", text)
        self.assertIn("| a_b | 33.3 % of 3 |", text)
        self.assertIn("| c | - |", text)
        self.assertNotIn("scenes", text)

    def test_scenes_and_closer_looks_at_them(self) -> None:
        closer = {**self.RESULT, "top1": 0.75}
        unsure = {**self.RESULT, "sure": 0.0, "top1_sure": None}
        text = card.tables(self.RESULT, {}, {}, None, {"small": (unsure, closer)})
        self.assertIn("| small | 50.0 % | 0.0 % | - | 75.0 % | 25.0 % | 100.0 % |", text)

    def test_a_shrunk_scene_has_the_photo_in_it(self) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            photos, scenes = Path(temporary, "photos"), Path(temporary, "scenes")
            (photos / "pug").mkdir(parents=True)
            photo = np.zeros((20, 30, 3), np.uint8)
            photo[..., 1] = np.arange(30) * 8
            Image.fromarray(photo).save(photos / "pug/a.png")
            card.shrunk(photos, 3, scenes)
            scene = np.asarray(Image.open(scenes / "pug/a.png"))
        self.assertEqual(scene.shape, (60, 90, 3))
        windows = np.lib.stride_tricks.sliding_window_view(scene, photo.shape)[..., 0, :, :, :]
        self.assertEqual((windows == photo).all(axis=(-3, -2, -1)).sum(), 1)

    def test_strangers_are_of_no_class_of_the_model(self) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            photos, strangers = Path(temporary, "photos"), Path(temporary, "strangers")
            for breed in ("pug", "boxer", "samoyed"):
                (photos / breed).mkdir(parents=True)
            self.assertEqual(card.strangers_to({"pug", "samoyed"}, photos, strangers), strangers)
            self.assertEqual([found.name for found in strangers.iterdir()], ["boxer"])
            self.assertIsNone(card.strangers_to({"pug", "samoyed"}, photos, photos / "none"))

    def test_masks_of_a_kind_are_those_of_the_photos(self) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            photos, masks = Path(temporary, "photos"), Path(temporary, "masks")
            for folder in (photos / "pug", masks):
                folder.mkdir(parents=True)
            (photos / "pug/a.jpg").touch()
            (masks / "MANIFEST.tsv").write_text("mask\tphoto\tkind\n"
                                                "1.png\ttest/pug/a.jpg\tby hand\n"
                                                "2.png\ttest/pug/b.jpg\tby hand\n"
                                                "3.png\ttest/pug/a.jpg\tguessed\n"
                                                "4.png\ttest/boxer/a.jpg\tby a machine\n")
            by_hand = card.of_kind(masks, "by hand", photos, Path(temporary, "by hand"))
            self.assertEqual((by_hand / "MANIFEST.tsv").read_text(),
                             f"mask\tphoto\n{(masks / '1.png').resolve()}\ttest/pug/a.jpg\n")
            self.assertIsNone(card.of_kind(masks, "a machine", photos, Path(temporary, "none")))

    def test_it_is_a_command_as_it_says(self) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run([card.__file__, "--help"], env={**os.environ, "PATH": path},
                              stdout=subprocess.PIPE, text=True, check=True)
        self.assertIn("--masks", done.stdout)

    def test_confusion_is_a_picture(self) -> None:
        root = ElementTree.fromstring(card.confusion_svg(self.RESULT))
        texts = [element.text for element in root.iter() if element.tag.endswith("text")]
        self.assertEqual(texts.count("a b"), 2)
        self.assertEqual([text for text in texts if text.isdigit()], ["1", "2"])


if __name__ == "__main__":
    unittest.main()
