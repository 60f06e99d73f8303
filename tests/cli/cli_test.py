"""The command line as people meet it: `cli_test.py PATH/TO/gradcam` (run by ctest)."""
from __future__ import annotations

import json
import math
import os
import random
import shutil
import struct
import subprocess
import unittest
import zlib
from pathlib import Path

from support import (
    GRADCAM, IMAGES, MODEL, TESTS, Case, gradcam, read_safetensors, read_tensors, write_bmp,
    write_png, write_png_data, write_safetensors, write_tensors,
)


class CommandLine(Case):
    def test_explain_writes_the_overlay_and_says_where(self) -> None:
        result = gradcam("explain", IMAGES / "scene.png", "--model", MODEL, "--class", 1,
                         "--out", self.folder / "new/maps")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        (overlay,) = (self.folder / "new/maps").iterdir()
        self.assertIn(str(overlay), result.stdout)
        self.expect_png(overlay)

    def test_a_model_beside_the_program_is_the_usual_one(self) -> None:
        program = shutil.copy(GRADCAM, self.folder)
        explain = [program, "explain", "--json", IMAGES / "scene.png"]
        alone = subprocess.run(explain, capture_output=True, text=True, check=False)
        self.assertEqual(alone.returncode, 2)
        self.assertIn("--model", alone.stderr)
        shutil.copy(MODEL, self.folder / "default.safetensors")
        beside = subprocess.run(explain, capture_output=True, text=True, check=False)
        self.assertEqual(json.loads(beside.stdout)["top"],
                         json.loads(gradcam(*explain[1:], "--model", MODEL).stdout)["top"])

    def expect_png(self, path: Path) -> None:
        """Whole, by Python's own checks of its sums, and of as many pixels as it says."""
        png = path.read_bytes()
        self.assertEqual(png[:8], b"\x89PNG\r\n\x1a\n")
        chunks, at = {}, 8
        while at < len(png):
            size, name = struct.unpack(">I4s", png[at:at + 8])
            chunks[name] = png[at + 8:at + 8 + size]
            self.assertEqual(zlib.crc32(name + chunks[name]),
                             *struct.unpack(">I", png[at + 8 + size:at + 12 + size]), name)
            at += 12 + size
        rows = zlib.decompress(chunks[b"IDAT"])
        width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
        self.assertEqual(len(rows), height * (1 + 3 * width))

    def test_overlays_of_many_bytes_keep_their_checksum(self) -> None:
        """Adler-32's sums are of more bytes than 32 bits have room for."""
        noise = random.Random(1)
        write_png(self.folder / "noise.png",
                  [[tuple(noise.randbytes(3)) for _ in range(200)] for _ in range(200)])
        result = gradcam("explain", self.folder / "noise.png", "--model", MODEL, "--out",
                         self.folder / "maps")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        (overlay,) = (self.folder / "maps").iterdir()
        self.expect_png(overlay)

    def test_bad_photos_are_named_and_the_others_done(self) -> None:
        (self.folder / "empty.jpg").touch()
        (self.folder / "text.jpg").write_text("no picture")
        (self.folder / "cut.jpg").write_bytes((IMAGES / "baseline.jpg").read_bytes()[:300])
        bad = [self.folder / "empty.jpg", self.folder / "text.jpg", self.folder / "cut.jpg",
               self.folder / "missing.jpg", IMAGES / "huge.png"]
        result = gradcam("explain", *bad, IMAGES / "baseline.jpg", "--model", MODEL, "--json")
        self.assertEqual(result.returncode, 1)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([line["photo"] for line in lines],
                         [str(path) for path in [*bad, IMAGES / "baseline.jpg"]])
        for line in lines[:-1]:
            self.assertGreater(len(line["error"]["message"]), 10)
        self.assertIn("30000 x 30000", lines[4]["error"]["message"])
        last = lines[-1]
        self.assertAlmostEqual(sum(entry["probability"] for entry in last["top"]), 1, delta=1e-5)
        self.assertEqual(len(last["heatmap"]["values"]),
                         last["heatmap"]["rows"] * last["heatmap"]["cols"])

    def test_an_overlay_that_cannot_be_written_does_not_take_the_answer(self) -> None:
        name = "a" + "ä" * 120 + ".jpg"  # whose 160th byte is in the middle of an ä
        shutil.copy(IMAGES / "baseline.jpg", self.folder / name)
        result = gradcam("explain", self.folder / name, "--model", MODEL, "--out", self.folder)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        (overlay,) = self.folder.glob("*.png")
        self.assertTrue(overlay.name.startswith("a" + "ä" * 79 + "."))
        (label, *_) = json.loads(gradcam("info", MODEL, "--json").stdout)["labels"]
        for options in ([], ["--json"]):
            # A folder in which nobody can make files.
            result = gradcam("explain", IMAGES / "baseline.jpg", "--model", MODEL, "--out", "/proc",
                             *options)
            self.assertEqual(result.returncode, 1)
            self.assertIn("baseline.jpg: /proc/", result.stderr)
            self.assertIn(label, result.stdout)

    def test_all_that_a_folder_leaves_out_is_said(self) -> None:
        photos = self.folder / "photos"
        photos.mkdir()
        shutil.copy(IMAGES / "baseline.jpg", photos)
        for link in ("one", "two"):
            (photos / link).symlink_to(IMAGES)
        result = gradcam("explain", photos, "--model", MODEL, "--json")
        self.assertEqual((result.returncode, len(result.stdout.splitlines())), (1, 2))
        for link in ("one", "two"):
            self.assertIn(f"photos/{link}, a link", result.stdout)

    def test_names_come_by_standard_input(self) -> None:
        names = "".join(f"{IMAGES / name}\n" for name in ("baseline.jpg", "scene.png"))
        result = gradcam("explain", "-", "--model", MODEL, "--json", stdin=names)
        self.assertEqual(result.returncode, 0)
        self.assertEqual([json.loads(line)["photo"] for line in result.stdout.splitlines()],
                         names.split())
        for list_, arguments in ((names.replace("\n", "\r\n"), ()), ("\ufeff" + names, ()),
                                 (names.replace("\n", "\0"), ("--null",))):
            again = gradcam("explain", "-", "--model", MODEL, "--json", *arguments, stdin=list_)
            self.assertEqual(again.returncode, 0, again.stdout)
            self.assertEqual(len(again.stdout.splitlines()), 2)
        folder = os.open(IMAGES, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        result = subprocess.run([GRADCAM, "explain", "-", "--model", MODEL], stdin=folder,
                                capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("standard input", result.stderr)

    def test_any_number_of_threads_and_workers_says_the_same(self) -> None:
        folder = self.folder / "photos"
        folder.mkdir()
        for i in range(9):
            write_bmp(folder / f"{i}.bmp", 15 * i)
            (folder / f"{i}.gif").write_text("no picture")

        def lines(*arguments: object) -> list[dict]:
            result = gradcam("explain", folder, "--model", MODEL, "--json", *arguments)
            self.assertEqual(result.returncode, 1)
            parsed = [json.loads(line) for line in result.stdout.splitlines()]
            for line in parsed:
                line.pop("milliseconds", None)
            return parsed

        alone = lines("--threads", 1)
        self.assertEqual([Path(line["photo"]).name for line in alone],
                         [f"{i}.{end}" for i in range(9) for end in ("bmp", "gif")])
        self.assertEqual(["error" in line for line in alone], [False, True] * 9)
        self.assertGreater(len({line["top"][0]["logit"] for line in alone[::2]}), 1)
        for arguments in ((), ("--threads", 4)):
            self.assertEqual(lines(*arguments), alone, arguments)
        for line, other in zip(alone, lines("--workers", 3)):
            self.assertEqual(line.get("class"), other.get("class"))
            self.assertEqual(line["photo"], other["photo"])

    def test_overlays_among_photos_are_no_photos(self) -> None:
        shutil.copy(IMAGES / "scene.png", self.folder)
        for _ in range(2):
            result = gradcam("explain", self.folder, "--model", MODEL, "--json", "--out",
                             self.folder)
            (line,) = map(json.loads, result.stdout.splitlines())
            self.assertEqual(Path(line["photo"]).name, "scene.png")
        result = gradcam("explain", line["overlay"], "--model", MODEL, "--json")  # but if named
        self.assertEqual(result.returncode, 0)

    def test_what_is_no_overlay_is_not_written_over(self) -> None:
        precious = self.folder / "scene.tiny32 class 1.png".replace(" ", "_")
        precious.write_text("precious")
        for _ in range(2):
            result = gradcam("explain", IMAGES / "scene.png", "--model", MODEL, "--class", 1,
                             "--json", "--out", self.folder)
            self.assertEqual(Path(json.loads(result.stdout)["overlay"]).name,
                             precious.name.replace("scene.", "scene-2."))
            self.assertEqual(precious.read_text(), "precious")
        self.assertEqual(len(list(self.folder.iterdir())), 2)

    def test_overlays_of_earlier_runs_are_replaced_if_they_are_of_the_same_photo(self) -> None:
        for folder in ("a", "b"):
            (self.folder / folder).mkdir()
            write_bmp(self.folder / folder / "rex.bmp", 40 if folder == "a" else 90)
        for folder, name in (("a", "rex"), ("b", "rex-2"), ("b", "rex-2"), ("a", "rex")):
            result = gradcam("explain", self.folder / folder / "rex.bmp", "--model", MODEL,
                             "--class", 1, "--json", "--out", self.folder / "maps")
            overlay = Path(json.loads(result.stdout)["overlay"])
            self.assertEqual(overlay.name.split(".")[0], name)
        self.assertEqual(len(list((self.folder / "maps").iterdir())), 2)

    def test_several_classes(self) -> None:
        photo = IMAGES / "scene.png"

        def line(*arguments: object) -> dict:
            result = gradcam("explain", photo, "--model", MODEL, "--json", *arguments)
            self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
            return json.loads(result.stdout)

        labels = [entry["label"] for entry in line()["top"]]
        self.assertEqual(len(labels), 3)
        alone = {label: line("--class", label) for label in labels}
        for names, expected in (
            (f"{labels[2]},{labels[0]}", [labels[2], labels[0]]),
            ("all", labels), ("top:2", labels[:2]), ("top:9", labels),
            (f"{labels[1]},top,{labels[1]}", [labels[1], labels[0]]),
        ):
            for method in ("gradcam", "layercam"):
                several = line("--class", names, "--method", method)
                self.assertEqual([each["class"] for each in several["maps"]], expected, names)
                for field in ("class", "heatmap"):
                    self.assertEqual(several[field], several["maps"][0][field])
                if method == "gradcam":
                    for each in several["maps"]:
                        self.assertEqual(each["heatmap"], alone[each["class"]]["heatmap"])
        several = line("--class", "all", "--out", self.folder)
        overlays = {each["class"]: Path(each["overlay"]) for each in several["maps"]}
        self.assertEqual(several["overlay"], str(overlays[several["class"]]))
        self.assertEqual(set(self.folder.iterdir()), set(overlays.values()))
        for label, overlay in overlays.items():
            self.assertEqual(overlay.name, f"scene.{label.replace(' ', '_')}.png")
        self.assertEqual([each["class"] for each in line("--class", "all", "--workers", 2)["maps"]],
                         labels)
        for names in ("top", "top:1", labels[0]):
            self.assertNotIn("maps", line("--class", names))
        said = gradcam("explain", photo, "--model", MODEL, "--class", "all", "--out", self.folder)
        for label, overlay in overlays.items():
            self.assertIn(f"where it looked for {label}: {overlay}", said.stdout)

    def test_maps_by_several_methods(self) -> None:
        photo = IMAGES / "scene.png"
        methods = ["layercam", "gradcam++", "guided-backprop", "ablationcam", "scorecam"]
        layers = ["block5_conv3", "block5_conv3", "input", "block5_conv3", "block5_conv3"]

        def line(*arguments: object) -> dict:
            result = gradcam("explain", photo, "--model", MODEL, "--json", *arguments)
            self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
            return json.loads(result.stdout)

        for workers in (1, 2):
            alone = [line("--method", method, "--class", "all", "--workers", workers)
                     for method in methods]
            several = line("--method", ",".join(methods), "--class", "all", "--workers", workers)
            self.assertEqual([(each["method"], each["layer"], each["class"])
                              for each in several["maps"]],
                             [(method, layer, each["class"])
                              for method, layer, of_one in zip(methods, layers, alone)
                              for each in of_one["maps"]])
            for field in ("class", "method", "layer", "box", "heatmap"):
                self.assertEqual(several[field], several["maps"][0][field])
            maps = [each for of_one in alone for each in of_one["maps"]]
            for each, expected in zip(several["maps"], maps, strict=True):
                self.assertEqual(each["heatmap"]["status"], expected["heatmap"]["status"])
                for value, other in zip(each["heatmap"]["values"], expected["heatmap"]["values"],
                                        strict=True):
                    self.assertAlmostEqual(value, other, places=5, msg=each["method"])
        out = self.folder / "maps"
        several = line("--method", "Grad-CAM,layercam,gradcam", "--out", out)
        self.assertEqual([each["method"] for each in several["maps"]], ["gradcam", "layercam"])
        label = several["class"].replace(" ", "_")
        names = [f"scene.{label}.gradcam.png", f"scene.{label}.layercam.png"]
        self.assertEqual([each["overlay"] for each in several["maps"]],
                         [str(out / name) for name in names])
        self.assertEqual(sorted(path.name for path in out.iterdir()), names)
        self.assertEqual(len(line("--method", "all")["maps"]), 16)
        said = gradcam("explain", photo, "--model", MODEL, "--method", "gradcam,layercam", "--out",
                       out).stdout
        for title, name in zip(("Grad-CAM", "LayerCAM"), names):
            self.assertIn(f"where it looked for {several['class']}, by {title}: {out / name}", said)

    def test_other_spellings_of_a_label(self) -> None:
        (self.folder / "names.txt").write_text("golden_retriever\nShih-Tzu\npug\n")
        model = self.folder / "m.safetensors"
        gradcam("convert", MODEL, model, "--labels", self.folder / "names.txt")
        result = gradcam("explain", IMAGES / "scene.png", "--model", model, "--json", "--class",
                         "Golden retriever, shih tzu,2")
        self.assertEqual([each["class"] for each in json.loads(result.stdout)["maps"]],
                         ["golden_retriever", "Shih-Tzu", "pug"])
        photos = self.folder / "photos"
        for name in ("Golden Retriever", "PUG", "lynx"):
            (photos / name).mkdir(parents=True)
            shutil.copy(IMAGES / "scene.png", photos / name)
        result = gradcam("evaluate", photos, "--model", model, "--json")
        self.assertEqual([each["photos"] for each in json.loads(result.stdout)["per_class"]],
                         [1, 0, 1])
        self.assertIn('photos/lynx: left out; the model has no class "lynx"', result.stderr)

    def test_other_spellings_of_a_method(self) -> None:
        for written, method, layer in (("Grad-CAM++", "gradcam++", "block5_conv3"),
                                       ("HiResCAM", "hirescam", "block5_conv3"),
                                       ("guided_backprop", "guided-backprop", "input")):
            result = gradcam("explain", IMAGES / "scene.png", "--model", MODEL, "--json",
                             "--method", written)
            self.assertEqual((result.returncode, result.stderr), (0, ""), written)
            line = json.loads(result.stdout)
            self.assertEqual((line["method"], line["layer"]), (method, layer))

    def test_other_spellings_of_a_choice(self) -> None:
        model = self.folder / "small.safetensors"
        result = gradcam("convert", MODEL, model, "--dtype", "INT8")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("small.safetensors: int8, ", result.stdout)
        overlays = []
        for colormap in ("viridis", "Viridis"):
            result = gradcam("explain", IMAGES / "scene.png", "--model", MODEL, "--json", "--smooth",
                             "Flip,eigen", "--colormap", colormap, "--out", self.folder / colormap)
            overlays.append(Path(json.loads(result.stdout)["overlay"]).read_bytes())
        self.assertEqual(*overlays)

    def test_only_what_was_warmest_is_shown(self) -> None:
        def overlay(*options: str) -> bytes:
            folder = self.folder / "".join(options)
            result = gradcam("explain", IMAGES / "scene.png", "--model", MODEL, "--json", "--out",
                             folder, *options)
            return Path(json.loads(result.stdout)["overlay"]).read_bytes()

        every, some, none = overlay(), overlay("--threshold", "0.5"), overlay("--alpha", "0")
        self.assertEqual(len({every, some, none}), 3)
        self.assertEqual(overlay("--threshold", "0"), every)

    def test_other_spellings_of_a_layer(self) -> None:
        result = gradcam("explain", IMAGES / "scene.png", "--model", MODEL, "--json", "--layer",
                         "Block5-Conv3,block5_pool,block5_conv3")
        self.assertEqual(json.loads(result.stdout)["layer"], "block5_conv3,block5_pool")
        result = gradcam("explain", IMAGES / "scene.png", "--model", MODEL, "--layer", "features.29")
        self.assertEqual(result.returncode, 2)
        self.assertIn("block5_conv3 in torchvision's vgg16", result.stderr)

    def test_labels_with_commas_can_be_named(self) -> None:
        names = ["tench, Tinca tinca", "tench", "pug, pug-dog"]
        (self.folder / "names.txt").write_text("".join(f"{name}\n" for name in names))
        model = self.folder / "m.safetensors"
        gradcam("convert", MODEL, model, "--labels", self.folder / "names.txt")
        for asked, expected in ((names[0], [0]), (f"tench,{names[2]}", [1, 2]),
                                (",".join(names), [0, 1, 2])):
            result = gradcam("explain", IMAGES / "scene.png", "--model", model, "--json",
                             "--class", asked)
            self.assertEqual((result.returncode, result.stderr), (0, ""), asked)
            line = json.loads(result.stdout)
            self.assertEqual([each["class"] for each in line.get("maps", [line])],
                             [names[index] for index in expected])

    def test_all_channels_are_tried_if_wanted(self) -> None:
        """Of a block5_conv3 that has more than the usual 32."""
        channels, inputs, outputs = 40, 9, 17
        tensors, metadata = read_tensors(MODEL)
        numbers = random.Random(1)
        for name, shape, scale in (("block5_conv3.weight", [channels, 3, 3, inputs], 0.3),
                                   ("block5_conv3.bias", [channels], 0.3),
                                   ("fc1.weight", [outputs, channels], 0.5)):
            values = [numbers.gauss(0, scale) for _ in range(math.prod(shape))]
            tensors[name] = (shape, values)
        model = self.folder / "wide.safetensors"
        write_tensors(model, tensors, metadata)

        def heatmap(*arguments: object) -> dict:
            result = gradcam("explain", IMAGES / "scene.png", "--model", model, "--json",
                             "--method", "scorecam", *arguments)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            return json.loads(result.stdout)["heatmap"]

        every = heatmap("--channels", channels)
        self.assertEqual(heatmap("--channels", "all"), every)
        self.assertEqual(heatmap(), heatmap("--channels", 32))
        self.assertNotEqual(heatmap(), every)

    def test_options_are_for_the_methods_that_have_a_use_for_them(self) -> None:
        def maps(*arguments: object) -> list[tuple[str, dict]]:
            result = gradcam("explain", IMAGES / "scene.png", "--model", MODEL, "--json",
                             *arguments)
            self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
            line = json.loads(result.stdout)
            return [(each["layer"], each["heatmap"]) for each in line.get("maps", [line])]

        for with_use, without, option in (
            ("scorecam", "gradcam", ("--channels", 3)),
            ("layercam", "occlusion", ("--layer", "block3_conv3")),
            ("gradcam", "eigencam", ("--smooth", "eigen")),
        ):
            for workers in (1, 2):
                alone = ("--workers", workers)
                both = maps("--method", f"{with_use},{without}", *option, *alone)
                each = [*maps("--method", with_use, *option, *alone),
                        *maps("--method", without, *alone)]
                for (layer, heatmap), (own_layer, own) in zip(both, each, strict=True):
                    self.assertEqual((layer, heatmap["rows"]), (own_layer, own["rows"]))
                    for value, other in zip(heatmap["values"], own["values"], strict=True):
                        self.assertAlmostEqual(value, other, places=5, msg=option)
            self.assertNotEqual(maps("--method", with_use, *option), maps("--method", with_use))
        layers = [layer for layer, _ in maps("--method", "all", "--layer", "block3_conv3")]
        self.assertEqual(set(layers), {"block3_conv3", "input"})

    def test_options_without_a_use_are_refused(self) -> None:
        photo = IMAGES / "baseline.jpg"
        for options, says in ((["--json", "--colormap", "jet"], "--out"), (["-0"], "standard input"),
                              (["--channels", "3"], "--channels"),
                              (["--method", "scorecam", "--channels", "0"], "--channels")):
            result = gradcam("explain", photo, "--model", MODEL, *options)
            self.assertEqual(result.returncode, 2, result.stdout)
            self.assertIn(says, result.stderr)

    def test_a_folder_for_overlays_that_cannot_be_made_is_an_error_at_once(self) -> None:
        (self.folder / "file").touch()
        result = gradcam("explain", IMAGES / "scene.png", IMAGES / "scene.png", "--model", MODEL,
                         "--out", self.folder / "file")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_links_in_a_folder(self) -> None:
        photos = self.folder / "photos"
        photos.mkdir()
        (photos / "scene.png").symlink_to(IMAGES / "scene.png")
        (photos / "gone.png").symlink_to("nowhere.png")
        (photos / "round.png").symlink_to("round.png")
        (photos / "folder").symlink_to(IMAGES)
        result = gradcam("explain", photos, "--model", MODEL, "--json")
        self.assertEqual(result.returncode, 1)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        failed = {Path(line["photo"]).name for line in lines if "error" in line}
        self.assertEqual(failed, {"gone.png", "round.png", "photos"})
        self.assertIn("folder, a link", lines[-1]["error"]["message"])
        self.assertEqual(len(lines), 4)

    def test_overlays_of_one_name_are_numbered_in_the_order_of_the_photos(self) -> None:
        for i in range(6):
            (self.folder / f"p/{i}").mkdir(parents=True)
            write_bmp(self.folder / f"p/{i}/rex.bmp", 20 * i)
        result = gradcam("explain", self.folder / "p", "--model", MODEL, "--class", 1, "--json",
                         "--threads", 4, "--out", self.folder / "maps")
        self.assertEqual(result.returncode, 0, result.stderr)
        names = [Path(json.loads(line)["overlay"]).name for line in result.stdout.splitlines()]
        stems = [name.split(".")[0] for name in names]
        self.assertEqual(stems, ["rex", *(f"rex-{i}" for i in range(2, 7))])
        self.assertEqual({path.name for path in (self.folder / "maps").iterdir()}, set(names))

    def test_overlays_of_long_names_can_be_written(self) -> None:
        """As long as names of photos, labels and methods may be, and several of each."""
        (self.folder / "names.txt").write_text("".join(f"{i}{'ä' * 60}\n" for i in range(3)))
        model = self.folder / "m.safetensors"
        gradcam("convert", MODEL, model, "--labels", self.folder / "names.txt")
        for i in range(3):
            (self.folder / f"p/{i}").mkdir(parents=True)
            write_bmp(self.folder / f"p/{i}/{'ü' * 125}.bmp", 40 * i)
        result = gradcam("explain", self.folder / "p", "--model", model, "--class", "all", "--json",
                         "--method", "gradcam,gradcam-tutorial", "--out", self.folder / "maps")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        names = {path.name for path in (self.folder / "maps").iterdir()}
        self.assertEqual(len(names), 3 * 3 * 2)
        for name in names:
            stem, label, method, _ = name.split(".")
            self.assertRegex(stem, "^ü{50,}(-[23])?$")
            self.assertRegex(label, "^[012]ä{30,}$")
            self.assertIn(method, ("gradcam", "gradcam-tutorial"))

    def test_a_part_of_the_photo(self) -> None:
        photo = IMAGES / "scene.png"

        def line(*arguments: object) -> dict:
            result = gradcam("explain", photo, "--model", MODEL, "--json", *arguments)
            self.assertEqual(result.returncode, 0, result.stderr)
            parsed = json.loads(result.stdout)
            del parsed["milliseconds"]
            return parsed

        whole = line()
        width, height = whole["width"], whole["height"]
        part = line("--crop", f"3.5,2,{width / 2},{height / 2}")
        self.assertEqual(part["crop"], {"x": 3.5, "y": 2, "width": width / 2, "height": height / 2})
        self.assertNotEqual(part["top"][0]["logit"], whole["top"][0]["logit"])
        usual = ",".join(str(value) for value in whole["crop"].values())
        self.assertEqual(line("--crop", usual), whole)

        closer = line("--closer")
        crop = closer["crop"]
        self.assertEqual(crop["width"], crop["height"])
        self.assertLess(crop["width"], whole["crop"]["width"])
        self.assertEqual(line("--crop", ",".join(str(value) for value in crop.values())), closer)

    def test_the_box_is_around_what_is_warm(self) -> None:
        result = gradcam("explain", IMAGES / "scene.png", "--model", MODEL, "--json")
        line = json.loads(result.stdout)
        heatmap, crop = line["heatmap"], line["crop"]
        rows, cols, values = heatmap["rows"], heatmap["cols"], heatmap["values"]
        # Zhou et al. 2016: what is connected with the maximum at a fifth of it or more.
        found, open_ = set(), [divmod(values.index(max(values)), cols)]
        while open_:
            row, col = cell = open_.pop()
            is_cell = 0 <= row < rows and 0 <= col < cols
            if cell in found or not is_cell or values[row * cols + col] < 0.2:
                continue
            found.add(cell)
            open_ += [(row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)]
        ys, xs = zip(*found)
        width, height = crop["width"] / cols, crop["height"] / rows
        self.assertEqual(line["box"], {
            "x": crop["x"] + width * min(xs), "y": crop["y"] + height * min(ys),
            "width": width * (max(xs) - min(xs) + 1), "height": height * (max(ys) - min(ys) + 1)})

    def test_lists_leave_the_photos_alone(self) -> None:
        photos = [IMAGES / "scene.png", IMAGES / "baseline.jpg"]
        for arguments in (("--layer", "block4_conv3,block5_conv3"), ("--smooth", "flip,eigen"),
                          ("--crop", "1,2,20,20")):
            result = gradcam("explain", "--json", "--model", MODEL, *arguments, *photos)
            self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
            self.assertEqual([json.loads(line)["photo"] for line in result.stdout.splitlines()],
                             [str(photo) for photo in photos])

    def test_output_that_does_not_arrive_is_a_failure(self) -> None:
        full = Path("/dev/full")
        if not full.exists():
            self.skipTest("this system has no /dev/full")
        for arguments in (("info", MODEL), ("info", MODEL, "--json"),
                          ("explain", IMAGES / "scene.png", "--model", MODEL, "--json")):
            with full.open("w") as output:
                result = subprocess.run([GRADCAM, *map(str, arguments)], stdout=output,
                                        stderr=subprocess.PIPE, text=True, timeout=120, check=False)
            self.assertEqual(result.returncode, 1, arguments)
            self.assertIn("cannot be written", result.stderr)

    def test_what_cannot_be_reached_is_not_said_to_be_missing(self) -> None:
        for one, other in (("a", "b"), ("b", "a")):
            (self.folder / one).symlink_to(self.folder / other)
        loop = self.folder / "a"
        for arguments in (("explain", loop), ("info", loop),
                          ("evaluate", self.folder, "--model", MODEL, "--masks", loop)):
            result = gradcam(*arguments)
            self.assertNotEqual(result.returncode, 0, arguments)
            self.assertIn(f"{loop}: it cannot be reached: ", result.stderr)

    def test_photos_that_are_too_much(self) -> None:
        with (self.folder / "a.jpg").open("wb") as large:
            large.write((IMAGES / "baseline.jpg").read_bytes())
            large.truncate(3 << 30)
        write_png_data(self.folder / "b.png", 1, 1, 3, bytes(64 << 20))
        shutil.copy(IMAGES / "scene.png", self.folder / "c.png")
        result = gradcam("explain", self.folder, "--model", MODEL, "--json")
        self.assertEqual(result.returncode, 1)
        large, bomb, scene = map(json.loads, result.stdout.splitlines())
        self.assertIn("2 GiB", large["error"]["message"])
        self.assertEqual(bomb["error"]["code"], "corrupt_image")
        self.assertIn("unpack", bomb["error"]["message"])
        self.assertIn("top", scene)

    def test_what_is_no_photo_is_not_read_to_its_end(self) -> None:
        endless = Path("/dev/zero")
        if not endless.exists():
            self.skipTest("this system has no /dev/zero")
        result = gradcam("explain", endless, IMAGES / "scene.png", "--model", MODEL, "--json")
        zero, scene = map(json.loads, result.stdout.splitlines())
        self.assertEqual(zero["error"]["code"], "corrupt_image")
        self.assertIn("top", scene)

    def test_a_part_that_a_photo_does_not_have(self) -> None:
        write_bmp(self.folder / "large.bmp", 90)  # 40 x 40
        photos = [IMAGES / "scene.png", self.folder / "large.bmp"]  # 40 x 29
        result = gradcam("explain", *photos, "--model", MODEL, "--json", "--crop", "5,5,30,30")
        self.assertEqual(result.returncode, 1)
        scene, large = map(json.loads, result.stdout.splitlines())
        self.assertIn("30 x 30 at (5, 5)", scene["error"]["message"])
        self.assertIn("40 x 29 pixels", scene["error"]["message"])
        self.assertIn("top", large)
        for wrong in ("0,0,0,10", "-1,0,10,10", "1,2,3", "1,2,3,4,5", "a,b,c,d", "nan,0,10,10"):
            result = gradcam("explain", photos[0], "--model", MODEL, f"--crop={wrong}")
            self.assertEqual(result.returncode, 2, wrong)

    def test_bad_usage(self) -> None:
        photo = IMAGES / "baseline.jpg"
        for arguments, said in (
            (("explain", photo, "--model", MODEL, "--class", "lynx"), "lynx"),
            (("explain", photo, "--model", MODEL, "--class", 3), "3"),
            (("explain", photo, "--model", MODEL, "--class", "0,lynx"), '"lynx"'),
            (("explain", photo, "--model", MODEL, "--class", "0,,1"), 'no class ""'),
            (("explain", photo, "--model", MODEL, "--class", "top:0"), '"top:0"'),
            (("explain", photo, "--model", MODEL, "--class", "top:two"), '"top:two"'),
            (("explain", photo, "--method", "guess"), "gradcam"),
            (("explain", photo, "--method", "gradcam,guess"), 'no method is named "guess"'),
            (("explain", photo, "--method", "gradcam,layercam", "--channels", 3),
             "--channels is of no use to gradcam, layercam"),
            (("explain", photo, "--method", "occlusion,guided-backprop", "--layer", "block3_conv3"),
             "--layer is of no use to occlusion, guided-backprop"),
            (("explain", photo, "--method", "eigencam", "--smooth", "eigen"),
             "--smooth eigen is of no use to eigencam"),
            ((), "a command is expected: explain, "),
            (("dance",), '"dance"; there are explain, '),
            (("--dance",), "no option --dance in front of a command; gradcam --help"),
            (("--epochs", 3, "explain", photo),
             "no option --epochs in front of a command; gradcam finetune has it"),
            (("explain",), "photo is missing: Photos, folders"),
            (("explain", ""), "photo: it is given, but empty"),
            (("convert", MODEL), "out is missing: The new safetensors file"),
            (("finetune", self.folder), "--out is missing: "),
            (("explain", photo, "--dance=1"), "explain has no option --dance; gradcam explain -"),
            (("finetune", self.folder, "--out", "x", "--class", "y"),
             "finetune has no option --class; gradcam explain has it"),
            (("explain", photo, "--masks", "x"), "--masks; gradcam evaluate has it"),
            (("info", MODEL, MODEL), "is one argument too many"),
            (("info", MODEL, "--", MODEL), "is one argument too many"),
            (("explain", photo, "--method"), "--method: a value is expected"),
            (("explain", photo, "--out", "a", "--out", "b"), "--out: it is given twice"),
            (("explain", photo, "--top", "x"), '--top: a whole number is expected, not "x"'),
            (("explain", photo, "--top", 1.5), '--top: a whole number is expected, not "1.5"'),
            (("explain", photo, "--top", 10**22), "--top: a whole number below 2^64 is expected, not"),
            (("explain", photo, "--top="), '--top: a whole number is expected, not ""'),
            (("explain", photo, "--workers", 1.5), "--workers: a whole number is expected"),
            (("explain", photo, "--workers", 9), "--workers: a number from 1 to 8 is expected"),
            (("explain", photo, "--alpha", "0.5x"), "--alpha: a number from 0 to 1 is expected"),
            (("explain", photo, "--threshold", 2), "--threshold: a number from 0 to 1 is expected"),
            (("explain", photo, "--crop", "1,2,3,x"), '--crop: a finite number is expected, not "x'),
            (("explain", photo, "--crop", "1,2,3"), "--crop: four numbers"),
            (("explain", photo, "--crop", "1,2,3,0"), "--crop: X and Y are 0 or more"),
            (("explain", photo, "--crop=-1,2,3,4"), "--crop: X and Y are 0 or more"),
            (("explain", photo, "--crop", "1,,2,3,4"), "--crop: there is nothing before or after"),
            (("explain", "--method", ",", photo), '--method: there is nothing before or after a comma in ","'),
            (("explain", photo, "--method", "gradcam,"), "--method: there is nothing before or"),
            (("explain", photo, "--smooth", "x"), '--smooth: one of flip, eigen is expected, not "x"'),
            (("convert", MODEL, "x", "--dtype="), '--dtype: one of f32, f16, int8, int4 is expected'),
            (("evaluate", self.folder, "--method", "gradcam"), "--method requires --explain"),
            (("bench", "--repeat", "x"), '--repeat: a number from 1 to 10000 is expected, '),
            (("explain", photo, "--model", ""), "--model"),
            (("explain", "--model=", photo), "--model: it is given, but empty"),
            (("explain", "--json", "--out=", photo), "--out: it is given, but empty"),
            (("explain", "--smooth=", photo), "--smooth"),
            (("evaluate", "--masks=", self.folder), "--masks: it is given, but empty"),
            (("explain", photo, "--alpha", "nan"), "nan"),
            (("explain", photo, "--top", -1), "-1"),
            (("finetune", self.folder, "--out", "x", "--learning-rate", "inf"), "inf"),
            (("finetune", self.folder, "--out", "x", "--learning-rate", 0), "above 0"),
        ):
            result = gradcam(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertRegex(result.stderr, "^gradcam: .*\n$", arguments)
            self.assertIn(said, result.stderr)
            self.assertEqual(result.stdout, "")

    def test_a_number_may_begin_with_0(self) -> None:
        """Where the parser takes 010 for 8."""
        photo = IMAGES / "baseline.jpg"
        result = gradcam("explain", photo, "--model", MODEL, "--json", "--top", "03", "--workers",
                         "0000000002")
        self.assertEqual(len(json.loads(result.stdout)["top"]), 3, result.stderr)
        result = gradcam("explain", photo, "--model", MODEL, "--json", "--workers", "08")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_terminal_is_not_told_what_to_do_by_a_name(self) -> None:
        red = "\x1b[31m\u009b1m.png"
        good, bad = self.folder / f"dog{red}", self.folder / f"text{red}"
        shutil.copy(IMAGES / "scene.png", good)
        bad.write_text("no picture")
        result = gradcam("explain", good, bad, "--model", MODEL, "--out", self.folder)
        self.assertEqual(result.returncode, 1)
        for said, name in ((result.stdout, "dog"), (result.stderr, "text")):
            self.assertIn(f"{name}?[31m?1m.png", said)
            self.assertFalse([c for c in said if not c.isprintable() and c != "\n"], said)

    def test_a_photo_may_be_named_like_an_empty_option(self) -> None:
        photo = self.folder / "--out="
        shutil.copy(IMAGES / "scene.png", photo)
        result = subprocess.run([GRADCAM, "explain", "--model", MODEL, "--json", "--", photo.name],
                                cwd=self.folder, capture_output=True, text=True, timeout=120,
                                check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(json.loads(result.stdout)["photo"], photo.name)

    def test_photos_may_be_on_both_sides_of_what_ends_the_options(self) -> None:
        for name in ("a.png", "-b.png", "--json"):
            shutil.copy(IMAGES / "scene.png", self.folder / name)
        for arguments in (("a.png", "--json", "--", "-b.png", "--json"),
                          ("--json", "--top", "1", "--", "a.png", "-b.png", "--json"),
                          ("--json", "a.png", "--top", "1", "--", "-b.png", "--json")):
            result = subprocess.run([GRADCAM, "explain", "--model", MODEL, *arguments],
                                    cwd=self.folder, capture_output=True, text=True, timeout=120,
                                    check=False)
            self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
            self.assertEqual([json.loads(line)["photo"] for line in result.stdout.splitlines()],
                             ["a.png", "-b.png", "--json"])

    def test_what_does_not_exist_is_answered_with_what_does(self) -> None:
        photo = IMAGES / "baseline.jpg"
        known = {"--layer": ["block1_conv1", "block4_conv3", "block5_conv3", "block5_pool"],
                 "--method": ["gradcam", "layercam", "occlusion", "guided-gradcam"]}
        for option, names in known.items():
            for wrong in ("block6_conv1", "", "fc1"):
                result = gradcam("explain", photo, "--model", MODEL, option, wrong)
                self.assertEqual(result.returncode, 2, (option, wrong))
                for name in names:
                    self.assertIn(name, result.stdout + result.stderr, (option, wrong))
        for index in (3, 99999999999999999999, -1):
            result = gradcam("explain", photo, "--model", MODEL, "--class", index)
            self.assertEqual(result.returncode, 2, index)
            self.assertIn(str(index), result.stderr)

    def test_a_model_without_a_layer_is_refused_by_its_name(self) -> None:
        header, data = read_safetensors(MODEL)
        # Another name for the layer leaves the file whole, but not the network.
        for part in ("weight", "bias"):
            header[f"block5_conv9.{part}"] = header.pop(f"block5_conv3.{part}")
        broken = self.folder / "without.safetensors"
        write_safetensors(broken, header, data)
        result = gradcam("explain", IMAGES / "baseline.jpg", "--model", broken)
        self.assertEqual(result.returncode, 1)
        for said in ("without.safetensors", "block5_conv9"):
            self.assertIn(said, result.stderr)

    def test_an_empty_map_is_said_to_be_one(self) -> None:
        # Its class 0 depends on nothing.
        model = TESTS / "oracle/fixtures/tiny_empty.keras.safetensors"
        arguments = ("explain", IMAGES / "scene.png", "--model", model, "--class", 0)
        for method in ("gradcam", "hirescam", "ablationcam", "scorecam", "eigengradcam",
                       "guided-backprop", "occlusion"):
            result = gradcam(*arguments, "--method", method, "--json")
            self.assertEqual(result.returncode, 0, result.stderr)
            heatmap = json.loads(result.stdout)["heatmap"]
            if method == "scorecam":  # whose weights are never zero
                self.assertEqual(heatmap["status"], "ok")
                self.assertEqual(max(heatmap["values"]), 1)
                continue
            self.assertEqual((heatmap["status"], heatmap["maximum"]), ("empty", 0), method)
            self.assertEqual(set(heatmap["values"]), {0}, method)
        said = gradcam(*arguments, "--out", self.folder).stdout
        self.assertIn("no evidence", said)

    def test_models_that_are_none(self) -> None:
        (self.folder / "m.safetensors").write_bytes(MODEL.read_bytes()[:-1])
        (self.folder / "text.safetensors").write_text("no model, but a text of some length")
        for name in ("m.safetensors", "text.safetensors", "missing.safetensors"):
            for arguments in (("explain", IMAGES / "baseline.jpg", "--model"), ("info",)):
                result = gradcam(*arguments, self.folder / name)
                self.assertEqual(result.returncode, 1, (arguments, name))
                self.assertIn(name, result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
