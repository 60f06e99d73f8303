"""`gradcam finetune` as people meet it: `finetune_test.py PATH/TO/gradcam` (run by ctest). What it
learns is tested in tests/unit."""
from __future__ import annotations

import json
import shutil
import signal
import subprocess
import unittest
from pathlib import Path

from support import (
    GRADCAM, IMAGES, MODEL, TESTS, Case, default_signals, gradcam, peak_memory, write_bmp,
    write_large_model,
)


class Finetune(Case):
    def test_finetune_stops_at_an_interrupt_and_goes_on(self) -> None:
        photos = self.make_photos()
        out = self.folder / "new.safetensors"
        command = [GRADCAM, "finetune", str(photos), "--model", str(MODEL),
                   "--out", str(out), "--cache", str(self.folder / "cache")]
        endless = [*command, "--epochs", "90000", "--patience", "90000"]
        epochs = []
        for resume in ([], ["--resume"]):
            with subprocess.Popen([*endless, *resume], stdout=subprocess.PIPE, text=True,
                                  preexec_fn=default_signals) as run:
                interrupted = False
                for line in run.stdout:
                    if line.count("%") != 2:
                        continue
                    epochs.append(int(line.split()[0]))
                    if not interrupted:
                        run.send_signal(signal.SIGINT)
                    interrupted = True
            self.assertEqual(run.returncode, 1)
            self.assertTrue(Path(f"{out}.checkpoint").exists())
            self.assertFalse(out.exists())
        self.assertGreaterEqual(len(epochs), 2)
        self.assertEqual(epochs, list(range(1, len(epochs) + 1)))
        other = subprocess.run([*endless, "--resume", "--seed", "7", "--weight-decay", "0.25"],
                               capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(other.returncode, 2, other.stderr)
        self.assertIn('another --seed ("1", not "7"), --weight-decay ("1e-04", not "0.25")',
                      other.stderr)
        for returncode in (2, 0):  # what was learnt is not lost by a forgotten --resume
            result = subprocess.run([*command, "--epochs", "3"], capture_output=True, text=True,
                                    timeout=120, check=False)
            self.assertEqual(result.returncode, returncode, result.stderr)
            if returncode == 2:
                self.assertIn("--resume", result.stderr)
                Path(f"{out}.checkpoint").unlink()
        info = json.loads(gradcam("info", out, "--json").stdout)
        self.assertEqual(info["labels"], ["dark", "light"])

    def test_finetune_goes_on_when_nobody_reads_what_it_says(self) -> None:
        photos = self.make_photos()
        out = self.folder / "new.safetensors"
        command = [GRADCAM, "finetune", str(photos), "--model", str(MODEL), "--epochs", "3",
                   "--out", str(out), "--cache", str(self.folder / "cache")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=default_signals) as run:
            run.stdout.close()
            said = run.stderr.read().decode()
        self.assertEqual(run.returncode, 1, said)
        self.assertIn("cannot be written", said)
        self.assertTrue(out.exists())
        self.assertEqual(list(self.folder.glob("*.partial-*")), [])

    def test_options_that_do_nothing_are_refused(self) -> None:
        for option, goes_with in (("--momentum", "--optimizer sgd"),
                                  ("--dropout", "--train classifier")):
            result = gradcam("finetune", self.make_photos(), "--model", MODEL,
                             "--out", self.folder / "new.safetensors", option, 0.3)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(f"{option} goes with {goes_with}", result.stderr)

    def make_photos(self) -> Path:
        photos = self.folder / "photos"
        for label in ("dark", "light"):
            (photos / label).mkdir(parents=True, exist_ok=True)
            for i in range(4):
                write_bmp(photos / label / f"{i}.bmp", i + (200 if label == "light" else 30))
        return photos

    def test_a_model_of_another_program_is_the_same_base_as_what_it_is_converted_to(self) -> None:
        photos = self.make_photos()
        for name in ("keras.h5", "keras.keras", "pytorch.pth", "pytorch_beside.onnx"):
            model = TESTS / "fixtures/models" / name
            converted = self.folder / "converted.safetensors"
            self.assertEqual(gradcam("convert", model, converted).returncode, 0)
            for train in (("--head-only",), ("--train", "classifier")):
                results = []
                for base in (model, converted):
                    out = self.folder / f"new-{len(results)}"
                    result = gradcam("finetune", photos, "--model", base, "--out", out, "--epochs",
                                     2, "--cache", self.folder / "cache", *train)
                    self.assertEqual((result.returncode, result.stderr), (0, ""), (name, train))
                    results.append(out.read_bytes())
                self.assertEqual(*results, (name, train))
            result = gradcam("explain", IMAGES / "scene.png", "--model", self.folder / "new-0",
                             "--json")
            self.assertIn(json.loads(result.stdout)["class"], ("dark", "light"))
        self.assertFalse([path for path in self.folder.iterdir() if "partial" in path.name])

    def test_threads_without_a_photo_take_no_memory(self) -> None:
        """Nor does one whose photos have been seen before."""
        photos = self.make_photos()
        for left_out in photos.glob("*/[2-9].bmp"):
            left_out.unlink()
        model = self.folder / "model.safetensors"
        write_large_model(model)
        alone, many, again = (
            peak_memory("finetune", photos, "--model", model, "--out", self.folder / f"{i}.out",
                        "--cache", self.folder / cache, "--epochs", 1, "--threads", threads)
            for i, (cache, threads) in enumerate((("a", 1), ("b", 64), ("b", 64))))
        self.assertLess(many, 5 * alone)  # there are four photos
        self.assertLess(again, 0.95 * alone)

    def test_the_table_has_the_photos_of_a_class_in_a_row(self) -> None:
        """Of a model that knows one class from another by nothing."""
        of_class = {"few": 5, "many": 15}
        greys = iter(range(40, 200, 8))
        for label, count in of_class.items():
            (self.folder / "photos" / label).mkdir(parents=True)
            for i in range(count):
                write_bmp(self.folder / "photos" / label / f"{i}.bmp", next(greys))
        result = gradcam("finetune", self.folder / "photos", "--model", MODEL, "--out",
                         self.folder / "new.safetensors", "--cache", self.folder / "cache",
                         "--epochs", 1, "--validation", 0.2)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        lines = result.stdout.splitlines()
        (begin,) = [i for i, line in enumerate(lines) if "(row)" in line]
        table = [line.split() for line in lines[begin + 2:begin + 4]]
        self.assertEqual([row[1] for row in table], list(of_class))
        counts = [[0 if cell == "." else int(cell) for cell in row[2:]] for row in table]
        self.assertEqual([sum(row) for row in counts], [1, 3])
        self.assertNotEqual([sum(column) for column in zip(*counts)], [1, 3])

    def test_the_weights_beside_a_model_are_not_replaced(self) -> None:
        photos = self.make_photos()
        for name in ("pytorch_beside.onnx", "pytorch_beside.onnx.data"):
            shutil.copy(TESTS / "fixtures/models" / name, self.folder)
        out = self.folder / name
        weights = out.read_bytes()
        result = gradcam("finetune", photos, "--model", self.folder / "pytorch_beside.onnx",
                         "--out", out, "--cache", self.folder / "cache")
        self.assertEqual(result.returncode, 2)
        self.assertIn("choose another name", result.stderr)
        self.assertEqual(out.read_bytes(), weights)
        self.assertEqual(len(list(self.folder.iterdir())), 3)

    def test_features_are_not_kept_beside_the_classes(self) -> None:
        photos = self.make_photos()
        result = gradcam("finetune", photos, "--model", MODEL, "--out",
                         self.folder / "new.safetensors", "--cache", photos / "features")
        self.assertEqual(result.returncode, 2)
        self.assertIn("choose another --cache", result.stderr)
        self.assertFalse((photos / "features").exists())

    def test_a_photo_of_two_classes_is_named_with_both(self) -> None:
        for label in ("dark", "light"):
            folder = self.folder / "photos" / label
            folder.mkdir(parents=True)
            for i in range(2):
                write_bmp(folder / f"{i}.bmp", i)
        result = gradcam("finetune", self.folder / "photos", "--model", MODEL, "--out",
                         self.folder / "new.safetensors", "--cache", self.folder / "cache")
        self.assertEqual(result.returncode, 2)
        lines = result.stderr.splitlines()
        self.assertEqual(len(lines), 3, lines)
        for i, line in enumerate(lines[:2]):
            self.assertIn(str(self.folder / "photos" / "light" / f"{i}.bmp"), line)
            self.assertIn(str(self.folder / "photos" / "dark" / f"{i}.bmp"), line)
        self.assertIn("2 photos are in two classes", lines[2])


if __name__ == "__main__":
    unittest.main(verbosity=2)
