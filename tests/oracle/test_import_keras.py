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
    BLOCKS, CLASSES, GRID, KERAS_CONVS, VGG16_MEANS, ImportCase, average_top, connected,
    flatten_top, keras_2_operation, keras_2_preprocess_input, keras_arrays, keras_config, keras_key,
    keras_layer, keras_layers, keras_moments, keras_numbers, keras_operation,
    keras_preprocess_input, keras_tensor, keras_zip, random_parameters, write_group,
)


def official_top() -> list[dict]:
    return [keras_layer("Flatten", "flatten"), keras_layer("Dense", "a", activation="relu"),
            keras_layer("Dense", "b", activation="relu"),
            keras_layer("Dense", "c", activation="softmax")]


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
        path = self.folder / "model.keras"
        top = official_top()
        for by_name in (False, True):
            for nested in (False, True):
                with self.subTest(by_name=by_name, nested=nested):
                    keras_zip(path, self.parameters, keras_config(top, nested=nested), by_name)
                    self.expect_keras(path)
        self.out.unlink()
        top[-1]["config"]["activation"] = "relu"
        more = keras_layer("Dense", "more", activation="softmax")
        with zipfile.ZipFile(path) as archive:
            weights = archive.read("model.weights.h5")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", json.dumps(keras_config([*top, more], nested=True)))
            archive.writestr("model.weights.h5", weights)
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
        # Keras 3.5 casts numbers of mixed precision by operations among the layers.
        top = [keras_layer("Cast", "cast"), keras_layer("Flatten", "flatten"),
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
        def changed(change: Callable[[list], None], *says: str) -> None:
            config = keras_config(official_top())
            change(config["config"]["layers"])
            config = connected(config)
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

        def unactivated(layers: list) -> None:
            layers[index(layers, "block3_conv2")]["config"]["activation"] = "linear"

        def unactivated_last(layers: list) -> None:
            layers[index(layers, "block3_conv3")]["config"]["activation"] = "linear"

        def normalised_behind(layers: list) -> None:
            layers.insert(index(layers, "block5_pool"), keras_layer("BatchNormalization", "bn"))

        def beside(layers: list) -> None:
            pool = index(layers, "block5_pool")
            node = [{"args": [keras_tensor("block5_conv3")], "kwargs": {}}]
            layers.insert(pool + 1, keras_layer("Dropout", "beside") | {"inbound_nodes": node})

        def twice(layers: list) -> None:
            node = {"args": [keras_tensor("block2_conv1")], "kwargs": {}}
            layers[index(layers, "block2_conv2")]["inbound_nodes"] = [node, node]

        changed(without_pool, "4 blocks")
        changed(with_pool, '"early"', "pools")
        changed(with_strides, '"block2_conv1"', "strides")
        changed(dilated, '"block5_conv2"', "strides")
        changed(large_pools, '"block3_pool"', "pools")
        changed(padded, '"block3_pool"', "pools")
        changed(channels_first, "block1_conv1", "format")
        changed(oblong, '"input_1"', "no square")
        changed(larger, "128 pixels", "2 x 2")
        changed(normalised_behind, '"bn"', "before it is pooled")
        changed(unactivated, '"block3_conv3"', "without a ReLU")
        changed(unactivated_last, '"block3_pool"', "pools")
        changed(beside, '"beside"', 'what "block5_conv3" gives')
        changed(twice, '"block2_conv2"', "more than once")

    def test_keras_models_of_another_form(self) -> None:
        path = self.folder / "other.keras"
        config = keras_config(official_top())
        for outputs in ([["c", 0, 0], ["b", 0, 0]], {"x": ["c", 0, 0], "y": ["b", 0, 0]}):
            config["config"]["output_layers"] = outputs
            keras_zip(path, self.parameters, config, by_name=True)
            self.expect_failure(path, '"model" has 2 outputs')
        for outputs in (["c", 0, 0], [["c", 0, 0]]):
            config["config"]["output_layers"] = outputs
            keras_zip(path, self.parameters, config, by_name=True)
            self.expect_keras(path)
        self.out.unlink()
        with zipfile.ZipFile(path, "w") as archive:
            own = keras_layer("Mine", "mine", trainable=True)
            archive.writestr("config.json", json.dumps(own))
            archive.writestr("model.weights.h5", b"")
        self.expect_failure(path, '"Mine"', "functional model")

    def test_keras_preprocess_input_in_the_model(self) -> None:
        augmentation = keras_layer("Sequential", "data_augmentation", layers=[
            keras_layer("InputLayer", "input_3", batch_shape=[None, 64, 64, 3]),
            keras_layer("RandomFlip", "flip"), keras_layer("RandomRotation", "turn"),
            keras_layer("RandomZoom", "zoom"), keras_layer("RandomContrast", "contrast")])
        unnamed = keras_preprocess_input()
        for layer in unnamed:  # Keras 3.3
            del layer["config"]["name"]
        path = self.folder / "dogs.keras"
        for name, before in {
            "Keras 3": keras_preprocess_input(),
            "Keras 3.3": unnamed,
            "augmentation": [augmentation, *keras_preprocess_input("data_augmentation")],
            "Keras 2": keras_2_preprocess_input(),
        }.items():
            with self.subTest(name):
                self.expect_keras(self.keras_model(official_top(), before))
                for nested in (True, False):
                    keras_zip(path, self.parameters, keras_config(official_top(), before,
                                                                  nested=nested), by_name=False)
                    self.expect_keras(path)
        before = [keras_layer("Lambda", "call", function="preprocess_input", arguments={},
                              module="tensorflow.python.keras.applications.vgg16")]
        self.expect_keras(self.keras_model(official_top(), before))

    def test_keras_arithmetic_in_the_model(self) -> None:
        photo = self.photo.astype("f8")
        x = keras_tensor("input_1")
        mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        turned = slice(None, None, -1)
        full = slice(None)
        rescaling = keras_layer("Rescaling", "rescaling", scale=1 / 255, offset=0.0)
        given = {"name": None}
        cases = {
            "Rescaling": ([keras_layer("RandomFlip", "flip"),
                           keras_layer("Rescaling", "scale", scale=1 / 127.5, offset=-1)],
                          photo / 127.5 - 1),
            "Rescaling of each channel": (
                [keras_layer("Rescaling", "scale", scale=[0.01, 0.02, 0.03], offset=[-1, 0, 1])],
                photo * [0.01, 0.02, 0.03] + [-1, 0, 1]),
            "Normalization": (
                [rescaling, keras_layer("Normalization", "norm", axis=[-1], invert=False,
                                        mean=list(mean), variance=list(std ** 2))],
                self.torchvision_input()),
            "Normalization of all channels": (
                [keras_layer("Normalization", "norm", axis=[], mean=127.5, variance=2500.0)],
                (photo - 127.5) / 50),
            "what Keras's mode torch does": (
                [keras_operation("TrueDivide", "one", x, 255.0),
                 keras_operation("Add", "two", keras_tensor("one"), keras_numbers([[[-mean]]])),
                 keras_operation("TrueDivide", "three", keras_tensor("two"), keras_numbers(std))],
                self.torchvision_input()),
            "its mode tf": (
                [keras_operation("TrueDivide", "one", x, 127.5),
                 keras_operation("Subtract", "two", keras_tensor("one"), 1)], photo / 127.5 - 1),
            "its mode tf in Keras 2": (
                [keras_2_operation("cast", "cast", "input_1", dtype="float32", **given),
                 keras_2_operation("math.truediv", "one", "cast", y=127.5, **given),
                 keras_2_operation("math.subtract", "two", "one", y=1.0, **given)],
                photo / 127.5 - 1),
            "a number first": (
                [keras_operation("Subtract", "one", 255.0, x),
                 keras_operation("Multiply", "two", -0.01, keras_tensor("one"))],
                (255 - photo) * -0.01),
            "a number first in Keras 2": (
                [keras_2_operation("math.multiply", "one", 0.01, y=["input_1", 0, 0], **given),
                 keras_2_operation("__operators__.add", "two", -0.5, y=["one", 0, 0], **given)],
                photo * 0.01 - 0.5),
            "means of its own": (
                [keras_operation("GetItem", "one", x, keras_key(..., turned)),
                 keras_operation("Subtract", "two", keras_tensor("one"), keras_numbers([9, 8, 7]))],
                photo[..., ::-1] - [9, 8, 7]),
            "all axes written out": (
                [keras_2_operation("__operators__.getitem", "one", "input_1", slice_spec=keras_key(
                    full, full, slice(None, None, 1), slice(2, None, -1), is_keras_3=False)),
                 keras_2_operation("math.divide", "two", "one", y=[2.0, 4.0, 8.0])],
                photo[..., ::-1] / [2, 4, 8]),
            "channels by their numbers from the end": (
                [keras_operation("GetItem", f"channel{i}", x, keras_key(..., -3 + i))
                 for i in range(3)] +
                [keras_operation("Stack", "stack", [keras_tensor(f"channel{i}") for i in range(3)],
                                 axis=3)], photo),
            "preprocess_input of what was scaled": (
                [rescaling, *keras_preprocess_input("rescaling")],
                photo[..., ::-1] / 255 + VGG16_MEANS),
            "what does nothing": (
                [keras_layer(kind, kind.lower()) for kind in (
                    "Cast", "RandAugment", "AugMix", "GaussianNoise", "Identity", "RandomErasing",
                    "CastToFloat32", "MixUp", "Dropout")] +
                [keras_operation("Multiply", "one", keras_tensor("dropout"), 0.5)], photo / 2),
        }
        for name, (before, image) in cases.items():
            with self.subTest(name):
                self.import_file(self.keras_model(official_top(), before))
                self.expect_answer(image)
        resizing = keras_layer("Resizing", "resizing", height=64, width=64,
                               crop_to_aspect_ratio=False, pad_to_aspect_ratio=False)
        for outer in (None, 300):
            config = keras_config(official_top(), [resizing, *keras_preprocess_input("resizing")])
            config["config"]["layers"][0]["config"]["batch_shape"] = [None, outer, outer, 3]
            path = self.folder / "resized.keras"
            keras_zip(path, self.parameters, config, by_name=True)
            self.expect_keras(path)

    def test_keras_normalization_of_photos_that_were_shown(self) -> None:
        """`Normalization().adapt(photos)`, whose numbers are among the weights."""
        before = [keras_layer("Rescaling", "scale", scale=2.0, offset=0.0),
                  keras_layer("Normalization", "norm", axis=[-1], invert=False, mean=None,
                              variance=None)]
        path = self.folder / "dogs.keras"
        config = keras_config(official_top(), before, nested=True)
        mean, variance = [50, 60, 70], [400, 900, 1600]
        for mean, variance in ((mean, variance), (50, 1600)):
            moments = [keras_moments(mean, variance)]
            image = (self.photo * 2.0 - mean) / np.sqrt(variance)
            for by_name in (False, True):
                keras_zip(path, self.parameters, config, by_name, moments=moments)
                self.import_file(path)
                self.expect_answer(image)
            self.import_file(self.keras_model(official_top(), before, moments=moments))
            self.expect_answer(image)
        self.out.unlink()
        config["config"]["layers"][2]["config"]["invert"] = True
        keras_zip(path, self.parameters, config, by_name=True, moments=moments)
        self.expect_failure(path, '"norm"', "mean")
        for shape in ((2,), (64, 64, 3), (1, 3)):
            moments = [keras_moments(np.ones(shape), np.ones(shape))]
            self.expect_failure(self.keras_model(official_top(), before, moments=moments), "norm")
        moments = [keras_moments(mean, variance)[:1]]
        self.expect_failure(self.keras_model(official_top(), before, moments=moments),
                            'lacks the weights of "norm"')
        with h5py.File(path, "w") as file:
            file["layers/normalization/vars/0"] = np.ones(3, "f4")
        self.expect_failure(path, '"normalization"', "whole model")

    def test_keras_what_is_not_read_before_the_convolutions(self) -> None:
        x = keras_tensor("input_1")
        full, turned = slice(None), slice(None, None, -1)

        def refused(before: Sequence[dict], *says: str) -> None:
            self.expect_failure(self.keras_model(official_top(), before), *says)

        for keys in ([..., slice(0, 3, -1)], [full, turned], [full, turned, full, turned],
                     [..., 2], [turned], [..., slice(1)], [..., slice(None, None, 0)],
                     [..., 3], [..., slice(1, None)]):
            operation = keras_operation("GetItem", "item", x, keras_key(*keys))
            added = keras_operation("Add", "add", keras_tensor("item"), keras_numbers(VGG16_MEANS))
            refused([operation, added], "preprocess_input")
            operation = keras_2_operation("__operators__.getitem", "item", "input_1",
                                          slice_spec=keras_key(*keys, is_keras_3=False))
            refused([operation, added], "preprocess_input")
        slices = keras_preprocess_input()[:3]
        tensors = [keras_tensor(layer["name"]) for layer in slices]
        for order in ((0, 2, 1), (0, 1), (0, 0, 0), (0, 1, 2, 0)):
            stack = keras_operation("Stack", "stack", [tensors[i] for i in order], axis=-1)
            refused([*slices, stack], '"block1_conv1"', "red, green and blue")
        for axis in (0, 1, None):
            refused([*slices, keras_operation("Stack", "stack", tensors, axis=axis)], '"stack"')
        refused([keras_operation("Stack", "stack", [x, x, x], axis=-1)], '"stack"')
        refused([keras_operation("Stack", "stack", [], axis=-1)], "red, green and blue")
        for operation in ("Add", "Subtract", "Multiply"):
            refused([keras_operation(operation, "both", x, x)], '"both"', "numbers")
            refused([keras_operation(operation, "few", x, keras_numbers([1, 2]))], '"few"', "each")
            rows = keras_numbers([[1], [2], [3]])
            refused([keras_operation(operation, "rows", x, rows)], '"rows"', "each")
            refused([keras_operation(operation, "none", x)], '"none"')
            refused([keras_layer(operation, "nothing")], '"nothing"')
        refused([keras_operation("TrueDivide", "inverse", 1.0, x)], '"inverse"')
        refused([keras_operation("Add", "lost", keras_tensor("later"), 1.0)], '"lost"', '"later"')
        node = {"args": [x], "kwargs": {}}
        refused([keras_layer("Rescaling", "twice", scale=0.1) | {"inbound_nodes": [node, node]}],
                '"twice"', "more than once")
        for scale in (255, 1.1, 0, -1 / 255, 1e-60, [0.1, 0.1, 2], [0.1, 0.1, 1e-60]):
            refused([keras_layer("Rescaling", "scale", scale=scale)], '"block1_conv1"', "0 to 255")
        refused([keras_operation("TrueDivide", "zero", x, 0)], '"block1_conv1"', "0 to 255")
        for scale in ([0.1, 0.2], "0.1", None):
            refused([keras_layer("Rescaling", "scale", scale=scale)], '"scale"', "each channel")
        for config in ({"mean": 1.0}, {"variance": 1.0},
                       {"mean": [1.0, 2.0], "variance": [1.0, 1.0]},
                       {"mean": 1.0, "variance": 1.0, "invert": True}):
            refused([keras_layer("Normalization", "norm", **config)], '"norm"', "mean")
        for config in ({"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}):
            refused([keras_layer("Resizing", "size", height=64, width=64, **config)], '"size"',
                    "whole")
        refused([keras_layer("Resizing", "size", height=64, width=32)], '"size"', "no square")
        for config in ({"module": "keras.applications.mobilenet_v2"}, {"module": "__main__"}, {},
                       {"module": "keras.applications.vgg16", "arguments": {"mode": "torch"}}):
            refused([keras_layer("Lambda", "call", function="preprocess_input", **config)],
                    '"call"', "may not be VGG16's")
        function = {"module": "builtins", "class_name": "function", "config": "preprocess_input"}
        refused([keras_layer("Lambda", "call", function=function, arguments={})], '"call"',
                "may not be VGG16's")
        function = {"class_name": "__lambda__", "config": {"code": "4wEAAAA"}}
        refused([keras_layer("Lambda", "own", function=function)], '"own"', "Python code")
        for kind in ("RandomCrop", "CenterCrop", "Concatenate", "Flip", "TFOpLambda"):
            refused([keras_layer(kind, "x")], '"x"', kind)
        refused([keras_2_operation("image.resize", "x", "input_1")], '"x"', '"image.resize"')

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
        keras_zip(path, self.parameters, keras_config(official_top()), by_name=False, count_by=2)
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
