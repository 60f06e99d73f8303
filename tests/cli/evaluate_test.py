"""`gradcam evaluate` as people meet it: `evaluate_test.py PATH/TO/gradcam` (run by ctest)."""
from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import struct
import subprocess
import time
import unittest
from pathlib import Path

from support import (
    GRADCAM, IMAGES, MODEL, TESTS, Case, gradcam, on_terminal, peak_memory, read_safetensors,
    read_tensors, write_large_model, write_png, write_safetensors, write_tensors,
)

Rows = list[list[tuple[int, ...]]]


def mask_of(dog: tuple[int, ...], background: tuple[int, ...], width: int = 40,
            height: int = 29) -> Rows:
    """With a dog in the middle; photos of fixtures are 40 x 29."""
    return [[dog if 12 <= x < 28 and 8 <= y < 20 else background for x in range(width)]
            for y in range(height)]


def heat_inside(heatmap: dict, crop: dict, mask: Rows) -> float:
    """The share of a map's heat, enlarged bilinearly over its part of a photo of as many pixels as
    the mask has, that is where the mask is white."""
    rows, cols, values = heatmap["rows"], heatmap["cols"], heatmap["values"]
    samples = 200  # a side

    def between(sample: int, cells: int) -> tuple[int, int, float]:
        """The cells on both sides of it, and how far it is from the first to the second."""
        at = min(max((sample + 0.5) / samples * cells - 0.5, 0), cells - 1)
        return int(at), min(int(at) + 1, cells - 1), at % 1

    total = inside = 0.0
    for y in range(samples):
        top, bottom, down = between(y, rows)
        photo_y = int(crop["y"] + (y + 0.5) / samples * crop["height"])
        for x in range(samples):
            left, right, along = between(x, cols)
            above, below = ((1 - along) * values[row * cols + left]
                            + along * values[row * cols + right] for row in (top, bottom))
            heat = (1 - down) * above + down * below
            total += heat
            photo_x = int(crop["x"] + (x + 0.5) / samples * crop["width"])
            inside += heat if mask[photo_y][photo_x][0] else 0
    return inside / total


def rank_correlation(xs: list[float], ys: list[float]) -> float:
    """Spearman's."""

    def ranks(values: list[float]) -> list[float]:
        """Equal values share their mean rank."""
        return [sum(other < value for other in values) + sum(other == value for other in values) / 2
                for value in values]

    return statistics.correlation(ranks(xs), ranks(ys))


class Evaluate(Case):
    def explained(self, photo: Path, model: Path, *arguments: object) -> dict:
        result = gradcam("explain", photo, "--model", model, "--json", *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return json.loads(result.stdout)

    def unlike_model(self, **metadata: str) -> tuple[Path, list[str]]:
        """One that takes some of the photos for its first class, and others for its second."""
        tensors, own = read_tensors(MODEL)
        tensors["predictions.bias"][1][0] -= 0.13
        model = self.folder / "unlike.safetensors"
        write_tensors(model, tensors, own | metadata)
        return model, json.loads(own["labels"])

    def make_photos(self) -> list[str]:
        labels = json.loads(gradcam("info", MODEL, "--json").stdout)["labels"]
        for label in labels[:2]:
            (self.folder / "photos" / label).mkdir(parents=True)
            for image in ("baseline.jpg", "scene.png"):
                shutil.copy(IMAGES / image, self.folder / "photos" / label)
        return labels

    def test_evaluate_counts(self) -> None:
        labels = self.make_photos()
        (self.folder / "photos" / labels[0] / "bad.jpg").write_text("no picture")
        (self.folder / "photos" / "lynx").mkdir()
        (self.folder / "others").mkdir()
        shutil.copy(IMAGES / "noise.png", self.folder / "others")
        result = gradcam("evaluate", self.folder / "photos", "--model", MODEL, "--json",
                         "--others", self.folder / "others")
        self.assertEqual(result.returncode, 1)
        for said in ("bad.jpg", "lynx"):
            self.assertIn(said, result.stderr)
        numbers = json.loads(result.stdout)
        self.assertEqual((numbers["photos"], numbers["failed"]), (4, 1))
        self.assertEqual(numbers["others"]["photos"], 1)
        # The same two photos in both folders: each is right in one of them at most.
        self.assertLessEqual(numbers["top1"], 0.5)
        rows = numbers["confusion"]
        self.assertEqual([sum(row) for row in rows], [2, 2, 0])
        self.assertEqual(rows[0], rows[1])
        self.assertEqual(numbers["per_class"][2]["top1"], None)
        self.assertNotIn("taken_for_others", numbers)

    def test_mistakes_are_listed_the_surest_first(self) -> None:
        self.make_photos()
        photos = self.folder / "photos"
        expected = []
        for path in sorted(photos.rglob("*.*")):
            answer = gradcam("explain", path, "--model", MODEL, "--json")
            (best, *_) = json.loads(answer.stdout)["top"]
            if best["label"] != path.parent.name:
                expected.append({"photo": str(path), "label": path.parent.name,
                                 "taken_for": best["label"], "probability": best["probability"]})
        self.assertGreaterEqual(len(expected), 2)
        expected.sort(key=lambda mistake: -mistake["probability"])
        result = gradcam("evaluate", photos, "--model", MODEL, "--json")
        mistakes = json.loads(result.stdout)["mistakes"]
        for mistake, other in zip(mistakes, expected, strict=True):
            self.assertAlmostEqual(mistake.pop("probability"), other.pop("probability"), places=6)
            self.assertEqual(mistake, other)
        for i in range(9):
            shutil.copy(expected[0]["photo"], f"{expected[0]['photo']}.{i}.png")
        said = gradcam("evaluate", photos, "--model", MODEL).stdout.splitlines()
        self.assertEqual(len([line for line in said if "%" in line and str(photos) in line]), 5)
        self.assertEqual(said[-1], f"  and {len(expected) + 4} other mistakes, which --json lists")

    def test_what_a_class_is_taken_for_is_what_it_is_taken_for_most(self) -> None:
        model, (first, second, third) = self.unlike_model()
        photos = self.folder / "photos"
        (photos / third).mkdir(parents=True)
        for image in ("scene.png", "baseline.jpg", "palette.png", "noise.png"):
            shutil.copy(IMAGES / image, photos / third)
        result = gradcam("evaluate", photos, "--model", model, "--json")
        self.assertEqual(json.loads(result.stdout)["confusion"][2], [3, 1, 0])
        said = gradcam("evaluate", photos, "--model", model).stdout
        (line,) = [line for line in said.splitlines() if line.startswith(f"  {third} ")]
        self.assertTrue(line.endswith(f"taken for {first}: 3"), line)
        self.assertNotIn(second, line)

    def test_sure_answers_are_counted_alone(self) -> None:
        threshold = 0.414
        model, labels = self.unlike_model(unsure_below=str(threshold))
        photos = self.folder / "photos"
        answers = []  # whether it is sure, and right
        for image, label in (("noise.png", labels[1]), ("rgba.png", labels[1]),
                             ("one_bit.png", labels[0]), ("scene.png", labels[0]),
                             ("palette.png", labels[0])):
            photo = photos / label / image
            photo.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(IMAGES / image, photo)
            (best, *_) = self.explained(photo, model)["top"]
            answers.append((best["probability"] >= threshold, best["label"] == label))
        self.assertEqual(set(answers), {(True, True), (True, False), (False, True)})
        sure = [is_right for is_sure, is_right in answers if is_sure]
        numbers = json.loads(gradcam("evaluate", photos, "--model", model, "--json").stdout)
        self.assertAlmostEqual(numbers["sure"], len(sure) / len(answers))
        self.assertAlmostEqual(numbers["top1_sure"], sum(sure) / len(sure))

    def test_a_bar_is_taken_away_before_something_is_said(self) -> None:
        labels = self.make_photos()
        (self.folder / "photos" / labels[0] / "bad.jpg").write_text("no picture")
        screen = on_terminal("evaluate", self.folder / "photos", "--model", MODEL)
        lines = screen.replace("\r\n", "\n").split("\n")
        (said,) = [line for line in lines if "bad.jpg" in line]
        # What a terminal still shows of the line.
        self.assertTrue(said.split("\r\x1b[K")[-1].startswith("gradcam: "), said)
        (bar,) = [line for line in lines if line.endswith("5 of 5 photos")]
        self.assertNotIn("gradcam: ", bar)

    def test_what_is_none_of_the_classes(self) -> None:
        """Of two rows that are far above the only one with a label."""
        header, data = read_safetensors(MODEL)
        data = bytearray(data)
        (label, *_) = labels = json.loads(header["__metadata__"]["labels"])
        header["__metadata__"] |= {"labels": json.dumps([label]), "others": "no lynx"}
        begin, _ = header["predictions.bias"]["data_offsets"]
        struct.pack_into(f"<{len(labels)}f", data, begin, -20, *[20] * (len(labels) - 1))
        for part in ("weight", "bias"):
            entry = header[f"predictions.{part}"]
            begin, end = entry["data_offsets"]
            cut = begin + (end - begin) // len(labels)
            header[f"others.{part}"] = {**entry, "shape": [len(labels) - 1, *entry["shape"][1:]],
                                        "data_offsets": [cut, end]}
            entry |= {"shape": [1, *entry["shape"][1:]], "data_offsets": [begin, cut]}
        model = self.folder / "model.safetensors"
        write_safetensors(model, header, data)
        photos = self.folder / "photos"
        (photos / label).mkdir(parents=True)
        shutil.copy(IMAGES / "scene.png", photos / label)

        explain = ("explain", photos, "--model", model, "--out", self.folder / "maps")
        line = json.loads(gradcam(*explain, "--json").stdout)
        self.assertEqual(line["others"]["label"], "no lynx")
        self.assertGreater(line["others"]["probability"], 0.99)
        self.assertEqual(line["certainty"], "others")
        self.assertIn("probably no lynx", gradcam(*explain).stdout)
        self.assertIn("no lynx", gradcam("info", model).stdout)
        numbers = json.loads(gradcam("evaluate", photos, "--model", model, "--json", "--others",
                                     photos).stdout)
        self.assertEqual(numbers["taken_for_others"], 1)
        self.assertEqual(numbers["others"], {"photos": 1, "sure": 0, "recognised": 1})
        self.assertEqual(numbers["top1"], 1)  # of the classes it is still the first

        (photos / label / "scene.png").write_text("no picture")
        result = gradcam("evaluate", photos, "--model", model)
        self.assertEqual(result.returncode, 1)
        self.assertIn("0 photos: top-1 -, top-5 -, expected calibration error -\n", result.stdout)
        numbers = json.loads(gradcam("evaluate", photos, "--model", model, "--json").stdout)
        self.assertEqual({key: numbers[key] for key in ("photos", "failed", "top1", "top5", "ece")},
                         {"photos": 0, "failed": 1, "top1": None, "top5": None, "ece": None})

    def test_evaluate_explain(self) -> None:
        labels = self.make_photos()
        arguments = ("evaluate", self.folder / "photos", "--model", MODEL, "--explain", "--json")
        result = gradcam(*arguments, "--limit-slow", 3)
        self.assertEqual(result.returncode, 0, result.stderr)
        numbers = json.loads(result.stdout)
        methods = {each["method"]: each for each in numbers["methods"]}
        self.assertEqual((numbers["photos"], len(methods)), (4, 16))
        for name, method in methods.items():
            self.assertEqual(method["photos"], 3 if name in ("scorecam", "occlusion") else 4, name)
            self.assertEqual(len(method["insertion_curve"]), 9)
            for key, least in (("average_drop", 0), ("insertion", 0), ("other_class", -1)):
                self.assertTrue(least <= method[key] <= 1, (name, key))
                self.assertGreaterEqual(method["standard_errors"][key], 0, (name, key))
            depths = 3 if name in ("scorecam", "occlusion") else 16
            self.assertEqual([len(method["randomised"]), method["randomised"][-1]["layer"]],
                             [depths, "block1_conv1"], name)
            for depth in method["randomised"]:
                photos = 3 if name in ("scorecam", "occlusion") else 4
                self.assertEqual(depth["photos"], photos, name)
                self.assertEqual(depth["correlation"] is None, depth["empty"] == photos, name)
        for control in ("centre", "other_photo"):
            self.assertEqual(numbers[control]["photos"], 4)
            self.assertTrue(0 <= numbers[control]["average_drop"] <= 1)
        self.assertNotEqual(numbers["centre"]["insertion"], numbers["random_order"]["insertion"])
        # Eigen-CAM is the same for every class, and does not see the last layers.
        self.assertAlmostEqual(methods["eigencam"]["other_class"], 1)
        self.assertAlmostEqual(methods["eigencam"]["randomised"][2]["correlation"], 1)
        # A photo that cannot be read changes nothing but the status, nor does the order of work.
        (self.folder / "photos" / labels[0] / "zz.jpg").write_text("no picture")
        again = gradcam(*arguments, "--method", "gradcam,layercam")
        self.assertEqual(again.returncode, 1)
        self.assertIn("zz.jpg", again.stderr)
        numbers = json.loads(again.stdout)
        self.assertEqual((numbers["photos"], numbers["failed"]), (4, 1))
        for method in numbers["methods"]:
            before = methods[method["method"]]
            for key in ("average_drop", "insertion", "deletion"):
                self.assertAlmostEqual(method[key], before[key], msg=key)
        table = gradcam(*arguments[:-1], "--method", "gradcam").stdout
        self.assertIn("+-", table)
        self.assertEqual(len({len(line) for line in table.splitlines()[1:]}), 1, "columns in line")
        for control in ("random order", "centre", "other photo"):
            self.assertIn(f"({control})", table)

    def test_pixels_are_taken_away_and_guessed_if_wanted(self) -> None:
        self.make_photos()
        arguments = ("evaluate", self.folder / "photos", "--model", MODEL, "--explain", "--method",
                     "gradcam,counterfactual")
        numbers = json.loads(gradcam(*arguments, "--json").stdout)
        self.assertEqual({row["road"] for row in self.measured(numbers)}, {None})
        result = gradcam(*arguments, "--road", "--json")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        with_road = json.loads(result.stdout)
        for row, before in zip(self.measured(with_road), self.measured(numbers), strict=True):
            most, least = row["road_hottest_first"], row["road_coldest_first"]
            self.assertEqual((len(most), len(least)), (4, 4))
            self.assertAlmostEqual(row["road"], (statistics.mean(least) - statistics.mean(most)) / 2)
            self.assertGreaterEqual(row["standard_errors"]["road"], 0)
            self.assertEqual(row["insertion"], before["insertion"])
        self.assertGreater(len({row["road"] for row in self.measured(with_road)}), 3)
        again = json.loads(gradcam(*arguments, "--road", "--json").stdout)
        self.assertEqual(self.measured(again), self.measured(with_road))
        _, header, *table = gradcam(*arguments, "--road").stdout.splitlines()
        self.assertIn(" road ", header)
        for line, row in zip(table, self.measured(with_road), strict=True):
            self.assertIn(f" {row['road']:.3f} +-{row['standard_errors']['road']:.3f}", line)

    @staticmethod
    def measured(numbers: dict) -> list[dict]:
        """Methods, and what knows nothing; without what depends on the clock."""
        controls = (numbers[name] for name in ("random_order", "centre", "other_photo"))
        return [{key: value for key, value in row.items() if key != "milliseconds"}
                for row in (*numbers["methods"], *controls)]

    def test_evaluate_explain_refuses_what_it_does_not_know(self) -> None:
        self.make_photos()
        arguments = ("evaluate", self.folder / "photos", "--model", MODEL)
        result = gradcam(*arguments, "--explain", "--method", "guess")
        self.assertEqual(result.returncode, 2)
        self.assertIn("there are gradcam, ", result.stderr)
        for wrong in (("--limit", 3), ("--road",), ("--explain", "--limit", "x"),
                      ("--explain", "--closer"),
                      ("--explain", "--others", self.folder / "photos")):
            self.assertEqual(gradcam(*arguments, *wrong).returncode, 2, wrong)

    def test_methods_leave_the_folder_alone(self) -> None:
        self.make_photos()
        result = gradcam("evaluate", "--json", "--explain", "--model", MODEL, "--method",
                         "gradcam,layercam", self.folder / "photos")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual([each["method"] for each in json.loads(result.stdout)["methods"]],
                         ["gradcam", "layercam"])

    def test_evaluate_explain_of_imported_models(self) -> None:
        for name in ("keras.h5", "keras.keras", "pytorch.pth", "pytorch.onnx"):
            model = TESTS / "fixtures/models" / name
            label = json.loads(gradcam("info", model, "--json").stdout)["labels"][1]
            photos = self.folder / name
            (photos / label).mkdir(parents=True)
            for image in ("baseline.jpg", "scene.png"):
                shutil.copy(IMAGES / image, photos / label)
            numbers = []
            safetensors = self.folder / "model.safetensors"
            self.assertEqual(gradcam("convert", model, safetensors).returncode, 0)
            for file in (model, safetensors):
                result = gradcam("evaluate", photos, "--model", file, "--explain", "--json",
                                 "--method", "gradcam,layercam")
                self.assertEqual((result.returncode, result.stderr), (0, ""), name)
                numbers.append(json.loads(result.stdout))
                for method in numbers[-1]["methods"]:
                    del method["milliseconds"]
            self.assertEqual(*numbers, name)

    def test_evaluate_refuses_masks_of_other_photos(self) -> None:
        self.make_photos()
        (self.folder / "masks").mkdir()
        result = gradcam("evaluate", self.folder / "photos", "--model", MODEL, "--masks",
                         self.folder / "masks")
        self.assertEqual(result.returncode, 2)
        self.assertIn("none of the photos", result.stderr)

    def test_evaluate_refuses_a_list_of_masks_that_it_cannot_read(self) -> None:
        (self.folder / "masks" / "MANIFEST.tsv").mkdir(parents=True)
        result = gradcam("evaluate", self.folder / "photos", "--model", MODEL, "--masks",
                         self.folder / "masks")
        self.assertEqual(result.returncode, 1)
        self.assertIn("MANIFEST.tsv: ", result.stderr)

    def with_masks(self, masks: dict[str, Rows]) -> tuple[dict, str]:
        """What is measured of the photos, and what is said of the masks."""
        folder = self.folder / "masks"
        shutil.rmtree(folder, ignore_errors=True)
        for name, rows in masks.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_png(folder / name, rows)
        result = gradcam("evaluate", f"{self.folder}/photos/", "--model", MODEL, "--json",
                         "--masks", folder)
        self.assertEqual(result.returncode, 1 if result.stderr else 0)
        return json.loads(result.stdout), result.stderr

    def test_masks_as_programs_write_them(self) -> None:
        label = self.make_photos()[0]
        measured = []
        for dog, background in (((255,) * 3, (0,) * 3), ((1,), (0,)), ((250,), (4,)),
                                ((0, 255, 0), (0, 0, 0)), ((40, 30, 20, 255), (90, 80, 70, 0)),
                                ((0, 255), (255, 0)), ((255, 255, 255, 255), (0, 0, 0, 255))):
            numbers, said = self.with_masks({f"{label}/scene.png": mask_of(dog, background)})
            self.assertEqual((said, numbers["masks"]), ("", 1), dog)
            measured.append((numbers["pointing"], numbers["heat_inside"], numbers["localised"]))
        self.assertEqual(measured, measured[:1] * len(measured))
        self.assertTrue(0 < measured[0][1] < 1)

    def test_masks_that_are_none(self) -> None:
        label = self.make_photos()[0]
        for rows, fault in ((mask_of((0,), (0,)), "all of it is black"),
                            (mask_of((9, 9, 9, 0), (0, 0, 0, 0)), "all of it is transparent"),
                            (mask_of((1,), (2,)), "from 1 to 2"),
                            (mask_of((255,), (0,), 29, 40), "29 x 40 pixels have another shape"),
                            (mask_of((255,), (0,), 40, 33), "40 x 33 pixels have another shape")):
            numbers, said = self.with_masks({f"{label}/scene.png": rows,
                                             f"{label}/baseline.png": mask_of((1,), (0,))})
            self.assertEqual(len(said.splitlines()), 1, said)
            for text in ("photos/", "its mask", "masks/", "scene.png", fault):
                self.assertIn(text, said)
            self.assertEqual((numbers["photos"], numbers["masks"], numbers["failed"]), (4, 1, 0))
            self.assertEqual(numbers["masks_failed"], 1)
            alone, _ = self.with_masks({f"{label}/scene.png": rows})
            self.assertEqual((alone["masks"], alone["masks_failed"], alone["pointing"]), (0, 1, None))
            self.with_masks({f"{label}/scene.png": rows,
                             f"{label}/baseline.png": mask_of((1,), (0,))})
            result = gradcam("evaluate", self.folder / "photos", "--model", MODEL, "--json",
                             "--explain", "--method", "gradcam", "--masks", self.folder / "masks")
            self.assertEqual(result.returncode, 1)
            self.assertIn(fault, result.stderr)
            self.assertIn("2 photos without a mask left out", result.stderr)
            self.assertEqual(json.loads(result.stdout)["photos"], 1)

    def test_what_masks_measure_is_of_the_photos_that_have_one(self) -> None:
        label = self.make_photos()[0]
        numbers, said = self.with_masks({f"{label}/scene.png": [[(255,)] * 40] * 29})
        self.assertEqual((said, numbers["photos"], numbers["masks"]), ("", 4, 1))
        self.assertAlmostEqual(numbers["heat_inside"], 1)
        self.assertEqual(numbers["pointing"], 1)
        box = self.explained(IMAGES / "scene.png", MODEL)["box"]
        self.assertGreater(box["width"] * box["height"], 40 * 29 / 2)
        self.assertEqual(numbers["localised"], 1)

    def test_masks_where_it_looks_closer(self) -> None:
        """Are compared with the new map where that lies."""
        model = TESTS / "oracle/fixtures/tiny96.keras.safetensors"
        photo = IMAGES / "scene.png"
        (best, *_) = self.explained(photo, model)["top"]
        closer = self.explained(photo, model, "--closer", "--class", best["label"])
        self.assertLess(closer["crop"]["width"], 40)
        (self.folder / "photos" / best["label"]).mkdir(parents=True)
        shutil.copy(photo, self.folder / "photos" / best["label"])
        mask = [[(255,) if x < 14 else (0,) for x in range(40)] for _ in range(29)]
        (self.folder / "masks" / best["label"]).mkdir(parents=True)
        write_png(self.folder / "masks" / best["label"] / "scene.png", mask)
        result = gradcam("evaluate", self.folder / "photos", "--model", model, "--json", "--closer",
                         "--masks", self.folder / "masks")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertAlmostEqual(json.loads(result.stdout)["heat_inside"],
                               heat_inside(closer["heatmap"], closer["crop"], mask), delta=0.01)

    def test_a_list_of_masks_with_the_line_ends_of_windows(self) -> None:
        label = self.make_photos()[0]
        mask = self.folder / "masks/1.png"
        mask.parent.mkdir()
        write_png(mask, mask_of((255,), (0,)))
        for mark in (b"", b"\xef\xbb\xbf"):  # of UTF-8
            (mask.parent / "MANIFEST.tsv").write_bytes(
                mark + f"mask\tphoto\r\n1.png\t{label}/scene.png\r\n".encode())
            result = gradcam("evaluate", self.folder / "photos", "--model", MODEL, "--json",
                             "--masks", mask.parent)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertEqual(json.loads(result.stdout)["masks"], 1)

    def test_a_list_of_masks_of_folders_with_the_same_names(self) -> None:
        """Each photo has that which its own path says, wherever that is in the list."""
        labels = self.make_photos()
        masks = self.folder / "masks"
        masks.mkdir()
        white, left = [[(255,)] * 40] * 29, [[(255,)] + [(0,)] * 39] * 29
        write_png(masks / "1.png", white)
        write_png(masks / "2.png", left)
        photos = f"{labels[0]}/scene.png"
        for split in ("test", "train"):
            (self.folder / split / labels[0]).mkdir(parents=True)
            shutil.copy(IMAGES / "scene.png", self.folder / split / labels[0])

        def evaluated(split: str, *lines: str) -> subprocess.CompletedProcess:
            (masks / "MANIFEST.tsv").write_text("\n".join(["mask\tphoto", *lines, ""]))
            return gradcam("evaluate", self.folder / split, "--model", MODEL, "--json", "--masks",
                           masks)

        of_test, of_train = f"1.png\ttest/{photos}", f"2.png\ttrain/{photos}"
        for lines in ([of_test, of_train], [of_train, of_test], [of_train, f"1.png\t{photos}"],
                      [f"2.png\tother/train/{photos}", of_train, of_test],
                      [f"1.png\tsome/where/test/{photos}", of_train],
                      [f"2.png\ttest/{photos}", of_test, of_train]):
            result = evaluated("test", *lines)
            self.assertEqual((result.returncode, result.stderr), (0, ""), lines)
            self.assertAlmostEqual(json.loads(result.stdout)["heat_inside"], 1, msg=lines)
        result = evaluated("train", of_train, of_test)
        self.assertLess(json.loads(result.stdout)["heat_inside"], 0.5)
        result = evaluated("photos", of_test, of_train)
        self.assertEqual(result.returncode, 2)
        for said in ("line 2", f"test/{photos}", "line 3", f"train/{photos}"):
            self.assertIn(said, result.stderr)

    def test_explanations_are_compared_with_those_of_another_class_and_another_photo(self) -> None:
        model, labels = self.unlike_model()
        names = ("one_bit.png", "palette.png", "rgba.png")  # in the order of the photos
        photos, maps, masks, correlations = self.folder / "photos", [], [], []
        for i, name in enumerate(names):
            for folder in (photos, self.folder / "masks"):
                (folder / labels[0]).mkdir(parents=True, exist_ok=True)
            photo = photos / labels[0] / name
            shutil.copy(IMAGES / name, photo)
            line = self.explained(photo, model, "--class", "top," + ",".join(labels))
            best = labels.index(line["class"])
            maps.append(line)
            of_class = {each["class"]: each["heatmap"]["values"] for each in line["maps"]}
            other = labels[(best + 1 + i % 2) % 3]  # each of the others in turn
            correlations.append(rank_correlation(of_class[labels[best]], of_class[other]))
            masks.append([[(255,) if (x < 20, y < 15, x > y)[i] else (0,) for x in range(40)]
                          for y in range(29)])
            write_png(self.folder / "masks" / labels[0] / name, masks[-1])
        result = gradcam("evaluate", photos, "--model", model, "--explain", "--json", "--method",
                         "gradcam", "--masks", self.folder / "masks")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        numbers = json.loads(result.stdout)
        (method,) = numbers["methods"]
        self.assertAlmostEqual(method["other_class"], statistics.mean(correlations))
        for measured, shift in ((method, 0), (numbers["other_photo"], 1)):
            expected = [heat_inside(maps[i - shift]["heatmap"], maps[i]["crop"], masks[i])
                        for i in range(3)]
            self.assertAlmostEqual(measured["heat_inside"], statistics.mean(expected), delta=0.01)

    def test_so_many_threads_look_at_photos_side_by_side(self) -> None:
        """Each waits for a mask that somebody else is to write."""
        label = self.make_photos()[0]
        photos, masks = self.folder / "photos" / label, self.folder / "masks" / label
        masks.mkdir(parents=True)
        most = os.cpu_count() + 1
        pipes = [masks / f"{i}.png" for i in range(most)]
        for pipe in pipes:
            shutil.copy(IMAGES / "scene.png", photos / pipe.name)
            os.mkfifo(pipe)
        for explain in ((), ("--explain", "--method", "gradcam")):
            process = subprocess.Popen(
                [GRADCAM, "evaluate", self.folder / "photos", "--model", MODEL, "--masks",
                 self.folder / "masks", "--threads", str(most), *explain],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                self.assertEqual(self.wait_for_readers(process, pipes), most)
            finally:
                process.kill()
                process.wait()

    @staticmethod
    def wait_for_readers(process: subprocess.Popen, pipes: list[Path]) -> int:
        """Of how many pipes the other end is opened, before the process ends, or a minute has
        passed. They stay open."""
        end = time.monotonic() + 60
        opened = set()
        with contextlib.ExitStack() as stack:
            while len(opened) < len(pipes) and process.poll() is None and time.monotonic() < end:
                for pipe in pipes:
                    with contextlib.suppress(OSError):  # nobody reads it
                        if pipe not in opened:
                            stack.callback(os.close, os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
                            opened.add(pipe)
                time.sleep(0.01)
            return len(opened)

    def test_threads_without_a_photo_take_no_memory(self) -> None:
        label = self.make_photos()[0]
        model = self.folder / "model.safetensors"
        write_large_model(model)
        one = self.folder / "one" / label / "scene.png"
        one.parent.mkdir(parents=True)
        shutil.copy(IMAGES / one.name, one)
        few, many = (peak_memory("evaluate", self.folder / "one", "--model", model, "--threads", n)
                     for n in (1, 64))
        self.assertLess(many, 2 * few)

    def test_any_number_of_threads_measures_the_same(self) -> None:
        self.make_photos()
        for arguments in ((), ("--explain", "--method", "gradcam,layercam")):
            numbers = []
            for threads in (1, 2, 5):
                result = gradcam("evaluate", self.folder / "photos", "--model", MODEL, "--json",
                                 "--threads", threads, *arguments)
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                numbers.append(json.loads(result.stdout))
                for method in numbers[-1].get("methods", []):
                    del method["milliseconds"]
                numbers[-1].get("other_photo", {}).pop("milliseconds", None)
            self.assertEqual(numbers, numbers[:1] * 3)
        for wrong in (0, -1, "x"):
            result = gradcam("evaluate", self.folder / "photos", "--threads", wrong)
            self.assertEqual(result.returncode, 2)
            self.assertIn("--threads: ", result.stderr)

    def test_masks_of_photos_in_folders_of_a_class(self) -> None:
        label, other, _ = self.make_photos()
        photos = self.folder / "photos" / label
        for name in ("a", "b"):
            (photos / name).mkdir()
            shutil.copy(photos / "scene.png", photos / name / "rex.png")
        shutil.copy(photos / "scene.png", photos / "a/max.png")
        mask = mask_of((255,), (0,))
        for names, found in (([f"{label}/a/rex.png"], 1), ([f"{label}/a/max.png"], 1),
                             ([f"{label}/max.png"], 1), ([f"{label}/rex.png"], 0),
                             (["a/max.png", "max.png", f"{other}/max.png"], 0)):
            names.append(f"{other}/scene.png")
            numbers, said = self.with_masks(dict.fromkeys(names, mask))
            self.assertEqual((said, numbers["masks"]), ("", 1 + found), names)
        for path, found in ((f"test/{label}/a/max.png", 1), (f"{label}/max.png", 1),
                            (f"{label}/a/rex.png", 1), (f"{label}/rex.png", 0),
                            (f"{other}/a/max.png", 0)):
            (self.folder / "masks/MANIFEST.tsv").write_text(
                f"mask\tphoto\n{names[0]}\t{path}\n{names[-1]}\t{other}/scene.png\n")
            result = gradcam("evaluate", self.folder / "photos", "--model", MODEL, "--json",
                             "--masks", self.folder / "masks")
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertEqual(json.loads(result.stdout)["masks"], 1 + found, path)

    def test_evaluate_without_photos(self) -> None:
        for folder in (self.folder, self.folder / "missing"):
            result = gradcam("evaluate", folder, "--model", MODEL)
            self.assertEqual(result.returncode, 1)
            self.assertIn(str(folder), result.stderr)

    def test_evaluate_looks_at_nothing_before_it_knows_its_folders(self) -> None:
        self.make_photos()
        result = gradcam("evaluate", self.folder / "photos", "--model", MODEL,
                         "--others", self.folder / "missing")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("missing: there is no such folder", result.stderr)

    def test_maps_are_made_again_of_ten_photos(self) -> None:
        (label, *_) = json.loads(gradcam("info", MODEL, "--json").stdout)["labels"]
        folder = self.folder / "photos" / label
        folder.mkdir(parents=True)
        for i in range(30):
            shutil.copy(IMAGES / "baseline.jpg", folder / f"{i}.jpg")
        result = gradcam("evaluate", self.folder / "photos", "--model", MODEL, "--explain", "--json",
                         "--method", "gradcam,scorecam", "--limit-slow", 3)
        self.assertEqual(result.returncode, 0, result.stderr)
        gradcams, scorecams = json.loads(result.stdout)["methods"]
        self.assertEqual({step["photos"] for step in gradcams["randomised"]}, {10})
        self.assertEqual({step["photos"] for step in scorecams["randomised"]}, {3})


if __name__ == "__main__":
    unittest.main(verbosity=2)
