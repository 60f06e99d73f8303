#!/usr/bin/env python3
"""Writes what the fuzz targets begin with where tests/fixtures has nothing as small: script/ and
text/keras.json from its models, text/keras_2.json and text/keras_3.json as tests/oracle describes
them, and model/, the smallest VGG16s in all number formats, and a head. Needs what those tests
need; run it by hand."""
from __future__ import annotations

import json
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "oracle"))

from foreign_models import (  # noqa: E402
    connected, keras_2_preprocess_input, keras_config, keras_layer, keras_preprocess_input,
)

MODELS = HERE.parents[1] / "fixtures/models"
CONVS_PER_BLOCK = (2, 2, 3, 3, 3)
WIDTHS = [1] * 12 + [8]  # of an input of 32 pixels, one position is left
DENSE = [8, 8, 2]
DTYPES = {"f8": "F64", "f4": "F32", "f2": "F16", "u2": "BF16", "i1": "I8", "u1": "U8"}


def write_scripts() -> None:
    """The pickle of an archive of TorchScript, and its code; see script_fuzz.cpp."""
    for name in ("pytorch_script", "pytorch_trace"):
        with zipfile.ZipFile(MODELS / f"{name}.pt") as archive:
            seed = archive.read("archive/data.pkl")
            for entry in archive.namelist():
                if entry.endswith(".py"):
                    path = entry.removeprefix("archive/")
                    seed += f"\n#{path}\n".encode() + archive.read(entry)
        (HERE / "script" / name).write_bytes(seed)


def write(name: str, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    header: dict[str, dict] = {"__metadata__": metadata}
    data = b""
    for tensor, values in tensors.items():
        begin = len(data)
        data += values.tobytes()
        header[tensor] = {"dtype": DTYPES[values.dtype.str[1:]], "shape": values.shape,
                          "data_offsets": [begin, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    path = HERE / "model" / f"{name}.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def tiny_model(conv: str, dense: str, last: str) -> dict[str, np.ndarray]:
    """dense: of fc1 and fc2, of which "u1" has two weights in a byte."""
    names = [f"block{b}_conv{c}" for b, n in enumerate(CONVS_PER_BLOCK, 1) for c in range(1, n + 1)]
    tensors = {}
    inputs = 3
    for name, outputs in zip([*names, "fc1", "fc2", "predictions"], WIDTHS + DENSE):
        is_conv = name in names
        dtype = conv if is_conv else last if name == "predictions" else dense
        shape = (outputs, 3, 3, inputs) if is_conv else (outputs, inputs // (1 + (dtype == "u1")))
        tensors[f"{name}.weight"] = (np.arange(np.prod(shape)) % 5).reshape(shape).astype(dtype)
        if dtype in ("i1", "u1"):
            scales = (outputs, 1) if dtype == "u1" else (outputs,)
            tensors[f"{name}.weight_scale"] = np.full(scales, 0.25, "f4")
        tensors[f"{name}.bias"] = np.zeros(outputs, "f4" if is_conv else "f8")
        inputs = outputs
    return tensors


def write_models() -> None:
    about = {"format": "gradcam.cpp/1", "architecture": "vgg16", "labels": '["a","b"]'}
    write("float32", tiny_model("f4", "f4", "f4"), {})
    write("float16", tiny_model("f2", "f2", "f2"), about)
    write("bfloat16", tiny_model("u2", "f8", "u2"), about)
    write("int8", tiny_model("i1", "i1", "i1"), about)
    model = tiny_model("i1", "u1", "i1")
    model |= {f"others.{part}": model[f"predictions.{part}"].copy()
              for part in ("weight", "weight_scale", "bias")}
    write("int4", model, {**about, "others": "something else", "temperature": "1.5"})
    write("head", {"predictions.weight": np.ones((2, 8), "f4"),
                   "predictions.bias": np.zeros(2, "f4")},
          {**about, "architecture": "vgg16-head", "base": "0123456789abcdef"})


def write_descriptions() -> None:
    """Models of Keras that preprocess photos themselves."""
    top = [keras_layer("GlobalAveragePooling2D", "pool"), keras_layer("BatchNormalization", "bn"),
           keras_layer("Dense", "dense", activation="softmax")]
    before = [keras_layer("Sequential", "augmentation", layers=[
        keras_layer("RandomFlip", "flip"), keras_layer("Rescaling", "scale", scale=0.5, offset=0)]),
        *keras_preprocess_input("augmentation"),
        keras_layer("Normalization", "norm", axis=[-1], mean=None, variance=None, invert=False)]
    for name, config in (("keras_2", keras_config(top, keras_2_preprocess_input())),
                         ("keras_3", keras_config(top, before, nested=True))):
        (HERE / f"text/{name}.json").write_text(json.dumps(connected(config)))


if __name__ == "__main__":
    write_descriptions()
    write_scripts()
    write_models()
    with zipfile.ZipFile(MODELS / "keras.keras") as archive:
        (HERE / "text/keras.json").write_bytes(archive.read("config.json"))
