"""What `gradcam convert` does with files of Keras and PyTorch alike."""
from __future__ import annotations

import contextlib
import hashlib
import importlib.machinery
import importlib.util
import io
import json
import os
import subprocess
import unittest
import zipfile
from pathlib import Path
from unittest import mock

import h5py
import numpy as np
import torch
from PIL import Image

from foreign_models import (
    BLOCKS, CLASSES, GRADCAM, ROOT, ImportCase, flatten_top, keras_layer, keras_layers,
    random_parameters, tensors, torch_state, write_group,
)


class Import(ImportCase):
    def test_single_outputs(self) -> None:
        """`Dense(1, "sigmoid")`, of cats and dogs: softmax([-z / 2, z / 2]) is the sigmoid of z,
        and both classes have a map."""
        labels = self.folder / "labels.json"
        labels.write_text('{"dogs": 1, "cats": 0}')
        for hidden in ([33, 18], [24], []):
            with self.subTest(hidden=hidden):
                self.parameters = random_parameters(1, hidden)
                top = [keras_layer("Flatten", "flatten")]
                top += [keras_layer("Dense", f"hidden{i}", activation="relu")
                        for i in range(len(hidden))]
                top += [keras_layer("Dense", "answer", units=1, activation="sigmoid")]
                metadata = self.import_file(self.keras_model(top), "--labels", labels)
                self.assertEqual(json.loads(metadata["labels"]), ["cats", "dogs"])

                def both(x: torch.Tensor, dense: list) -> torch.Tensor:
                    z = flatten_top(x, dense)
                    return torch.cat([-z / 2, z / 2], 1)

                self.expect_answer(self.keras_input(), both)
                self.out.unlink()
        self.parameters = random_parameters(CLASSES, [])
        top = [keras_layer("Flatten", "flatten"),
               keras_layer("Dense", "answer", units=CLASSES, activation="sigmoid")]
        self.expect_failure(self.keras_model(top), '"answer"', '"sigmoid"')

    def test_explained_as_they_are(self) -> None:
        """Without `convert`, by one worker or several."""
        photo = self.folder / "photo.png"
        Image.fromarray(self.photo).save(photo)
        path = self.official_keras()
        self.import_file(path)
        answers = []
        for model, *options in ((self.out,), (path,), (path, "--workers", "2")):
            command = [GRADCAM, "explain", str(photo), "--json", "--model", str(model), *options]
            answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
            answers.append({entry["label"]: entry["logit"] for entry in answer["top"]})
        for answer in answers[1:]:
            self.assertEqual(answer.keys(), answers[0].keys())
            for label, logit in answers[0].items():
                self.assertAlmostEqual(answer[label], logit, delta=1e-4 * abs(logit))
        info = subprocess.run([GRADCAM, "info", str(path)], capture_output=True, text=True,
                              check=True).stdout
        self.assertIn("vgg16.h5", info)

    def test_values_of_a_network_trained_otherwise(self) -> None:
        """With ImageDataGenerator(rescale=1/255)."""
        self.import_file(self.official_keras(), "--values", "unit")
        self.expect_answer(self.photo / 255)

    def test_without_its_top(self) -> None:
        labels = self.folder / "labels.txt"
        labels.write_text("beagle\npug\n")
        keras = self.folder / "notop.h5"
        with h5py.File(keras, "w") as file:
            layers = keras_layers(self.parameters[:13], "{}_W_1:0", "{}_b_1:0", "none")
            write_group(file, {k: v for k, v in layers.items() if k.startswith("block")})
        pth = self.folder / "vgg16_features.pth"
        torch.save(torch_state(self.parameters[:13]), pth)
        for path in (keras, pth):
            self.expect_failure(path, path.name, "--labels")
            metadata = self.import_file(path, "--labels", labels, "--width", 24)
            self.assertIn("untrained", metadata["source"])
            values, _ = tensors.read(self.out)
            self.assertEqual(values["fc1.weight"].shape, (24, 49 * BLOCKS[-1][-1]))
            self.assertEqual(values["predictions.weight"].shape, (2, 24))
            # As He and others begin, "Delving Deep into Rectifiers", 2015.
            for name, close in (("fc1.weight", 0.02), ("fc2.weight", 0.1)):
                deviation = (2 / values[name].shape[1]) ** 0.5
                self.assertLess(abs(values[name].std() / deviation - 1), close, name)
                self.assertLess(abs(values[name].mean()), close * deviation, name)
            np.testing.assert_array_equal(
                values["block3_conv2.weight"], self.parameters[5][0].transpose(0, 2, 3, 1))
            info = subprocess.run([GRADCAM, "info", str(self.out), "--json"], check=True,
                                  capture_output=True)
            self.assertEqual(json.loads(info.stdout)["labels"], ["beagle", "pug"])
            self.out.unlink()

    def test_labels(self) -> None:
        path = self.official_keras()
        index = self.folder / "imagenet_class_index.json"
        names = ["tench", "crane", "pug", "crane", "tee"]
        index.write_text(json.dumps({str(i): [f"n{i:08}", n] for i, n in enumerate(names)}))
        metadata = self.import_file(path, "--labels", index)
        self.assertEqual(json.loads(metadata["labels"]),
                         ["tench", "crane", "pug", "crane_3", "tee"])
        self.out.unlink()
        text = self.folder / "labels.txt"
        for content, fault in (("a\nb\n", "2 labels, but the model has 5"),
                               ("a\n\nc\nd\ne\n", "line 2 is empty"), ("", "names no classes")):
            text.write_text(content)
            self.expect_failure(path, fault, options=("--labels", text))
        text.write_bytes(b"\xff\xfe\x00")
        self.expect_failure(path, "labels.txt", options=("--labels", text))
        index.write_text('{"a": 1}')
        self.expect_failure(path, "class_index.json", options=("--labels", index))
        self.expect_failure(path, "no such file", options=("--labels", self.folder / "none"))

    def test_damaged_and_foreign_files(self) -> None:
        keras = self.official_keras()
        keras.write_bytes(keras.read_bytes()[:5000])
        self.expect_failure(keras, "vgg16.h5", "HDF5 is damaged")
        pth = self.folder / "x.pth"
        for is_zip in (True, False):
            torch.save(torch_state(self.parameters), pth, _use_new_zipfile_serialization=is_zip)
            pth.write_bytes(pth.read_bytes()[:-3000])
            self.expect_failure(pth, "x.pth")
        # A whole model is a program; nothing of it may run.
        torch.save(torch.nn.Linear(2, 2), pth)
        self.expect_failure(pth, "no VGG16", '"weight"')
        state = torch_state(self.parameters)
        del state["features.12.bias"]
        torch.save(state, pth)
        self.expect_failure(pth, 'lacks "features.12.bias"')
        torch.save(torch_state(self.parameters) | {"classifier.1.running_mean": torch.ones(4)}, pth)
        self.expect_failure(pth, "classifier.1")
        torch.save(torch_state(self.parameters) | {"extra.weight": torch.ones(4)}, pth)
        self.expect_failure(pth, '"extra"', "which a VGG16 has not")
        torch.save(torch.zeros(3), pth)
        self.expect_failure(pth, "state_dict")
        text = self.folder / "text.h5"
        text.write_text("not found")
        self.expect_failure(text, "text.h5", "no safetensors file")
        with zipfile.ZipFile(self.folder / "a.keras", "w") as archive:
            archive.writestr("config.json", "{}")
            archive.writestr("model.weights.h5", b"nothing")
        self.expect_failure(self.folder / "a.keras", "a.keras", "describe its layers")
        self.expect_failure(self.folder / "none.h5", "none.h5", "no such file")

    def test_never_writes_over_what_it_reads(self) -> None:
        path = self.official_keras()
        before = path.read_bytes()
        result = self.run_import(path, path)
        self.assertEqual(result.returncode, 2)
        self.assertIn("choose another name", result.stderr)
        self.assertEqual(path.read_bytes(), before)

    def test_downloads(self) -> None:
        """With files in the place of the official addresses; test_download.py is about servers."""
        loader = importlib.machinery.SourceFileLoader(
            "download_weights", str(ROOT / "scripts/download_weights"))
        program = importlib.util.module_from_spec(
            importlib.util.spec_from_loader("download_weights", loader))
        loader.exec_module(program)
        index = self.folder / "imagenet_class_index.json"
        index.write_text(json.dumps({str(i): ["n", f"breed {i}"] for i in range(CLASSES)}))
        pth = self.folder / "vgg16.pth"
        torch.save(torch_state(self.parameters), pth)

        def official(path: Path) -> program.download.Official:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            return program.download.Official(path.as_uri(), path.stat().st_size, "sha256", digest)

        files = {"keras": official(self.official_keras()), "torchvision": official(pth)}
        inputs = {"keras": self.keras_input(), "torchvision": self.torchvision_input()}
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": str(self.folder / "cache")}), \
                mock.patch.dict(program.download.OFFICIAL, files), \
                mock.patch.object(program.download, "CLASS_INDEX", official(index)):
            for name, image in inputs.items():
                self.assertEqual(program.run([name, str(self.out), "--dtype", "f32"]), 0)
                labels = json.loads(tensors.read(self.out)[1]["labels"])
                self.assertEqual(labels[2], "breed 2")
                self.expect_answer(image)
            with contextlib.redirect_stderr(io.StringIO()) as said, self.assertRaises(SystemExit):
                program.run(["keras", "--dtype", "f32", str(self.out)])
            self.assertIn("OUT comes before", said.getvalue())


if __name__ == "__main__":
    unittest.main()
