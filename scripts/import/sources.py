"""Reads the VGG16 files that people have, Keras's and PyTorch's, into our names and layouts."""
from __future__ import annotations

import json
import pickle
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

import numpy as np

CONVS = [
    *("block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2"),
    *("block3_conv1", "block3_conv2", "block3_conv3"),
    *("block4_conv1", "block4_conv2", "block4_conv3"),
    *("block5_conv1", "block5_conv2", "block5_conv3"),
]
DENSE = ["fc1", "fc2", "predictions"]
FEATURES = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]  # torchvision's features.N

# keras.applications.imagenet_utils, mode "caffe": BGR with the mean of each channel subtracted; its
# examples resize a photo to the input whatever its aspect. torchvision: models.VGG16_Weights.
KERAS = {"channels": "BGR", "scale": 1, "mean": [103.939, 116.779, 123.68], "std": [1, 1, 1]}
TORCHVISION = {
    "channels": "RGB", "scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]
}
UNIT = {"channels": "RGB", "scale": 1 / 255, "mean": [0, 0, 0], "std": [1, 1, 1]}


class BadFile(Exception):
    """What is wrong with a file, in a sentence without the file's name."""


Layer = tuple[np.ndarray, np.ndarray]  # weight and bias


@dataclass
class Weights:
    """Convolutions [O, 3, 3, I] and dense layers [O, I] in the order of the forward pass; fc1 over
    rows, columns, channels. Without dense layers, of a `notop` file."""

    convs: list[Layer]
    dense: list[Layer]
    values: dict[str, Any]  # channel order, scale, mean and std that it was trained with
    keeps_aspect: bool  # resized by the shorter side and cropped, or squashed
    labels: list[str] = field(default_factory=list)

    def side(self) -> int:
        """Of the input in pixels."""
        if not self.dense:
            return 224
        inputs, channels = self.dense[0][0].shape[1], self.convs[-1][1].size
        return 32 * round((inputs / channels) ** 0.5)

    def preprocess(self) -> dict[str, Any]:
        side = self.side()
        resize: dict[str, Any] = {"resize": "squash"}
        if self.keeps_aspect:
            resize = {"resize": "shorter_side", "shorter_side": side * 256 // 224, "crop": side}
        return {**resize, "size": side, **self.values}

    def tensors(self) -> dict[str, np.ndarray]:
        names = CONVS + DENSE
        result = {}
        for name, (weight, bias) in zip(names, self.convs + self.dense):
            result[f"{name}.weight"] = weight.astype("<f4", copy=False)
            result[f"{name}.bias"] = bias.astype("<f4", copy=False)
        return result


def _check(weights: Weights) -> Weights:
    """Whether the layers are those of a VGG16 and fit together."""
    count = (len(weights.convs), len(weights.dense))
    if count not in ((13, 3), (13, 0)):
        raise BadFile(f"it has {count[0]} convolutions and {count[1]} dense layers; a VGG16 has 13 "
                      "and 3 (fc1, fc2 and one for the classes), or 13 and none without its top")
    inputs = 3
    for name, (weight, bias) in zip(CONVS, weights.convs):
        if weight.shape[1:] != (3, 3, inputs) or bias.shape != weight.shape[:1]:
            raise BadFile(f"{name} has a kernel of {weight.shape[0]} outputs over "
                          f"{weight.shape[1:]} and {bias.size} biases; expected is a 3 x 3 kernel "
                          f"over {inputs} channels with a bias for each output")
        inputs = weight.shape[0]
    for name, (weight, bias) in zip(DENSE, weights.dense):
        fits = weight.shape[1] == inputs
        if name == "fc1":
            side = round((weight.shape[1] / inputs) ** 0.5)
            fits = side > 0 and weight.shape[1] == side * side * inputs
        if not fits or bias.shape != weight.shape[:1]:
            raise BadFile(f"{name} takes {weight.shape[1]} inputs, which does not follow a layer "
                          f"of {inputs} outputs")
        inputs = weight.shape[0]
    for name, values in weights.tensors().items():
        if not np.isfinite(values).all():
            raise BadFile(f"{name} has values that are not finite")
    return weights


# --- Keras


def _attribute_list(group: Any, name: str) -> list[str]:
    """A list of names; h5py cannot hold long ones, so Keras splits them into name0, name1, ..."""
    parts = [name] if name in group.attrs else []
    while f"{name}{len(parts)}" in group.attrs:
        parts.append(f"{name}{len(parts)}")
    texts = [text for part in parts for text in group.attrs[part]]
    return [text.decode() if isinstance(text, bytes) else str(text) for text in texts]


def _keras_layers(arrays: Iterator[np.ndarray]) -> Weights:
    """Kernels and biases in the order of the layers: convolutions [3, 3, I, O], dense [I, O]."""
    weights = Weights([], [], KERAS, keeps_aspect=False)
    kernel = None
    for array in arrays:
        if array.ndim in (2, 4) and kernel is None:
            kernel = array
        elif array.ndim == 1 and kernel is not None:
            if kernel.ndim == 4:
                if weights.dense:
                    raise BadFile("it has a convolution behind a dense layer, unlike a VGG16")
                weights.convs.append((kernel.transpose(3, 0, 1, 2), array))
            else:
                weights.dense.append((kernel.T, array))
            kernel = None
        else:
            raise BadFile(f"it has weights of shape {array.shape} where a VGG16 has a kernel "
                          "followed by its bias (batch normalisation is not part of VGG16)")
    return _check(weights)


def _h5_arrays(file: Any) -> Iterator[np.ndarray]:
    root = file["model_weights"] if "model_weights" in file else file
    names = _attribute_list(root, "layer_names")
    if not names:
        raise BadFile("it is an HDF5 file, but has no layer_names as Keras writes them")
    for layer in names:
        for weight in _attribute_list(root[layer], "weight_names"):
            yield root[layer][weight][()]


def read_keras_h5(path: Path) -> Weights:
    """A file of weights (`save_weights`, the official ones) or of a model (`model.save`)."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return _keras_layers(_h5_arrays(file))
    except (OSError, KeyError) as error:
        raise BadFile(f"its HDF5 is damaged: {error}") from None


def _snake(name: str) -> str:
    text = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    return text.lstrip("_").replace("2_d", "2d")


def _zip_arrays(config: dict[str, Any], group: Any) -> Iterator[np.ndarray]:
    """Keras 3 names the group of a layer by its class and a count, later versions by its name."""
    counts: dict[str, int] = {}
    groups = group["layers"]
    names = [layer["config"].get("name") for layer in config["config"]["layers"]]
    by_name = all(key in names for key in groups)
    for layer, name in zip(config["config"]["layers"], names):
        snake = _snake(layer["class_name"])
        count = counts.get(snake, 0)
        counts[snake] = count + 1
        found = groups.get(name if by_name else f"{snake}_{count}" if count else snake)
        if found is None:
            continue
        if "layers" in layer["config"]:
            yield from _zip_arrays(layer, found)
        elif "vars" in found:
            variables = found["vars"]
            for i in range(len(variables)):
                yield variables[str(i)][()]


def read_keras_zip(path: Path) -> Weights:
    """A `.keras` file of Keras 3."""
    import h5py

    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
            with archive.open("model.weights.h5") as content, h5py.File(content, "r") as file:
                return _keras_layers(_zip_arrays(config, file))
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise BadFile(f"it is no model that Keras 3 has saved: {error}") from None


# --- PyTorch


def read_torch(path: Path) -> Weights:
    """A `state_dict` with torchvision's names, or a checkpoint that holds one."""
    import torch

    try:
        # Weights alone: a pickle may run any program.
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, OSError, KeyError, pickle.UnpicklingError) as error:
        first = (str(error).splitlines() or ["it is damaged"])[0]
        raise BadFile("it is no file of weights of PyTorch (save model.state_dict(), not the model "
                      f"itself): {first}") from None
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise BadFile("it holds no state_dict")
    arrays = {
        name.removeprefix("module."): tensor.float().numpy()
        for name, tensor in state.items() if isinstance(tensor, torch.Tensor)
    }
    convs = [f"features.{n}" for n in FEATURES]
    dense = [f"classifier.{n}" for n in (0, 3, 6)]
    names = convs if not any(name.startswith("classifier.") for name in arrays) else convs + dense
    expected = [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]
    missing = [name for name in expected if name not in arrays]
    if missing:
        raise BadFile(f"it lacks {missing[0]} and {len(missing) - 1} more of torchvision's VGG16"
                      if len(missing) > 1 else f"it lacks {missing[0]} of torchvision's VGG16")
    unknown = [name for name in arrays if name not in expected]
    if unknown:
        raise BadFile(f"it has {unknown[0]}, which torchvision's VGG16 has not")
    for name in convs:
        if arrays[f"{name}.weight"].ndim != 4:
            raise BadFile(f"{name}.weight is no kernel of a convolution")
    for name in names[len(convs):]:
        if arrays[f"{name}.weight"].ndim != 2:
            raise BadFile(f"{name}.weight is no matrix")
    weights = Weights(
        [(arrays[f"{n}.weight"].transpose(0, 2, 3, 1), arrays[f"{n}.bias"]) for n in convs],
        [(arrays[f"{n}.weight"], arrays[f"{n}.bias"]) for n in names[len(convs):]],
        TORCHVISION, keeps_aspect=True)
    _check(weights)
    if weights.dense:
        fc1, bias = weights.dense[0]
        side, channels = weights.side() // 32, weights.convs[-1][1].size
        by_position = fc1.reshape(-1, channels, side, side).transpose(0, 2, 3, 1)
        weights.dense[0] = (by_position.reshape(fc1.shape), bias)
    return weights


def read(path: Path) -> Weights:
    """Tells the formats by their first bytes."""
    with path.open("rb") as file:
        first = file.read(8)
    if first == b"\x89HDF\r\n\x1a\n":
        return read_keras_h5(path)
    if first[:2] == b"PK":
        try:
            with zipfile.ZipFile(path) as archive:
                if "model.weights.h5" in archive.namelist():
                    return read_keras_zip(path)
        except zipfile.BadZipFile as error:
            raise BadFile(f"it is a damaged zip archive: {error}") from None
    elif first[:1] != b"\x80":
        raise BadFile("it is neither an HDF5 file or .keras archive of Keras nor a .pth of PyTorch")
    return read_torch(path)


def read_labels(path: Path, classes: int | None) -> list[str]:
    """A name a line, or JSON: a list, or Keras's {"0": ["n01440764", "tench"], ...}. Names that
    occur twice, as in ImageNet, get their number behind them. `classes`: how many there must be."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        try:
            content = json.loads(text)
            if isinstance(content, dict):
                content = [content[str(i)][-1] for i in range(len(content))]
            labels = [str(label) for label in content]
        except (ValueError, KeyError, TypeError, IndexError):
            raise BadFile("it is neither a JSON list of names nor Keras's class index") from None
    else:
        labels = text.splitlines()
    if classes is not None and len(labels) != classes:
        raise BadFile(f"it names {len(labels)} classes, but the model has {classes}")
    if not labels:
        raise BadFile("it names no classes")
    if not all(labels):
        raise BadFile(f"the name of class {labels.index('')} is empty")
    seen: set[str] = set()
    for i, label in enumerate(labels):
        labels[i] = f"{label}_{i}" if label in seen else label
        seen.add(label)
    return labels


def random_dense(channels: int, classes: int, width: int, seed: int = 0) -> list[Layer]:
    """Untrained dense layers for a model without its top: He's deviations, no biases."""
    rng = np.random.default_rng(seed)
    layers = []
    for inputs, outputs in ((49 * channels, width), (width, width), (width, classes)):
        weight = rng.standard_normal((outputs, inputs), np.float32)
        weight *= np.float32((2 / inputs) ** 0.5)
        layers.append((weight, np.zeros(outputs, np.float32)))
    return layers
