"""Model files of Keras and PyTorch, made here as those make them, and what PyTorch computes from
the same weights: for tests of `gradcam convert`. Needs build/native/gradcam, or $GRADCAM."""
from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import tempfile
import unittest
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, Callable, Sequence

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "scripts/train"))

import tensors  # noqa: E402
from vgg16 import FEATURES  # noqa: E402

GRADCAM = os.environ.get("GRADCAM", str(ROOT / "build/native/gradcam"))
SIDE, GRID = 64, 2
BLOCKS = [(4, 5), (6, 7), (8, 9, 10), (12, 13, 14), (15, 16, 19)]
DENSE = [33, 18]
CLASSES = 5
KERAS_CONVS = [f"block{b + 1}_conv{c + 1}" for b in range(5) for c in range(len(BLOCKS[b]))]

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


def keras_tensor(layer: str) -> dict[str, Any]:
    """What a layer gives, as Keras 3 says it of another one, which is given that."""
    return {"class_name": "__keras_tensor__", "config": {
        "shape": [None, SIDE, SIDE, 3], "dtype": "float32", "keras_history": [layer, 0, 0]}}


def keras_numbers(values: Any) -> dict[str, Any]:
    return {"class_name": "__tensor__",
            "config": {"value": np.float32(values).tolist(), "dtype": "float32"}}


def keras_key(*keys: Any, is_keras_3: bool = True) -> list[Any]:
    """x[keys]"""

    def described(one: Any) -> Any:
        if one is Ellipsis:
            return {"class_name": "__ellipsis__", **({"config": {}} if is_keras_3 else {})}
        if not isinstance(one, slice):
            return one
        config = {"start": one.start, "stop": one.stop, "step": one.step}
        return {"class_name": "__slice__", "config": config} if is_keras_3 else config

    return [described(one) for one in keys]


def keras_operation(class_name: str, name: str, *given: Any, **config: Any) -> dict[str, Any]:
    """Arithmetic in a model of Keras 3, of tensors and numbers."""
    return {"module": "keras.src.ops.numpy", "class_name": class_name,
            "config": {"name": name, **config}, "registered_name": class_name, "name": name,
            "inbound_nodes": [{"args": list(given), "kwargs": {}}]}


def keras_2_operation(function: str, layer: str, given: Any, **arguments: Any) -> dict[str, Any]:
    """The same in Keras 2, by a function of TensorFlow. given: the name of a layer, or a number."""
    first = [given, 0, 0] if isinstance(given, str) else ["_CONSTANT_VALUE", -1, given]
    kind = "SlicingOpLambda" if function == "__operators__.getitem" else "TFOpLambda"
    return {"class_name": kind, "name": layer,
            "config": {"name": layer, "trainable": True, "dtype": "float32", "function": function},
            "inbound_nodes": [[*first, arguments]]}


VGG16_MEANS = (-103.939, -116.779, -123.68)


def keras_preprocess_input(given: str = "input_1") -> list[dict[str, Any]]:
    """What vgg16.preprocess_input becomes in a model, of Keras 3.3 to 3.16."""
    slices = [keras_operation("GetItem", f"get_item{i}", keras_tensor(given), keras_key(..., 2 - i))
              for i in range(3)]
    stacked = [keras_tensor(layer["name"]) for layer in slices]
    return [*slices, keras_operation("Stack", "stack", stacked, axis=-1),
            keras_operation("Add", "add", keras_tensor("stack"), keras_numbers([[[VGG16_MEANS]]]))]


def keras_2_preprocess_input() -> list[dict[str, Any]]:
    """The same of Keras 2."""
    key = keras_key(..., slice(None, None, -1), is_keras_3=False)
    return [keras_2_operation("__operators__.getitem", "slice", "input_1", slice_spec=key),
            keras_2_operation("nn.bias_add", "tf.nn.bias_add", "slice", data_format="channels_last",
                              bias=np.float32(VGG16_MEANS).tolist())]


def keras_name(layer: dict[str, Any]) -> str:
    return layer.get("name") or layer["config"]["name"]


def connected(config: dict[str, Any]) -> dict[str, Any]:
    """The same where each layer of a functional model says that it is given what the one before
    gives, if it does not say what."""
    if config["class_name"] != "Functional":
        return config
    layers: list[dict[str, Any]] = []
    for layer in config["config"]["layers"]:
        if layer["class_name"] == "InputLayer":
            layer = layer | {"inbound_nodes": []}
        elif layers:
            node = {"args": [keras_tensor(keras_name(layers[-1]))], "kwargs": {}}
            layer = {"inbound_nodes": [node]} | layer
        layers.append(connected(layer) if "layers" in layer["config"] else layer)
    return config | {"config": config["config"] | {"layers": layers}}


def keras_config(top: Sequence[dict[str, Any]], before: Sequence[dict[str, Any]] = (),
                 side: int = SIDE, nested: bool = False) -> dict[str, Any]:
    """The description of a model: VGG16 without its top, perhaps as a model in this one, and layers
    of its own before and behind it."""
    photo = keras_layer("InputLayer", "input_1", batch_shape=[None, side, side, 3])
    layers = []
    for block, convs in enumerate(BLOCKS, 1):
        layers += [keras_layer("Conv2D", f"block{block}_conv{i + 1}", activation="relu")
                   for i in range(len(convs))]
        layers.append(keras_layer("MaxPooling2D", f"block{block}_pool"))
    if nested:
        inner = keras_layer("InputLayer", "input_2", batch_shape=[None, side, side, 3])
        layers = [keras_layer("Functional", "vgg16", layers=[inner, *layers])]
    return keras_layer("Functional", "model", layers=[photo, *before, *layers, *top])


def write_keras_3_layers(model: Any, layers: Sequence[dict[str, Any]], arrays: Any, by_name: bool,
                         count_by: int = 1) -> None:
    """Weights in groups, which are named by the class and a count, or later by the layer."""
    top = model.create_group("layers" if count_by == 1 else "_layer_checkpoint_dependencies")
    counts: dict[str, int] = {}
    for layer in layers:
        kind = layer["class_name"]
        if kind not in ("Conv2D", "Dense", "Functional", "Sequential") and not adapts(layer):
            continue
        number = counts.get(kind, 0)
        counts[kind] = number + count_by
        name = kind.lower() + (f"_{number}" if number else "")
        group = top.create_group(layer["config"]["name"] if by_name else name)
        if "layers" in layer["config"]:
            write_keras_3_layers(group, layer["config"]["layers"], arrays, by_name, count_by)
        else:
            for i, values in enumerate(next(arrays)):
                group[f"vars/{i}"] = values


def adapts(layer: dict[str, Any]) -> bool:
    """Whether it is a Normalization whose numbers are among the weights."""
    config = layer["config"]
    return layer["class_name"] == "Normalization" and not (
        config.get("mean") or config.get("variance"))


def keras_moments(mean: Any, variance: Any) -> tuple[np.ndarray, ...]:
    """What such a layer knows by adapt(): at last, of how many photos."""
    return np.float32(mean), np.float32(variance), np.int32(0)


def keras_zip(path: Path, parameters: Parameters, config: dict[str, Any], by_name: bool,
              count_by: int = 1, moments: Sequence[tuple[np.ndarray, ...]] = ()) -> None:
    """`model.save("dogs.keras")`"""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        arrays = iter([*moments, *keras_arrays(parameters)])
        write_keras_3_layers(file, config["config"]["layers"], arrays, by_name, count_by)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.3.0"}))
        archive.writestr("config.json", json.dumps(connected(config)))
        archive.writestr("model.weights.h5", content.getvalue())


class TorchVgg16(torch.nn.Module):
    """As torchvision's is made."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__()
        convs = {n: torch.nn.Conv2d(w.shape[1], w.shape[0], 3, padding=1)
                 for n, (w, _) in zip(FEATURES, parameters)}
        pools = {n: torch.nn.MaxPool2d(2) for n in (4, 9, 16, 23, 30)}
        self.features = torch.nn.Sequential(
            *((convs | pools).get(n, torch.nn.ReLU()) for n in range(31)))
        dense = {n: torch.nn.Linear(w.shape[1], w.shape[0])
                 for n, (w, _) in zip((0, 3, 6), parameters[13:])}
        others = {1: torch.nn.ReLU(), 4: torch.nn.ReLU()}
        self.classifier = torch.nn.Sequential(
            *((dense | others).get(n, torch.nn.Dropout()) for n in range(max(dense) + 1)))
        self.load_state_dict(torch_state(parameters))

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        return self.classifier(torch.flatten(self.features(photos), 1))


class OldPickle:
    """The module `pickle` as it wrote an OrderedDict in Python 2."""

    class Pickler(pickle._Pickler):
        dispatch_table = {OrderedDict: lambda value: (
            OrderedDict, ([[key, item] for key, item in value.items()],))}

    @staticmethod
    def dump(value: Any, file: Any, protocol: int) -> None:
        OldPickle.Pickler(file, protocol).dump(value)

class ImportCase(unittest.TestCase):
    """A test with a folder, a photo and a network."""

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
        self.assertEqual(preprocess["size"], len(self.photo))
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

    def keras_model(self, top: Sequence[dict[str, Any]], before: Sequence[dict[str, Any]] = (),
                    side: int = SIDE, norms: Sequence[np.ndarray] = (),
                    moments: Sequence[tuple[np.ndarray, ...]] = ()) -> Path:
        """`Model(...).save("dogs.h5")` with `self.parameters`, whose dense layers are those in
        `top`, batch normalisations with `norms` and, of photos, with `moments`."""
        path = self.folder / "dogs.h5"
        config = connected(keras_config(top, before, side))
        arrays, norms, moments = iter(keras_arrays(self.parameters)), iter(norms), iter(moments)
        layers: dict[str, dict[str, np.ndarray]] = {}
        for layer in config["config"]["layers"]:
            name = keras_name(layer)
            layers[name] = {}
            if layer["class_name"] in ("Conv2D", "Dense"):
                kernel, bias = next(arrays)
                layers[name] = {f"{name}/kernel:0": kernel, f"{name}/bias:0": bias}
            if adapts(layer):
                layers[name] = {f"{name}/{kind}:0": values
                                for kind, values in zip(("mean", "variance", "count"),
                                                        next(moments))}
            if layer["class_name"] == "BatchNormalization":
                kinds = [*(["gamma"] if layer["config"].get("scale", True) else []),
                         *(["beta"] if layer["config"].get("center", True) else []),
                         "moving_mean", "moving_variance"]
                layers[name] = {f"{name}/{kind}:0": values
                                for kind, values in zip(kinds, next(norms))}
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = json.dumps(config)  # h5py keeps a text elsewhere
            write_group(file.create_group("model_weights"), layers)
        return path
