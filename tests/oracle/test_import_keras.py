"""Files of Keras that `gradcam convert` imports give the logits and maps that PyTorch computes from
the same weights; what would give others is refused."""
from __future__ import annotations

import functools
import json
import unittest
import zipfile
from pathlib import Path
from typing import Callable, Sequence

import h5py
import numpy as np
import torch
import torch.nn.functional as F

from foreign_models import (
    BLOCKS, CLASSES, GRID, KERAS_CONVS, ImportCase, average_top, flatten_top, keras_arrays,
    keras_config, keras_layer, keras_layers, keras_zip, random_parameters, write_group,
)


VGG16_MEANS = (-103.939, -116.779, -123.68)


def preprocessing(means: Sequence[float] = VGG16_MEANS, slices: Sequence | None = None,
                  is_keras_3: bool = True) -> list[dict]:
    """The layers that preprocess_input becomes in a model, as the versions of Keras describe what
    they are given."""

    def described(one: object) -> object:
        if one is Ellipsis:
            return {"class_name": "__ellipsis__", **({"config": {}} if is_keras_3 else {})}
        if not isinstance(one, slice):
            return one
        config = {"start": one.start, "stop": one.stop, "step": one.step}
        return {"class_name": "__slice__", "config": config} if is_keras_3 else config

    key = [described(one) for one in slices or (Ellipsis, slice(None, None, -1))]
    if is_keras_3:
        tensor = {"class_name": "__keras_tensor__", "config": {
            "shape": [None, 64, 64, 3], "dtype": "float32", "keras_history": ["input_1", 0, 0]}}
        added = {"class_name": "__tensor__", "config": {
            "value": [[[list(np.float32(means).tolist())]]], "dtype": "float32"}}
        return [keras_layer("GetItem", "get_item") |
                {"inbound_nodes": [{"args": [tensor, key], "kwargs": {}}]},
                keras_layer("Add", "add") |
                {"inbound_nodes": [{"args": [tensor, added], "kwargs": {}}]}]
    return [keras_layer("SlicingOpLambda", "tf.__operators__.getitem") |
            {"inbound_nodes": [["input_1", 0, 0, {"slice_spec": key}]]},
            keras_layer("TFOpLambda", "tf.nn.bias_add") |
            {"inbound_nodes": [["tf.__operators__.getitem", 0, 0, {
                "bias": np.float32(means).tolist(), "data_format": "channels_last"}]]}]


class KerasImport(ImportCase):
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
        behind = [pool, keras_layer("Dense", "end", activation="softmax"), bn[0]]
        self.expect_failure(self.keras_model(behind, norms=norms), '"bn0"', '"softmax"')

    def test_keras_batch_normalisation_of_less(self) -> None:
        """`BatchNormalization(scale=False)`, `center=False`, or both."""
        self.parameters = random_parameters(CLASSES, [24])
        rng = np.random.default_rng(12)
        for scales, centers in ((False, True), (True, False), (False, False)):
            with self.subTest(scales=scales, centers=centers):
                top = [keras_layer("Flatten", "flatten"),
                       keras_layer("Dense", "a", activation="relu"),
                       keras_layer("BatchNormalization", "bn", scale=scales, center=centers),
                       keras_layer("Dense", "b", activation="softmax")]
                arrays = [rng.uniform(0.5, 2, 24).astype("f4") for _ in range(2 + scales + centers)]
                tensors = [torch.from_numpy(array).double() for array in arrays]
                scale = tensors[0] if scales else None
                shift = tensors[int(scales)] if centers else None

                def answer(x: torch.Tensor, dense: list) -> torch.Tensor:
                    x = F.relu(F.linear(x.flatten(1), *dense[0]))
                    x = F.batch_norm(x, tensors[-2], tensors[-1], scale, shift, eps=1e-3)
                    return F.linear(x, *dense[1])

                self.import_file(self.keras_model(top, norms=[arrays]))
                self.expect_answer(self.keras_input(), answer)

    def test_keras_on_theano(self) -> None:
        """Whose kernels are turned."""
        path = self.official_keras()
        with h5py.File(path, "r+") as file:
            file.attrs["backend"] = b"theano"
        self.expect_failure(path, "Theano")
        with h5py.File(path, "w") as file:
            write_group(file.create_group("model_weights"), keras_layers(
                self.parameters, "{}/kernel:0", "{}/bias:0", "dense_3"))
            file["model_weights"].attrs["backend"] = b"theano"
        self.expect_failure(path, "Theano")

    def test_keras_activations_as_layers(self) -> None:
        top = [keras_layer("Flatten", "flatten"),
               keras_layer("Dense", "a", activation="linear"),
               keras_layer("ReLU", "relu", max_value=None, negative_slope=0.0, threshold=0.0),
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
        linear = keras_layer("Dense", "a", activation="linear")
        for settings in ({"max_value": 6.0}, {"negative_slope": 0.1}, {"threshold": 1.0}):
            own = keras_layer("ReLU", "own", **settings)
            path = self.keras_model([flatten, linear, own, dense[1]])
            self.expect_failure(path, '"a"', "ReLU of its own")
        twice = keras_layer("Dense", "a", activation="sigmoid")
        path = self.keras_model([flatten, twice, keras_layer("ReLU", "again"), dense[1]])
        self.expect_failure(path, '"again"', 'behind "sigmoid"')
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

        def dilated(layers: list) -> None:
            layers[index(layers, "block5_conv2")]["config"]["dilation_rate"] = [2, 2]

        def large_pools(layers: list) -> None:
            layers[index(layers, "block3_pool")]["config"]["pool_size"] = [3, 3]

        def padded(layers: list) -> None:
            layers[0]["config"]["batch_shape"] = [None, 80, 80, 3]
            layers[index(layers, "block3_pool")]["config"]["padding"] = "same"

        def channels_first(layers: list) -> None:
            layers[1]["config"]["data_format"] = "channels_first"

        def oblong(layers: list) -> None:
            layers[0]["config"]["batch_shape"] = [None, 64, 128, 3]

        def larger(layers: list) -> None:
            layers[0]["config"]["batch_shape"] = [None, 128, 128, 3]

        def normalised(layers: list) -> None:
            layers.insert(1, keras_layer("Normalization", "norm"))

        def unactivated(layers: list) -> None:
            layers[index(layers, "block3_conv2")]["config"]["activation"] = "linear"

        def unactivated_last(layers: list) -> None:
            layers[index(layers, "block3_conv3")]["config"]["activation"] = "linear"

        def begins_with(*kinds: str) -> Callable[[list], None]:
            def change(layers: list) -> None:
                layers[1:1] = [keras_layer(kind, kind.lower(), scale=0.1) for kind in kinds]

            return change

        def calls(**config: object) -> Callable[[list], None]:
            def change(layers: list) -> None:
                layers.insert(1, keras_layer("Lambda", "call", function="preprocess_input",
                                             **config))

            return change

        def normalised_behind(layers: list) -> None:
            layers.insert(index(layers, "block5_pool"), keras_layer("BatchNormalization", "bn"))

        def rescaled(layers: list) -> None:
            layers[1:1] = [keras_layer("Rescaling", f"scale{i}", scale=0.1) for i in range(2)]

        changed(without_pool, "4 blocks")
        changed(with_pool, '"early"', "pools")
        changed(with_strides, '"block2_conv1"', "strides")
        changed(dilated, '"block5_conv2"', "strides")
        changed(large_pools, '"block3_pool"', "pools")
        changed(padded, '"block3_pool"', "pools")
        changed(channels_first, "block1_conv1", "format")
        changed(oblong, '"input_1"', "no square")
        changed(larger, "128 pixels", "2 x 2")
        changed(normalised, '"norm"', "before the convolutions")
        changed(normalised_behind, '"bn"', "before it is pooled")
        for config in ({"module": "keras.applications.mobilenet_v2"}, {"module": "__main__"}, {},
                       {"module": "keras.applications.vgg16", "arguments": {"mode": "torch"}}):
            changed(calls(**config), '"call"', "may not be VGG16's")
        changed(begins_with("RandomCrop"), '"randomcrop"', "before the convolutions")
        changed(rescaled, '"scale1"', "once")
        changed(unactivated, '"block3_conv3"', "without a ReLU")
        changed(unactivated_last, '"block3_pool"', "pools")
        changed(begins_with("Subtract"), '"subtract"', "before the convolutions")
        changed(begins_with("GetItem"), "[..., ::-1]")
        changed(lambda layers: layers.insert(1, preprocessing()[0]), "other operations")
        changed(lambda layers: layers.__setitem__(
            slice(1, 1), [keras_layer("Rescaling", "scale", scale=0.1), *preprocessing()]),
            "other operations")

    def test_keras_rescaling_in_the_model(self) -> None:
        top = [keras_layer("Flatten", "flatten"), keras_layer("Dense", "a", activation="relu"),
               keras_layer("Dense", "b", activation="relu"),
               keras_layer("Dense", "c", activation="softmax")]
        before = [keras_layer("RandomFlip", "flip"),
                  keras_layer("Rescaling", "scale", scale=1 / 127.5, offset=-1)]
        self.import_file(self.keras_model(top, before))
        self.expect_answer(self.photo / 127.5 - 1)
        # Keras's own, as part of the model.
        full, turned = slice(None), slice(None, None, -1)
        for is_keras_3 in (True, False):
            for slices in (None, [full, full, slice(None, None, 1), turned]):
                before = preprocessing(slices=slices, is_keras_3=is_keras_3)
                self.expect_keras(self.keras_model(top, before))
            self.out.unlink()
            for means in ((-93.594, -104.7624, -129.1863), (0, 0, 0), (1.5,), VGG16_MEANS[::-1]):
                before = preprocessing(means, is_keras_3=is_keras_3)
                self.expect_failure(self.keras_model(top, before), "adds", str(int(means[0])),
                                    "where VGG16's preprocess_input adds -103.939")
            for slices in ([Ellipsis, full], [Ellipsis, slice(0, 3, -1)], [full, turned],
                           [full, turned, full, turned], [Ellipsis, 2], [turned]):
                before = preprocessing(slices=slices, is_keras_3=is_keras_3)
                self.expect_failure(self.keras_model(top, before), "[..., ::-1]")
            flip, add = preprocessing(is_keras_3=is_keras_3)
            for before in ([flip, flip, add], [add, flip], [flip, add, add]):
                self.expect_failure(self.keras_model(top, before), "unlike a VGG16")
        before = [keras_layer("Lambda", "call", function="preprocess_input", arguments={},
                              module="tensorflow.python.keras.applications.vgg16")]
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

    def test_keras_3_weights_with_names_of_their_own(self) -> None:
        """Dense layers are told by what they take, where that is one order."""
        path = self.folder / "dogs.weights.h5"

        def write(names: Sequence[str]) -> Path:
            with h5py.File(path, "w") as file:
                for name, arrays in zip(names, keras_arrays(self.parameters)):
                    group = file.create_group(f"layers/{name}/vars")
                    group["0"], group["1"] = arrays
            return path

        own = ["hidden_one", "hidden2", "out"]
        for names in (own, ["c", "b", "a"], ["fc1", "fc2", "predictions"], ["dense", "x", "y_2"]):
            self.expect_keras(write([*KERAS_CONVS, *names]))
        self.parameters = random_parameters(7, [7, 7])
        for names in (["dense", "dense_1", "dense_2"], ["fc_9", "fc_10", "fc_11"]):
            self.expect_keras(write([*KERAS_CONVS, *names]))
        self.out.unlink()
        self.expect_failure(write([*KERAS_CONVS, *own]), 'model.save("x.keras")')
        convs = [f"{chr(ord('n') - i)}_conv" for i in range(13)]
        self.expect_failure(write([*convs, "dense", "dense_1", "dense_2"]), "order")

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

    def test_keras_other_vggs(self) -> None:
        """By a description, or by weights alone."""
        config = keras_config([])
        layers = config["config"]["layers"]
        layers[1:1] = [keras_layer("Conv2D", f"more{i}", activation="relu") for i in range(3)]
        path = self.official_keras()
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = json.dumps(config)
        self.expect_failure(path, "16 convolutions, as a VGG19", "only a VGG16, with 13")
        self.parameters = [self.parameters[0]] + [self.parameters[1]] * 7 + self.parameters[13:]
        weights = keras_layers(self.parameters, "{}_W_1:0", "{}_b_1:0", "predictions")
        for name in KERAS_CONVS[8:]:
            del weights[name]
        with h5py.File(path, "w") as file:
            write_group(file, {name: values for name, values in weights.items() if values})
        self.expect_failure(path, "8 convolutions, as a VGG11")

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


if __name__ == "__main__":
    unittest.main()
