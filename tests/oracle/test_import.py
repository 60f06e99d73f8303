"""Every file that `gradcam convert` imports, made here as Keras and PyTorch make it, gives the
logits and maps that PyTorch computes from the same weights. Needs build/native/gradcam, or
$GRADCAM."""
from __future__ import annotations

import functools
import hashlib
import importlib.machinery
import importlib.util
import io
import json
import os
import pickle
import resource
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, Callable, Sequence
from unittest import mock

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "scripts/train"))

import tensors  # noqa: E402

GRADCAM = os.environ.get("GRADCAM", str(ROOT / "build/native/gradcam"))
SIDE, GRID = 64, 2
BLOCKS = [(4, 5), (6, 7), (8, 9, 10), (12, 13, 14), (15, 16, 19)]
DENSE = [33, 18]
CLASSES = 5
# Where Keras's VGG16 and torchvision's have their layers, written out.
KERAS_CONVS = [f"block{b + 1}_conv{c + 1}" for b in range(5) for c in range(len(BLOCKS[b]))]
FEATURES = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]

Layer = tuple[torch.Tensor, torch.Tensor]
Parameters = list[tuple[np.ndarray, np.ndarray]]  # PyTorch's: [O, I, 3, 3] or [O, I], and bias


def random_parameters(classes: int = CLASSES, hidden: Sequence[int] = DENSE, averages: bool = False
                      ) -> Parameters:
    rng = np.random.default_rng(7)
    widths = [width for block in BLOCKS for width in block]
    result: Parameters = []
    inputs = 3
    for width in widths:
        weight = rng.standard_normal((width, inputs, 3, 3)) * (2 / (9 * inputs)) ** 0.5
        result.append((weight.astype("f4"), rng.standard_normal(width).astype("f4") * 0.1))
        inputs = width
    inputs *= 1 if averages else GRID * GRID
    for width in [*hidden, classes]:
        weight = rng.standard_normal((width, inputs)) * (2 / inputs) ** 0.5
        result.append((weight.astype("f4"), rng.standard_normal(width).astype("f4") * 0.1))
        inputs = width
    return result


Top = Callable[[torch.Tensor, list[Layer]], torch.Tensor]


def flatten_top(x: torch.Tensor, dense: list[Layer]) -> torch.Tensor:
    """Logits of what block5_pool gives."""
    x = x.flatten(1)
    for layer in dense[:-1]:
        x = F.relu(F.linear(x, *layer))
    return F.linear(x, *dense[-1])


def average_top(x: torch.Tensor, dense: list[Layer]) -> torch.Tensor:
    return flatten_top(x.mean((2, 3)), dense)


def pytorch_answer(parameters: Parameters, image: np.ndarray, top: Top
                   ) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and the Grad-CAM map of the best class. image: [H, W, 3], as the network is to see
    it."""
    x = torch.from_numpy(image.transpose(2, 0, 1).astype("f8"))[None]
    layers = [(torch.from_numpy(w).double(), torch.from_numpy(b).double()) for w, b in parameters]
    convs = iter(layers[:13])
    for block in BLOCKS:
        for _ in block:
            x = F.relu(F.conv2d(x, *next(convs), padding=1))
        activations = x.detach().requires_grad_()
        x = F.max_pool2d(activations, 2)
    logits = top(x, layers[13:])[0]
    gradient, = torch.autograd.grad(logits.max(), activations)
    alpha = gradient.mean((2, 3), keepdim=True)
    cam = F.relu((alpha * activations).sum(1))[0]
    return logits.detach().numpy(), (cam / cam.max()).detach().numpy()


# --- What the programs write


def keras_arrays(parameters: Parameters) -> list[tuple[np.ndarray, np.ndarray]]:
    """Keras's layouts, element by element: kernels [row, column, in, out], dense [in, out], where
    fc1's inputs are flattened over row, column, channel."""
    result = []
    channels = BLOCKS[-1][-1]
    for i, (weight, bias) in enumerate(parameters):
        if weight.ndim == 4:
            kernel = np.zeros((3, 3, weight.shape[1], weight.shape[0]), "f4")
            for o, c, y, x in np.ndindex(*weight.shape):
                kernel[y, x, c, o] = weight[o, c, y, x]
        else:
            kernel = np.zeros(weight.shape[::-1], "f4")
            flattens = i == 13 and weight.shape[1] > channels
            for c, y, x in np.ndindex(channels, GRID, GRID) if flattens else ():
                kernel[(y * GRID + x) * channels + c] = weight[:, c * GRID * GRID + y * GRID + x]
            if not flattens:
                kernel[:] = weight.T
        result.append((kernel, bias))
    return result


def keras_layer_names(last: str) -> list[str]:
    names = ["input_1"]
    for block, layers in enumerate(BLOCKS, 1):
        names += [f"block{block}_conv{i + 1}" for i in range(len(layers))] + [f"block{block}_pool"]
    return [*names, "flatten", "fc1", "fc2", last]


def write_group(root: Any, layers: dict[str, dict[str, np.ndarray]], parts: int = 0) -> None:
    """`layer_names` and `weight_names` of Keras; in several parts where a list is too long."""
    names = [name.encode() for name in layers]
    if parts:
        for i, part in enumerate(np.array_split(names, parts)):
            root.attrs[f"layer_names{i}"] = part
    else:
        root.attrs["layer_names"] = names
    root.attrs["backend"] = b"tensorflow"
    root.attrs["keras_version"] = b"2.11.0"
    for layer, weights in layers.items():
        group = root.create_group(layer)
        group.attrs["weight_names"] = [name.encode() for name in weights]
        for name, values in weights.items():
            group[name] = values


def keras_layers(parameters: Parameters, kernel: str, bias: str, last: str
                 ) -> dict[str, dict[str, np.ndarray]]:
    arrays = iter(keras_arrays(parameters))
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name in keras_layer_names(last):
        layers[name] = {}
        if "conv" in name or name in ("fc1", "fc2", last):
            weight, values = next(arrays, (None, None))
            if weight is not None:
                layers[name] = {kernel.format(name): weight, bias.format(name): values}
    return layers


def torch_state(parameters: Parameters, dense: Sequence[str] = (".0", ".3", ".6")
                ) -> OrderedDict[str, torch.Tensor]:
    names = [f"features.{n}" for n in FEATURES] + [f"classifier{n}" for n in dense]
    state = OrderedDict()
    for name, (weight, bias) in zip(names, parameters):
        state[f"{name}.weight"] = torch.from_numpy(weight)
        state[f"{name}.bias"] = torch.from_numpy(bias)
    return state


def keras_layer(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, **config}}


def keras_config(top: Sequence[dict[str, Any]], before: Sequence[dict[str, Any]] = (),
                 side: int = SIDE) -> dict[str, Any]:
    """The description of a model: VGG16 without its top, and layers of its own behind it."""
    layers = [keras_layer("InputLayer", "input_1", batch_shape=[None, side, side, 3]), *before]
    for block, convs in enumerate(BLOCKS, 1):
        layers += [keras_layer("Conv2D", f"block{block}_conv{i + 1}", activation="relu")
                   for i in range(len(convs))]
        layers.append(keras_layer("MaxPooling2D", f"block{block}_pool"))
    return {"class_name": "Functional", "config": {"name": "model", "layers": [*layers, *top]}}


def keras_zip(path: Path, parameters: Parameters, by_name: bool, nested: bool,
              counts_twice: bool = False) -> None:
    kinds = {"conv": "Conv2D", "pool": "MaxPooling2D", "flat": "Flatten", "inpu": "InputLayer"}
    layers, content = [], io.BytesIO()
    arrays = iter(keras_arrays(parameters))
    with h5py.File(content, "w") as file:
        top = file.create_group("_layer_checkpoint_dependencies" if counts_twice else "layers")
        inner = top.create_group("vgg16" if by_name else "functional") if nested else file
        counts: dict[str, int] = {}
        inner_layers: list[dict] = []
        for name in keras_layer_names("dense"):
            kind = next((k for key, k in kinds.items() if key in name), "Dense")
            inside = nested and (kind in ("Conv2D", "MaxPooling2D", "InputLayer"))
            (inner_layers if inside else layers).append(
                keras_layer(kind, name, activation="softmax" if name == "dense" else "relu"))
            if kind in ("Conv2D", "Dense"):
                snake = {"Conv2D": "conv2d", "Dense": "dense"}[kind]
                number = counts.get(snake, 0)
                counts[snake] = number + (2 if counts_twice else 1)
                group = (name if by_name else snake + (f"_{number}" if number else ""))
                parent = (inner.require_group("layers") if inside else top)
                weight, bias = next(arrays)
                variables = parent.create_group(f"{group}/vars")
                variables["0"], variables["1"] = weight, bias
        if nested:
            layers.insert(0, {"class_name": "Functional",
                              "config": {"name": "vgg16", "layers": inner_layers}})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.3.0"}))
        archive.writestr("config.json", json.dumps(
            {"class_name": "Functional", "config": {"name": "model", "layers": layers}}))
        archive.writestr("model.weights.h5", content.getvalue())


class TorchVgg16(torch.nn.Module):
    """As torchvision's is made."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__()
        convs = {n: torch.nn.Conv2d(w.shape[1], w.shape[0], 3, padding=1)
                 for n, (w, _) in zip(FEATURES, parameters)}
        self.features = torch.nn.Sequential(
            *(convs.get(n, torch.nn.ReLU()) for n in range(FEATURES[-1] + 1)))
        dense = {n: torch.nn.Linear(w.shape[1], w.shape[0])
                 for n, (w, _) in zip((0, 3, 6), parameters[13:])}
        self.classifier = torch.nn.Sequential(
            *(dense.get(n, torch.nn.Dropout()) for n in range(7)))
        self.load_state_dict(torch_state(parameters))


class OldPickle:
    """The module `pickle` as it wrote an OrderedDict in Python 2."""

    class Pickler(pickle._Pickler):
        dispatch_table = {OrderedDict: lambda value: (
            OrderedDict, ([[key, item] for key, item in value.items()],))}

    @staticmethod
    def dump(value: Any, file: Any, protocol: int) -> None:
        OldPickle.Pickler(file, protocol).dump(value)


# --- Tests


class Import(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.out = self.folder / "out.safetensors"
        self.parameters = random_parameters()
        self.photo = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), np.uint8)

    def run_import(self, *arguments: object) -> subprocess.CompletedProcess:
        command = [GRADCAM, "convert", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def import_file(self, path: Path, *options: object) -> dict[str, str]:
        result = self.run_import(path, self.out, *options)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return tensors.read(self.out)[1]

    def expect_failure(self, path: Path, *says: str, options: tuple = ()) -> None:
        result = self.run_import(path, self.out, *options)
        self.assertIn(result.returncode, (1, 2))
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        for text in says:
            self.assertIn(text, result.stderr)
        self.assertFalse(self.out.exists())
        self.assertEqual([p for p in self.folder.iterdir() if "partial" in p.name], [])

    def engine_answer(self) -> tuple[np.ndarray, np.ndarray]:
        """The engine's, for the photo as it is: only the rule of resizing is taken out, which
        tests/unit/image tests."""
        values, metadata = tensors.read(self.out)
        preprocess = json.loads(metadata["preprocess"])
        self.assertEqual(preprocess["size"], SIDE)
        metadata["preprocess"] = json.dumps(preprocess | {"resize": "squash"})
        model = self.folder / "unresized.safetensors"
        tensors.write(model, values, metadata)
        photo = self.folder / "photo.png"
        Image.fromarray(self.photo).save(photo)
        command = [GRADCAM, "explain", str(photo), "--json", "--model", str(model), "--top", "99"]
        answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        logits = np.zeros(len(answer["top"]))
        for entry in answer["top"]:
            logits[entry["index"]] = entry["logit"]
        heatmap = answer["heatmap"]
        return logits, np.reshape(heatmap["values"], (heatmap["rows"], heatmap["cols"]))

    def expect_answer(self, image: np.ndarray, top: Top = flatten_top, close: float = 1e-4) -> None:
        logits, cam = pytorch_answer(self.parameters, image, top)
        actual_logits, actual_cam = self.engine_answer()
        self.assertEqual(actual_logits.shape, logits.shape)
        self.assertLess(np.abs(actual_logits - logits).max(), close * np.abs(logits).max())
        self.assertEqual(actual_cam.shape, cam.shape)
        self.assertLess(np.abs(actual_cam - cam).max(), 10 * close)

    def keras_input(self) -> np.ndarray:
        """keras.applications.vgg16.preprocess_input"""
        return self.photo[..., ::-1].astype("f8") - [103.939, 116.779, 123.68]

    def torchvision_input(self) -> np.ndarray:
        return (self.photo / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]

    def expect_keras(self, path: Path) -> None:
        preprocess = json.loads(self.import_file(path)["preprocess"])
        self.assertEqual((preprocess["resize"], preprocess["channels"]), ("squash", "BGR"))
        self.expect_answer(self.keras_input())

    def official_keras(self) -> Path:
        """As vgg16_weights_tf_dim_ordering_tf_kernels.h5 is."""
        path = self.folder / "vgg16.h5"
        layers = keras_layers(self.parameters, "{}_W_1:0", "{}_b_1:0", "predictions")
        with h5py.File(path, "w") as file:
            write_group(file, layers)
        return path

    def test_keras_official_weights(self) -> None:
        self.expect_keras(self.official_keras())

    def test_keras_model_with_a_new_last_layer(self) -> None:
        """`Model(vgg.input, Dense(15)(vgg.layers[-2].output)).save("dogs.h5")`, fine-tuned."""
        self.parameters = random_parameters(15)
        path = self.folder / "dogs.h5"
        layers = keras_layers(self.parameters, "{}/kernel:0", "{}/bias:0", "dense_3")
        with h5py.File(path, "w") as file:
            write_group(file.create_group("model_weights"), layers)
            # The optimiser's own are no layers.
            write_group(file.create_group("optimizer_weights"), {"Adam": {}})
        self.expect_keras(path)

    def test_single_outputs(self) -> None:
        """`Dense(1, "sigmoid")`, of cats and dogs: softmax([0, z]) is the sigmoid of z."""
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
                logits, _ = self.engine_answer()
                expected = pytorch_answer(self.parameters, self.keras_input(), flatten_top)[0]
                self.assertEqual(logits[0], 0)
                self.assertLess(abs(logits[1] - expected[0]), 1e-4 * abs(expected[0]))
                self.out.unlink()
        self.parameters = random_parameters(CLASSES, [])
        top = [keras_layer("Flatten", "flatten"),
               keras_layer("Dense", "answer", units=CLASSES, activation="sigmoid")]
        self.expect_failure(self.keras_model(top), '"answer"', '"sigmoid"')

    def test_keras_model_in_a_model_of_which_a_part_was_trained(self) -> None:
        """Keras lists weights that were trained before those that were not."""
        flat = keras_layers(self.parameters, "vgg16/{}/kernel:0", "vgg16/{}/bias:0", "dense")
        inner: dict[str, np.ndarray] = {}
        for name in [*KERAS_CONVS[-3:], *KERAS_CONVS[:-3]]:
            inner |= flat[name]
        layers = {"vgg16": inner, "a": flat["fc1"], "b": flat["fc2"], "c": flat["dense"]}
        top = [keras_layer("Flatten", "flatten"), keras_layer("Dense", "a", activation="relu"),
               keras_layer("Dense", "b", activation="relu"),
               keras_layer("Dense", "c", activation="softmax")]
        model = keras_config([])
        model["config"]["name"] = "vgg16"
        config = {"class_name": "Sequential", "config": {"name": "s", "layers": [model, *top]}}
        path = self.folder / "nested.h5"
        for described in (True, False):
            with h5py.File(path, "w") as file:
                if described:
                    file.attrs["model_config"] = json.dumps(config)
                write_group(file.create_group("model_weights"), layers)
            self.expect_keras(path)

    def test_keras_groups_with_many_members(self) -> None:
        """More than one level of HDF5's tree of names."""
        path = self.folder / "many.h5"
        layers = keras_layers(self.parameters, "{}/kernel:0", "{}/bias:0", "predictions")
        with h5py.File(path, "w") as file:
            write_group(file, layers | {f"dropout_{i}": {} for i in range(600)}, parts=2)
        self.expect_keras(path)

    def test_keras_model_in_a_model(self) -> None:
        """`Sequential([VGG16(include_top=False), Flatten(), Dense, Dropout, Dense, Dense])`"""
        flat = keras_layers(self.parameters, "{}/kernel:0", "{}/bias:0", "dense")
        inner: dict[str, np.ndarray] = {}
        for name in KERAS_CONVS:
            inner |= flat[name]
        layers = {"vgg16": inner, "flatten": {}, "a": flat["fc1"], "dropout": {},
                  "b": flat["fc2"], "c": flat["dense"]}
        path = self.folder / "nested.h5"
        with h5py.File(path, "w") as file:
            write_group(file.create_group("model_weights"), layers)
        self.expect_keras(path)

    def test_keras_lists_of_names_in_parts(self) -> None:
        path = self.folder / "parts.h5"
        layers = keras_layers(self.parameters, "{}/kernel:0", "{}/bias:0", "predictions")
        with h5py.File(path, "w") as file:
            write_group(file, layers, parts=3)
        self.expect_keras(path)

    def test_keras_3_archives(self) -> None:
        for by_name in (False, True):
            for nested in (False, True):
                with self.subTest(by_name=by_name, nested=nested):
                    path = self.folder / "model.keras"
                    keras_zip(path, self.parameters, by_name, nested)
                    self.expect_keras(path)
        with zipfile.ZipFile(path) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(entries["config.json"])
        config["config"]["layers"][-1]["config"]["activation"] = "relu"
        config["config"]["layers"].append(keras_layer("Dense", "more", activation="softmax"))
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in entries.items():
                archive.writestr(name, json.dumps(config) if name == "config.json" else content)
        self.out.unlink()
        self.expect_failure(path, '"more"')

    def keras_model(self, top: Sequence[dict[str, Any]], before: Sequence[dict[str, Any]] = (),
                    side: int = SIDE, norms: Sequence[np.ndarray] = ()) -> Path:
        """`Model(...).save("dogs.h5")` with `self.parameters`, whose dense layers are those in
        `top`, and batch normalisations with `norms`."""
        path = self.folder / "dogs.h5"
        config = keras_config(top, before, side)
        arrays, norms = iter(keras_arrays(self.parameters)), iter(norms)
        layers: dict[str, dict[str, np.ndarray]] = {}
        for layer in config["config"]["layers"]:
            name = layer["config"]["name"]
            layers[name] = {}
            if layer["class_name"] in ("Conv2D", "Dense"):
                kernel, bias = next(arrays)
                layers[name] = {f"{name}/kernel:0": kernel, f"{name}/bias:0": bias}
            if layer["class_name"] == "BatchNormalization":
                kinds = ("gamma", "beta", "moving_mean", "moving_variance")
                layers[name] = {f"{name}/{kind}:0": values
                                for kind, values in zip(kinds, next(norms))}
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = json.dumps(config)  # h5py keeps a text elsewhere
            write_group(file.create_group("model_weights"), layers)
        return path

    def test_keras_tops(self) -> None:
        """What people put behind `VGG16(include_top=False)`."""
        for averages in (False, True):
            for hidden in ([33, 18], [24], []):
                with self.subTest(averages=averages, hidden=hidden):
                    self.parameters = random_parameters(CLASSES, hidden, averages)
                    pool = "GlobalAveragePooling2D" if averages else "Flatten"
                    top = [keras_layer(pool, "pool"), keras_layer("Dropout", "dropout")]
                    for i in range(len(hidden)):
                        top.append(keras_layer("Dense", f"hidden{i}", activation="relu"))
                    top.append(keras_layer("Dense", "answer", activation="softmax"))
                    metadata = self.import_file(self.keras_model(top))
                    if averages or len(hidden) < 2:
                        self.assertIn("as three dense layers", metadata["source"])
                    self.expect_answer(self.keras_input(), average_top if averages else flatten_top)

    def test_keras_batch_normalisation(self) -> None:
        """Among the dense layers, in all places where people have it."""
        channels = BLOCKS[-1][-1]
        bn = [keras_layer("BatchNormalization", f"bn{i}", epsilon=0.01 * (i + 1)) for i in range(2)]
        relu = keras_layer("Dense", "relu", activation="relu")
        linear = keras_layer("Dense", "linear", activation="linear")
        end = keras_layer("Dense", "end", activation="softmax")
        flatten = keras_layer("Flatten", "flatten")
        pool = keras_layer("GlobalAveragePooling2D", "pool")
        activation = keras_layer("Activation", "activation", activation="relu")

        def by_row(normalise: Callable, x: torch.Tensor) -> torch.Tensor:
            """Of each number of a map [1, C, H, W] that Keras flattens by rows."""
            rows = x.permute(0, 2, 3, 1)
            return normalise(rows.flatten(1)).reshape(rows.shape).permute(0, 3, 1, 2).flatten(1)

        flat = channels * GRID * GRID
        cases = {
            "before and behind a ReLU": (
                [flatten, linear, bn[0], activation, relu, bn[1], end], [33, 18], (33, 18), False,
                lambda x, d, n: F.linear(n[1](F.relu(F.linear(F.relu(n[0](F.linear(
                    x.flatten(1), *d[0]))), *d[1]))), *d[2])),
            "of a map": (
                [bn[0], flatten, relu, bn[1], end], [24], (channels, 24), False,
                lambda x, d, n: F.linear(n[1](F.relu(F.linear(n[0](x).flatten(1), *d[0]))), *d[1])),
            "of what is flattened": (
                [flatten, bn[0], end], [], (flat,), False,
                lambda x, d, n: F.linear(by_row(n[0], x), *d[0])),
            "of an average, and of the logits": (
                [pool, bn[0], linear, bn[1], keras_layer("Softmax", "softmax")], [],
                (channels, CLASSES), True,
                lambda x, d, n: n[1](F.linear(n[0](x.mean((2, 3))), *d[0]))),
        }
        rng = np.random.default_rng(11)
        for name, (top, hidden, widths, averages, answer) in cases.items():
            with self.subTest(name):
                self.parameters = random_parameters(CLASSES, hidden, averages)
                norms = [np.stack([*rng.standard_normal((3, width)), rng.uniform(0.5, 2, width)])
                         .astype("f4") for width in widths]

                def normalise(x: torch.Tensor, i: int) -> torch.Tensor:
                    scale, shift, mean, variance = torch.from_numpy(norms[i]).double()
                    return F.batch_norm(x, mean, variance, scale, shift, eps=0.01 * (i + 1))

                n = [functools.partial(normalise, i=i) for i in range(len(widths))]
                self.import_file(self.keras_model(top, norms=norms))
                self.expect_answer(self.keras_input(), lambda x, d: answer(x, d, n))
        self.out.unlink()
        norms[0][3, 1] = -1
        self.expect_failure(self.keras_model(top, norms=norms), "bn0/moving_variance", "negative")
        conv = keras_layer("Conv2D", "more", activation="relu")
        path = self.keras_model([bn[0], conv, pool], norms=norms)
        self.expect_failure(path, '"more"', "batch normalisation")

    def test_keras_activations_as_layers(self) -> None:
        top = [keras_layer("Flatten", "flatten"),
               keras_layer("Dense", "a", activation="linear"), keras_layer("ReLU", "relu"),
               keras_layer("Dense", "b", activation="linear"),
               keras_layer("Activation", "also_relu", activation="relu"),
               keras_layer("Dense", "c", activation="linear"), keras_layer("Softmax", "softmax")]
        self.expect_keras(self.keras_model(top))

    def test_keras_tops_that_cannot_be(self) -> None:
        self.parameters = random_parameters(CLASSES, [24])
        dense = [keras_layer("Dense", "a", activation="tanh"),
                 keras_layer("Dense", "b", activation="softmax")]
        flatten = keras_layer("Flatten", "flatten")
        self.expect_failure(self.keras_model([flatten, *dense]), '"a"', '"tanh"')
        dense[0]["config"]["activation"] = "relu"
        tanh = keras_layer("Activation", "act", activation="tanh")
        self.expect_failure(self.keras_model([tanh, flatten, *dense]), '"act"', '"tanh"')
        pool = keras_layer("GlobalMaxPooling2D", "pool")
        self.expect_failure(self.keras_model([pool, *dense]), '"pool"', '"GlobalMaxPooling2D"')
        capped = keras_layer("ReLU", "six", max_value=6.0)
        linear = keras_layer("Dense", "a", activation="linear")
        path = self.keras_model([flatten, linear, capped, dense[1]])
        self.expect_failure(path, '"a"', "ReLU of its own")
        norm = keras_layer("BatchNormalization", "bn")
        relu = keras_layer("ReLU", "relu")
        norms = [np.ones((4, BLOCKS[-1][-1]), "f4")]
        average = keras_layer("GlobalAveragePooling2D", "average")
        path = self.keras_model([average, norm, relu, *dense], norms=norms)
        self.expect_failure(path, '"relu"', "another place")

    def test_keras_convolutions_that_are_not_vgg16s(self) -> None:
        top = [keras_layer("Flatten", "flatten"), keras_layer("Dense", "a", activation="relu"),
               keras_layer("Dense", "b", activation="relu"),
               keras_layer("Dense", "c", activation="softmax")]

        def changed(change: Callable[[list], None], *says: str) -> None:
            config = keras_config(top)
            change(config["config"]["layers"])
            path = self.folder / "changed.h5"
            layers = keras_layers(self.parameters, "{}/kernel:0", "{}/bias:0", "dense")
            with h5py.File(path, "w") as file:
                file.attrs["model_config"] = json.dumps(config)
                write_group(file.create_group("model_weights"), layers)
            self.expect_failure(path, *says)

        def index(layers: list, name: str) -> int:
            return [layer["config"]["name"] for layer in layers].index(name)

        def without_pool(layers: list) -> None:
            del layers[index(layers, "block5_pool")]

        def with_pool(layers: list) -> None:
            layers.insert(2, keras_layer("MaxPooling2D", "early"))

        def with_strides(layers: list) -> None:
            layers[index(layers, "block2_conv1")]["config"]["strides"] = [2, 2]

        def large_pools(layers: list) -> None:
            layers[index(layers, "block3_pool")]["config"]["pool_size"] = [3, 3]

        def channels_first(layers: list) -> None:
            layers[1]["config"]["data_format"] = "channels_first"

        def oblong(layers: list) -> None:
            layers[0]["config"]["batch_shape"] = [None, 64, 128, 3]

        def larger(layers: list) -> None:
            layers[0]["config"]["batch_shape"] = [None, 128, 128, 3]

        def normalised(layers: list) -> None:
            layers.insert(1, keras_layer("Normalization", "norm"))

        def rescaled(layers: list) -> None:
            layers[1:1] = [keras_layer("Rescaling", f"scale{i}", scale=0.1) for i in range(2)]

        changed(without_pool, "4 blocks")
        changed(with_pool, '"early"', "pools")
        changed(with_strides, '"block2_conv1"', "strides")
        changed(large_pools, '"block3_pool"', "pools")
        changed(channels_first, "block1_conv1", "format")
        changed(oblong, '"input_1"', "no square")
        changed(larger, "128 pixels", "2 x 2")
        changed(normalised, '"norm"', "before the convolutions")
        changed(rescaled, '"scale1"', "once")

    def test_keras_rescaling_in_the_model(self) -> None:
        top = [keras_layer("Flatten", "flatten"), keras_layer("Dense", "a", activation="relu"),
               keras_layer("Dense", "b", activation="relu"),
               keras_layer("Dense", "c", activation="softmax")]
        before = [keras_layer("RandomFlip", "flip"),
                  keras_layer("Rescaling", "scale", scale=1 / 127.5, offset=-1)]
        self.import_file(self.keras_model(top, before))
        self.expect_answer(self.photo / 127.5 - 1)
        # Keras's own, as part of the model.
        before = [keras_layer("GetItem", "bgr"), keras_layer("Add", "minus_mean")]
        self.expect_keras(self.keras_model(top, before))

    def test_keras_sides_that_are_no_multiple_of_32(self) -> None:
        self.parameters = random_parameters(CLASSES, [24])
        top = [keras_layer("Flatten", "flatten"), keras_layer("Dense", "a", activation="relu"),
               keras_layer("Dense", "b", activation="softmax")]
        preprocess = json.loads(self.import_file(self.keras_model(top, side=75))["preprocess"])
        self.assertEqual(preprocess["size"], 75)

    def test_keras_small_inputs(self) -> None:
        """Of 48 pixels, whose map has one position."""
        self.parameters = random_parameters(CLASSES, [], averages=True)
        top = [keras_layer("Flatten", "flatten"),
               keras_layer("Dense", "answer", activation="softmax")]
        preprocess = json.loads(self.import_file(self.keras_model(top, side=48))["preprocess"])
        self.assertEqual(preprocess["size"], 48)

    def test_keras_2_12_archives(self) -> None:
        """Where each layer with weights counts twice."""
        path = self.folder / "old.keras"
        keras_zip(path, self.parameters, by_name=False, nested=False, counts_twice=True)
        self.expect_keras(path)

    def test_keras_3_weights(self) -> None:
        """`model.save_weights("dogs.weights.h5")`: layers by class and count, undescribed."""
        path = self.folder / "dogs.weights.h5"
        for nested in (False, True):
            with self.subTest(nested=nested):
                with h5py.File(path, "w") as file:
                    outer = file.create_group("layers")
                    inner = outer.create_group("functional/layers") if nested else outer
                    counts = {"conv2d": 0, "dense": 0}
                    for kernel, bias in keras_arrays(self.parameters):
                        kind = "conv2d" if kernel.ndim == 4 else "dense"
                        name = kind + (f"_{counts[kind]}" if counts[kind] else "")
                        counts[kind] += 1
                        group = (inner if kind == "conv2d" else outer).create_group(f"{name}/vars")
                        group["0"], group["1"] = kernel, bias
                    # Its generator of random numbers is no weight.
                    outer.create_group("dropout/seed_generator/vars")["0"] = np.zeros(2, "u4")
                self.expect_keras(path)

    def test_keras_numbers_of_other_kinds(self) -> None:
        layers = keras_layers(self.parameters, "{}/kernel:0", "{}/bias:0", "predictions")
        path = self.folder / "vgg16.h5"

        def write(dtype: str) -> Path:
            with h5py.File(path, "w") as file:
                write_group(file, {name: {k: v.astype(dtype) for k, v in weights.items()}
                                   for name, weights in layers.items()})
            return path

        for dtype, close in (("f2", 2e-2), ("f8", 1e-4)):
            self.import_file(write(dtype))
            self.expect_answer(self.keras_input(), close=close)
        self.out.unlink()
        self.expect_failure(write(">f4"), "block1_conv1", "floats of 16, 32 or 64 bits")

    def test_hdf5_that_keras_does_not_write(self) -> None:
        layers = keras_layers(self.parameters, "{}/kernel:0", "{}/bias:0", "predictions")
        path = self.folder / "vgg16.h5"
        with h5py.File(path, "w", libver="latest") as file:
            write_group(file, layers)
        self.expect_failure(path, "vgg16.h5", "libver")
        with h5py.File(path, "w", track_order=True) as file:
            write_group(file, layers)
        self.expect_failure(path, "track_order")
        with h5py.File(path, "w") as file:
            file.attrs["layer_names"] = [b"a"]
            group = file.create_group("a")
            group.attrs["weight_names"] = [b"k"]
            group.create_dataset("k", data=np.zeros((3, 3, 3, 4), "f4"), compression="gzip")
        self.expect_failure(path, '"k"', "compressed")

    def test_torchvision_in_both_containers(self) -> None:
        path = self.folder / "vgg16-397923af.pth"
        for is_zip in (True, False):  # the official one is not
            with self.subTest(zip=is_zip):
                torch.save(torch_state(self.parameters), path,
                           _use_new_zipfile_serialization=is_zip)
                preprocess = json.loads(self.import_file(path)["preprocess"])
                self.assertEqual((preprocess["resize"], preprocess["shorter_side"],
                                  preprocess["crop"]), ("shorter_side", 73, SIDE))
                self.assertEqual(tensors.read(self.out)[1]["source"], path.name)
                self.expect_answer(self.torchvision_input())

    def test_torch_checkpoint_of_several_devices(self) -> None:
        path = self.folder / "checkpoint.pt"
        state = {f"module.{name}": values for name, values in torch_state(self.parameters).items()}
        torch.save({"state_dict": state, "epoch": 3}, path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())

    def test_torch_whole_models(self) -> None:
        """`torch.save(model, path)`: a program, of which nothing is run."""
        path = self.folder / "model.pth"
        for is_zip in (True, False):
            for half in (False, True):
                with self.subTest(zip=is_zip, half=half):
                    model = TorchVgg16(self.parameters)
                    torch.save(model.half() if half else model, path,
                               _use_new_zipfile_serialization=is_zip)
                    self.import_file(path)
                    self.expect_answer(self.torchvision_input(), close=2e-2 if half else 1e-4)

    def test_torch_tops(self) -> None:
        path = self.folder / "dogs.pth"
        for hidden, names in (([24], (".0", ".3")), ([], (".0",)), ([33, 18], (".0", ".3", ".6.1")),
                              ([], ("",)), ([33, 18], (".in", ".hidden", ".answer"))):
            with self.subTest(hidden=hidden, names=names):
                self.parameters = random_parameters(CLASSES, hidden)
                torch.save(torch_state(self.parameters, names), path)
                self.import_file(path)
                self.expect_answer(self.torchvision_input())
        self.out.unlink()
        self.parameters = random_parameters(CLASSES, [], averages=True)
        torch.save(torch_state(self.parameters, (".0",)), path)
        self.expect_failure(path, "classifier.0.weight", "weights alone do not tell")

    def test_torch_checkpoints_with_other_tensors(self) -> None:
        path = self.folder / "checkpoint.ckpt"
        state = torch_state(self.parameters)
        lightning = {f"model.{name}": values for name, values in state.items()}
        parallel = {name.replace("features.", "features.module."): values
                    for name, values in state.items()}
        for saved in ({"epoch": 3, "best_acc1": torch.ones(1), "state_dict": parallel,
                       "optimizer": {"state": {0: {"exp_avg": torch.ones(3, 4)}}}},
                      {"callbacks": {"ModelCheckpoint": {"best_model_score": torch.ones(())}},
                       "state_dict": lightning, "loops": {}},
                      {"loss": torch.ones(2, 2), "model": state, "state_dict_ema": state}):
            torch.save(saved, path)
            self.import_file(path)
            self.expect_answer(self.torchvision_input())

    def test_torch_models_with_other_activations(self) -> None:
        path = self.folder / "model.pth"
        model = TorchVgg16(self.parameters)
        model.classifier[1] = torch.nn.Tanh()
        torch.save(model, path)
        self.expect_failure(path, '"Tanh"', '"classifier.1"')

    def test_torch_batch_normalisation(self) -> None:
        """torchvision's vgg16_bn."""
        rng = np.random.default_rng(5)
        state = OrderedDict()
        folded: Parameters = []
        at = 0
        for block in range(5):
            for _ in BLOCKS[block]:
                weight, bias = self.parameters[len(folded)]
                scale, shift, mean = rng.standard_normal((3, len(bias)))
                variance = rng.uniform(0.5, 2, len(bias))
                norm = torch.nn.BatchNorm2d(len(bias)).double().eval()
                norm.load_state_dict({
                    "weight": torch.from_numpy(scale), "bias": torch.from_numpy(shift),
                    "running_mean": torch.from_numpy(mean),
                    "running_var": torch.from_numpy(variance),
                    "num_batches_tracked": torch.tensor(7)})
                state[f"features.{at}.weight"] = torch.from_numpy(weight)
                state[f"features.{at}.bias"] = torch.from_numpy(bias)
                for name, values in norm.state_dict().items():
                    state[f"features.{at + 1}.{name}"] = (
                        values.float() if values.is_floating_point() else values)
                # What PyTorch makes of kernels as of any map of so many channels.
                two = np.stack([bias, bias + 1]).astype("f8")[..., None, None]
                ends = norm(torch.from_numpy(two))[..., 0, 0]
                shifted, factor = ends[0], ends[1] - ends[0]
                folded.append(((weight * factor.detach().numpy()[:, None, None, None]),
                               shifted.detach().numpy()))
                at += 3
            at += 1
        for name, (weight, bias) in zip((0, 3, 6), self.parameters[13:]):
            state[f"classifier.{name}.weight"] = torch.from_numpy(weight)
            state[f"classifier.{name}.bias"] = torch.from_numpy(bias)
        self.parameters = folded + self.parameters[13:]
        path = self.folder / "vgg16_bn.pth"
        torch.save(state, path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())
        self.out.unlink()
        state["features.1.running_var"] *= -1
        torch.save(state, path)
        self.expect_failure(path, "features.1.running_var", "negative")
        del state["features.1.running_var"]
        torch.save(state, path)
        self.expect_failure(path, "features.1", "incomplete")

    def test_torch_names_of_timm(self) -> None:
        path = self.folder / "pytorch_model.bin"
        names = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2",
                 "classifier.6": "head.fc"}
        state = OrderedDict()
        for name, values in torch_state(self.parameters).items():
            layer, kind = name.rsplit(".", 1)
            state[f"{names.get(layer, layer)}.{kind}"] = values
        fc1, fc2 = "pre_logits.fc1.weight", "pre_logits.fc2.weight"
        state[fc1] = state[fc1].reshape(DENSE[0], -1, GRID, GRID)
        state[fc2] = state[fc2][:, :, None, None]
        torch.save(state, path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())

    def test_torch_of_python_2(self) -> None:
        """Where an OrderedDict is made of a list of pairs."""
        path = self.folder / "old.pth"
        torch.save(torch_state(self.parameters), path, pickle_module=OldPickle,
                   _use_new_zipfile_serialization=False)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())

    def test_torch_views_of_a_storage(self) -> None:
        path = self.folder / "views.pth"
        state = torch_state(self.parameters)
        name = "classifier.3.weight"
        whole = torch.cat([torch.zeros_like(state[name]), state[name]])
        state[name] = whole[DENSE[1]:]
        torch.save(state, path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())
        state[name] = state[name].T.contiguous().T
        torch.save(state, path)
        self.out.unlink()
        self.expect_failure(path, name, "contiguous")

    def test_torch_pickles_that_take_all(self) -> None:
        """Small files that say much: memory and time stay within bounds."""

        def text(content: bytes) -> bytes:
            return b"X" + struct.pack("<I", len(content)) + content

        tensor = (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text(b"storage") +
                  b"ctorch\nFloatStorage\n" + text(b"0") + text(b"cpu") +
                  b"K\x01tQK\x00K\x01\x85K\x01\x85tR")
        one, many = text(b"a" * 400_000), [text(b"%d" % i) for i in range(60_000)]
        pickles = {
            "names": b"\x80\x04" + one + b"q\x00" + b"h\x00h\x00\x93" * 100_000 + b".",
            "keys": b"\x80\x02}q\x00(" + b"".join(key + b"h\x00" for key in many) + b"u.",
            "long": b"\x80\x02}q\x00(" + b"".join(
                text(b"%d" % i + b"b" * 100_000) + b"h\x00" for i in range(8)) +
            text(b"t") + tensor + b"u.",
        }
        path = self.folder / "all.pth"
        for name, content in pickles.items():
            with self.subTest(name), zipfile.ZipFile(path, "w") as archive:
                archive.writestr("archive/data.pkl", content)
                archive.writestr("archive/data/0", b"\0\0\0\0")
            result = subprocess.run(
                [GRADCAM, "convert", str(path), str(self.out)], capture_output=True, text=True,
                timeout=20, check=False,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)))
            self.assertEqual((result.returncode, len(result.stderr.splitlines())), (1, 1), name)

    def test_torch_does_not_run_what_it_reads(self) -> None:
        path = self.folder / "evil.pth"
        trace = self.folder / "trace"

        class Evil:
            def __reduce__(self) -> tuple:
                return os.system, (f"touch {trace}",)

        torch.save(torch_state(self.parameters) | {"evil": Evil()}, path)
        self.import_file(path)
        self.assertFalse(trace.exists())

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
        # Training needs a file that it can read anywhere.
        trained = subprocess.run(
            [GRADCAM, "finetune", str(self.folder), "--model", str(path), "--out", str(self.out)],
            capture_output=True, text=True, check=False)
        self.assertNotEqual(trained.returncode, 0)
        self.assertIn("gradcam convert", trained.stderr)

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

    def test_keras_models_that_are_no_vgg16(self) -> None:
        layers = keras_layers(self.parameters, "{}/kernel:0", "{}/bias:0", "dense")
        path = self.folder / "other.h5"

        def write(changed: dict[str, dict[str, np.ndarray]]) -> Path:
            with h5py.File(path, "w") as file:
                write_group(file.create_group("model_weights"), changed)
            return path

        pooled = {k: v for k, v in layers.items() if k not in ("fc1", "fc2", "dense")}
        kernel = np.zeros((BLOCKS[-1][-1], 5), "f4")
        pooled["d"] = {"d/kernel:0": kernel, "d/bias:0": np.zeros(5, "f4")}
        self.expect_failure(write(pooled), "other.h5", "averages, maxima")
        four = layers | {"d": {"d/kernel:0": np.zeros((5, 5), "f4"), "d/b:0": np.zeros(5, "f4")}}
        self.expect_failure(write(four), "other.h5", "13 convolutions and 4 dense")
        normalised = {"bn": {f"v{i}": np.ones(4, "f4") for i in range(4)}, **layers}
        self.expect_failure(write(normalised), "batch normalisation")
        broken = dict(layers)
        broken["fc1"] = {"fc1/kernel:0": np.zeros((75, 33), "f4"), "fc1/bias:0": np.zeros(33, "f4")}
        self.expect_failure(write(broken), "fc1", "75 inputs")
        kernel = layers["block2_conv1"]["block2_conv1/kernel:0"].copy()
        kernel[0, 1, 2, 3] = np.nan
        broken = dict(layers)
        broken["block2_conv1"] = {"k": kernel, "b": layers["block2_conv1"]["block2_conv1/bias:0"]}
        self.expect_failure(write(broken), "block2_conv1.weight", "input 7", "not a number")
        with h5py.File(path, "w") as file:
            file["x"] = np.zeros(3)
        self.expect_failure(path, "layer_names")

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
        self.expect_failure(self.folder / "a.keras", "a.keras", "0 blocks")
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


if __name__ == "__main__":
    unittest.main()
