"""`gradcam convert` as people meet it: `convert_test.py PATH/TO/gradcam` (run by ctest). What it
computes is tested in tests/unit."""
from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from support import GRADCAM, default_signals, read_tensors, write_tensors

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests/oracle/fixtures"

DOGS = {"beagle": 162, "pug": 254, "pomeranian": 259}  # some of the fifteen


class Convert(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.out = self.folder / "out.safetensors"

    def run_convert(self, *arguments: object) -> subprocess.CompletedProcess:
        command = [GRADCAM, "convert", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def expect_failure(self, *arguments: object, says: list[str], status: int = 1) -> None:
        before = sorted(self.folder.iterdir())
        result = self.run_convert(*arguments)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        for text in says:
            self.assertIn(text, result.stderr)
        self.assertEqual(sorted(self.folder.iterdir()), before, "something was left behind")

    def info(self, model: Path) -> dict:
        command = [GRADCAM, "info", str(model), "--json"]
        return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    def imagenet_model(self) -> Path:
        """A tiny VGG16 of torchvision's names and 1000 classes; row i of its head is all i."""
        tensors, metadata = read_tensors(FIXTURES / "tiny64.torchvision.safetensors")
        rows = [float(row) for row in range(1000)]
        tensors["classifier.6.weight"] = ([1000, 18], [row for row in rows for _ in range(18)])
        tensors["classifier.6.bias"] = ([1000], [-row for row in rows])
        path = self.folder / "imagenet.safetensors"
        write_tensors(path, tensors, metadata)
        return path

    @unittest.skipIf(os.name == "nt", "files have no such permissions there")
    def test_a_file_that_is_replaced_stays_as_private_as_it_was(self) -> None:
        out = self.folder / "mine.safetensors"
        out.touch(mode=0o600)
        self.assertEqual(self.run_convert(ROOT / "weights/default.safetensors", out).returncode, 0)
        self.assertGreater(out.stat().st_size, 0)
        self.assertEqual(out.stat().st_mode & 0o777, 0o600)

    def test_every_dtype_is_written_and_read(self) -> None:
        model = FIXTURES / "tiny64.torchvision.safetensors"
        expected = {"f32": "F32", "f16": "F16", "int8": "I8", "int4": "I8"}
        for dtype, layer in expected.items():
            result = self.run_convert(model, self.out, "--dtype", dtype)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(dtype, result.stdout)
            info = self.info(self.out)
            self.assertEqual(info["layers"][12]["name"], "block5_conv3")
            self.assertEqual(info["layers"][12]["dtype"], layer)
            self.assertEqual(info["preprocess"]["size"], 64)
        self.assertEqual(sorted(self.folder.iterdir()), [self.out])

    def test_numbers_stay_as_they_are_unless_others_are_asked_for(self) -> None:
        labels = self.folder / "labels.txt"
        labels.write_text("".join(f"breed {i}\n" for i in range(15)) + "\n\n")
        model = self.folder / "model.safetensors"
        for dtype in ("f32", "f16", "int8"):
            self.run_convert(FIXTURES / "tiny64.torchvision.safetensors", model, "--dtype", dtype)
            result = self.run_convert(model, self.out, "--labels", labels)
            self.assertEqual(result.returncode, 0, result.stderr)
            before, after = self.info(model), self.info(self.out)
            self.assertEqual([layer["dtype"] for layer in after["layers"]],
                             [layer["dtype"] for layer in before["layers"]])
            self.assertEqual(after["labels"][14], "breed 14")
            # A last layer that was trained on the one is one for the other.
            self.assertEqual(after["fingerprint"], before["fingerprint"])

    def test_dogs_of_imagenet(self) -> None:
        model = self.imagenet_model()
        result = self.run_convert(model, self.out, "--head", "imagenet-dogs")
        self.assertEqual(result.returncode, 0, result.stderr)
        tensors, metadata = read_tensors(self.out)
        labels = json.loads(metadata["labels"])
        self.assertEqual(labels, (ROOT / "weights/labels.txt").read_text().split())
        for breed, index in DOGS.items():
            row = labels.index(breed)
            weights = tensors["predictions.weight"][1][row * 18 : (row + 1) * 18]
            self.assertEqual(weights, [float(index)] * 18)
            self.assertEqual(tensors["predictions.bias"][1][row], -index)
        # The other classes are what it may be else, in their order.
        kept = {-bias for bias in tensors["predictions.bias"][1]}
        rest = [index for index in range(1000) if index not in kept]
        self.assertEqual(len(rest), 985)
        self.assertEqual(tensors["others.weight"][1][::18], [float(index) for index in rest])
        self.assertEqual(tensors["others.bias"][1], [-float(index) for index in rest])
        self.assertEqual(metadata["others"], "something else")
        self.expect_failure(
            self.out, self.folder / "b", "--head", "imagenet-dogs", says=["1000 classes", "has 15"],
            status=2,
        )

    def test_labels(self) -> None:
        model = FIXTURES / "tiny32.keras.safetensors"
        labels = self.folder / "labels.txt"
        labels.write_bytes("dackel\r\nspitz\r\nköter".encode())
        result = self.run_convert(model, self.out, "--labels", labels)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.info(self.out)["labels"], ["dackel", "spitz", "köter"])
        self.out.unlink()
        labels.write_bytes(b"\xef\xbb\xbfdackel\nspitz\npudel\n")  # as some editors begin a text
        result = self.run_convert(model, self.out, "--labels", labels)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.info(self.out)["labels"], ["dackel", "spitz", "pudel"])
        self.out.unlink()
        labels.write_bytes(b"k\xf6ter\nspitz\npudel\n")
        self.expect_failure(model, self.out, "--labels", labels, says=["labels.txt", "not UTF-8"], status=2)
        labels.write_text("a\nb\n" + "c" * (1 << 20))
        self.expect_failure(model, self.out, "--labels", labels, says=["labels.txt", "1 MiB"], status=2)
        for text, fault in {
            "a\nb\n": ["2 labels", "3 classes"],
            "a\nb\nc\nd\n": ["4 labels", "3 classes"],
            "a\n\nc\n": ["line 2 is empty"],
            "a\nb\na\n": ["line 3 repeats line 1"],
            "": ["names no classes"],
        }.items():
            labels.write_text(text)
            self.expect_failure(model, self.out, "--labels", labels, says=["labels.txt", *fault], status=2)
        self.expect_failure(
            model, self.out, "--labels", self.folder / "none", says=["none", "no such file"]
        )

    def test_all_classes_of_imagenet_share_the_softmax(self) -> None:
        model = self.imagenet_model()
        self.assertEqual(self.info(model)["labels"][207], "golden_retriever")
        for dtype in ("f32", "int8", "int4"):
            result = self.run_convert(model, self.out, "--head", "imagenet-dogs", "--dtype", dtype)
            self.assertEqual(result.returncode, 0, result.stderr)
            info = self.info(self.out)
            self.assertEqual((info["classes"], info["others"]), (15, "something else"))
            self.assertEqual(info["layers"][15]["weight"][0], 1000)

    def test_labels_for_a_file_whose_own_do_not_fit(self) -> None:
        tensors, metadata = read_tensors(FIXTURES / "tiny32.keras.safetensors")
        model = self.folder / "model.safetensors"
        write_tensors(model, tensors, metadata | {"labels": '["a"]'})
        self.expect_failure(model, self.out, says=["1 labels", "3 outputs"])
        labels = self.folder / "labels.txt"
        labels.write_text("a\nb\nc\n")
        result = self.run_convert(model, self.out, "--labels", labels)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_never_writes_over_what_it_reads(self) -> None:
        model = self.folder / "model.safetensors"
        model.write_bytes((FIXTURES / "tiny32.keras.safetensors").read_bytes())
        link = self.folder / "link.safetensors"
        link.symlink_to(model)
        before = model.read_bytes()
        for name in (model, link, self.folder / "." / "model.safetensors"):
            self.expect_failure(model, name, says=["choose another name"], status=2)
        self.assertEqual(model.read_bytes(), before)
        labels = self.folder / "labels.txt"
        labels.write_text("a\nb\nc\n")
        self.expect_failure(model, labels, "--labels", labels, says=["choose another name"],
                            status=2)
        self.assertEqual(labels.read_text(), "a\nb\nc\n")

    def test_what_cannot_be_read_or_written(self) -> None:
        model = FIXTURES / "tiny32.keras.safetensors"
        self.expect_failure(self.folder / "none", self.out, says=["none", "no such file"])
        self.expect_failure(model, self.folder, says=["is a folder"])
        self.expect_failure(model, self.folder / "a" / "b", says=["No such file or directory"])
        broken = self.folder / "broken.safetensors"
        broken.write_bytes(model.read_bytes()[:-1])
        self.expect_failure(broken, self.out, says=["broken.safetensors", "truncated"])
        tensors, metadata = read_tensors(model)
        (_, inputs), values = tensors["fc2.weight"]
        values[3 * inputs + 2] = math.nan
        write_tensors(broken, tensors, metadata)
        # Found only when most of the file is written; the old one stays.
        self.out.write_text("old")
        self.expect_failure(
            broken, self.out, "--dtype", "int4", says=["fc2.weight", "row 3", "not a number"]
        )
        self.assertEqual(self.out.read_text(), "old")

    def test_wrong_usage(self) -> None:
        self.expect_failure(FIXTURES / "tiny64.torchvision.safetensors", self.out, "--width", "64",
                            says=["--width", "without their top"], status=2)
        result = self.run_convert("a", "b", "--dtype", "int2")
        self.assertEqual(result.returncode, 2)
        self.assertEqual(self.run_convert("a").returncode, 2)

    def test_what_is_interrupted_leaves_nothing(self) -> None:
        """Of a VGG16 of its published size, all zeros, which take no room on a disk."""
        widths = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
        names = [f"block{b}_conv{c + 1}" for b, n in enumerate((2, 2, 3, 3, 3), 1) for c in range(n)]
        shapes = {name: [o, 3, 3, i] for name, o, i in zip(names, widths, [3, *widths])}
        shapes |= {"fc1": [4096, 25088], "fc2": [4096, 4096], "predictions": [1000, 4096]}
        header, at = {}, 0
        for name, shape in shapes.items():
            for kind, sides in (("weight", shape), ("bias", shape[:1])):
                begin, at = at, at + 4 * math.prod(sides)
                header[f"{name}.{kind}"] = {"dtype": "F32", "shape": sides,
                                            "data_offsets": [begin, at]}
        text = json.dumps(header).encode()
        whole = self.folder / "vgg16.safetensors"
        with whole.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + at)
        for number in (signal.SIGINT, signal.SIGHUP):
            command = [GRADCAM, "convert", str(whole), str(self.folder / "small"), "--dtype", "int8"]
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                                  preexec_fn=default_signals) as run:
                while run.poll() is None and len(list(self.folder.iterdir())) == 1:
                    time.sleep(0.01)
                run.send_signal(number)
                _, said = run.communicate(timeout=60)
            self.assertEqual(run.returncode, 1)
            self.assertIn("interrupted", said)
            self.assertEqual(list(self.folder.iterdir()), [whole])


if __name__ == "__main__":
    unittest.main(verbosity=2)
