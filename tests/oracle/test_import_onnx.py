"""ONNX files that `gradcam convert` imports, as PyTorch exports them and as other programs do, give
the logits and maps that PyTorch computes; what would give others is refused."""
from __future__ import annotations

import json
import unittest
from pathlib import Path
from typing import Any, Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from foreign_models import (
    BLOCKS, CLASSES, DENSE, GRID, SIDE, ImportCase, average_top, flatten_top, keras_arrays,
    random_parameters, tensors,
)
from onnx_graph import Graph


class Vgg16(nn.Module):
    """VGG16 with these layers behind block5_pool, and with batch normalisation if wanted."""

    def __init__(self, *top: nn.Module, norms: bool = False,
                 activation: Callable[[], nn.Module] = nn.ReLU) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for block in BLOCKS:
            for width in block:
                layers.append(nn.Conv2d(channels, width, 3, padding=1))
                layers += [nn.BatchNorm2d(width)] if norms else []
                layers.append(activation())
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.top = nn.Sequential(*top)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.top(self.features(x))


class Flattened(nn.Module):
    """As torchvision did it at first."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(x.size(0), -1)


class Averaged(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


WIDTH = BLOCKS[-1][-1] * GRID * GRID


def usual_top(*behind: nn.Module) -> list[nn.Module]:
    """torchvision's."""
    return [nn.AdaptiveAvgPool2d((GRID, GRID)), nn.Flatten(), nn.Linear(WIDTH, DENSE[0]),
            nn.ReLU(True), nn.Dropout(), nn.Linear(DENSE[0], DENSE[1]), nn.ReLU(True), nn.Dropout(),
            nn.Linear(DENSE[1], CLASSES), *behind]


class OnnxImport(ImportCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.folder / "vgg16.onnx"

    def export(self, model: nn.Module, side: int = SIDE, **options: Any) -> nn.Module:
        """With weights that let photos through, and batch normalisation that has seen some."""
        torch.manual_seed(5)
        for module in model.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight)
                nn.init.uniform_(module.bias, -0.1, 0.1)
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                for values in (module.weight, module.bias, module.running_mean):
                    nn.init.uniform_(values, -0.5, 1)
                nn.init.uniform_(module.running_var, 0.5, 2)
        model.eval()
        torch.onnx.export(model, torch.zeros(1, 3, side, side), str(self.path), **options)
        return model

    def expect_exported(self, model: nn.Module, **options: Any) -> None:
        """Logits and map, those of the model itself."""
        self.out.unlink(missing_ok=True)
        model = self.export(model, **options).double()
        preprocess = json.loads(self.import_file(self.path)["preprocess"])
        self.assertEqual((preprocess["resize"], preprocess["channels"]), ("shorter_side", "RGB"))
        x = torch.from_numpy(self.torchvision_input().transpose(2, 0, 1))[None]
        *features, pool = model.features
        activations = nn.Sequential(*features)(x).detach().requires_grad_()
        behind = model.top[:-1] if isinstance(model.top[-1], nn.Softmax) else model.top
        logits = behind(pool(activations))[0]
        if len(logits) == 1:
            logits = torch.cat([-logits / 2, logits / 2])
        gradient, = torch.autograd.grad(logits.max(), activations)
        cam = F.relu((gradient.mean((2, 3), keepdim=True) * activations).sum(1))[0].detach().numpy()
        expected = logits.detach().numpy()
        actual, actual_cam = self.engine_answer()
        self.assertEqual(actual.shape, expected.shape)
        self.assertLess(np.abs(actual - expected).max(), 1e-4 * np.abs(expected).max())
        self.assertGreater(cam.max(), 0)
        self.assertLess(np.abs(actual_cam - cam / cam.max()).max(), 1e-3)

    def test_onnx_of_torchvision(self) -> None:
        for options in ({}, {"opset_version": 9}, {"opset_version": 17},
                        {"keep_initializers_as_inputs": True}, {"do_constant_folding": False},
                        {"input_names": ["image"], "dynamic_axes": {"image": [0]}}):
            with self.subTest(options):
                self.expect_exported(Vgg16(*usual_top()), **options)

    def test_onnx_names_its_source(self) -> None:
        self.export(Vgg16(*usual_top()))
        metadata = self.import_file(self.path)
        self.assertEqual(metadata["source"], self.path.name)

    def test_onnx_with_probabilities(self) -> None:
        self.expect_exported(Vgg16(*usual_top(nn.Softmax(1))))

    def test_onnx_tops(self) -> None:
        channels = BLOCKS[-1][-1]
        for name, top in {
            "one layer": [nn.Flatten(), nn.Linear(WIDTH, CLASSES)],
            "two": [Flattened(), nn.Linear(WIDTH, 20), nn.ReLU(), nn.Linear(20, CLASSES)],
            "an average": [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)],
            "a mean": [Averaged(), nn.Linear(channels, 20), nn.ReLU(), nn.Linear(20, CLASSES)],
            "one output": [nn.Flatten(), nn.Linear(WIDTH, 20), nn.ReLU(), nn.Linear(20, 1)],
        }.items():
            with self.subTest(name):
                self.expect_exported(Vgg16(*top))

    def test_onnx_with_a_sigmoid(self) -> None:
        self.export(Vgg16(nn.Flatten(), nn.Linear(WIDTH, 1), nn.Sigmoid()))
        self.import_file(self.path)
        self.assertEqual(tensors.read(self.out)[0]["predictions.weight"].shape, (2, 2))

    def test_onnx_with_a_choice_of_probabilities(self) -> None:
        def top(graph: Graph, value: str) -> str:
            value = graph.node("Softmax", [self.gemm_top(graph, value)], "p", axis=-1)
            value = graph.node("Cast", [graph.node("Identity", [value], "same")], "half", to=10)
            graph.node("ReduceMax", [value], "confidence")
            return graph.node("ArgMax", [value], "class")

        self.write(self.graph(top), [1, 3, SIDE, SIDE])
        self.import_file(self.path)
        self.expect_answer(self.torchvision_input())

    def test_onnx_batch_normalisation(self) -> None:
        """Which PyTorch leaves to the reader, or brings into the weights."""
        keeps = {"training": torch.onnx.TrainingMode.PRESERVE}

        def dense() -> list[nn.Module]:
            return [nn.Flatten(), nn.Linear(WIDTH, 20), nn.BatchNorm1d(20), nn.ReLU(),
                    nn.Linear(20, 20), nn.ReLU(), nn.BatchNorm1d(20, eps=0.1), nn.Dropout(),
                    nn.Linear(20, CLASSES)]

        for options in ({}, keeps):
            with self.subTest(options):
                self.expect_exported(Vgg16(*usual_top(), norms=True), **options)
                self.expect_exported(Vgg16(*dense(), norms=True), **options)
                self.expect_exported(Vgg16(nn.BatchNorm2d(BLOCKS[-1][-1]), *usual_top()), **options)

    def test_onnx_of_torch_that_is_refused(self) -> None:
        two = [nn.Linear(WIDTH, 20), nn.ReLU(), nn.Linear(20, CLASSES)]
        deep = [nn.Flatten(), *usual_top()[2:-1], nn.Linear(DENSE[1], 9), nn.ReLU(),
                nn.Linear(9, CLASSES)]
        for says, model in {
            "LeakyRelu": Vgg16(*usual_top(), activation=nn.LeakyReLU),
            "4 dense layers": Vgg16(*deep),
            "sigmoid of several outputs": Vgg16(*usual_top(nn.Sigmoid())),
            "without a ReLU": Vgg16(nn.Flatten(), nn.Linear(WIDTH, 20), nn.Linear(20, CLASSES)),
            "normalises a map that has been flattened": Vgg16(nn.Flatten(), nn.BatchNorm1d(WIDTH),
                                                              *two),
            "pools where": Vgg16(nn.AdaptiveMaxPool2d(1), nn.Flatten(),
                                   nn.Linear(BLOCKS[-1][-1], CLASSES)),
        }.items():
            with self.subTest(says):
                self.export(model)
                self.expect_failure(self.path, says)

    def test_onnx_of_other_networks(self) -> None:
        def altered(change: Callable[[nn.Sequential], None]) -> nn.Module:
            model = Vgg16(*usual_top())
            change(model.features)
            return model

        def set_layer(index: int, layer: nn.Module) -> Callable[[nn.Sequential], None]:
            return lambda features: features.__setitem__(index, layer)

        for says, change in {
            "pools where": set_layer(4, nn.MaxPool2d(3, 2, 1)),
            "is a convolution at another place": set_layer(1, nn.Identity()),
            "strides, padding": set_layer(2, nn.Conv2d(4, 5, 3, 2, 1)),
            "is among convolutions": set_layer(4, nn.AvgPool2d(2)),
            "operator": set_layer(7, nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.ReLU(),
                                                   nn.Conv2d(6, 7, 3, padding=1))),
        }.items():
            with self.subTest(says):
                self.export(altered(change), side=2 * SIDE if "strides" in says else SIDE)
                self.expect_failure(self.path, says)

    def test_onnx_pools_with_settings_of_their_own(self) -> None:
        """Which an average behind them takes as well as others."""
        for side, pool in ((SIDE, nn.MaxPool2d(2, 2, dilation=2)),
                           (80, nn.MaxPool2d(2, 2, ceil_mode=True))):
            with self.subTest(pool):
                model = Vgg16(nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                              nn.Linear(BLOCKS[-1][-1], CLASSES))
                model.features[-1] = pool
                self.export(model, side)
                self.expect_failure(self.path, "pools where")

    # --- What other programs write

    def graph(self, top: Callable[[Graph, str], str], source: Callable[[Graph], str] = lambda _: "x",
              cast: type = np.float32, typed: bool = False) -> Graph:
        """`self.parameters` up to block5_pool, and the operators that `top` adds behind it."""
        graph = Graph()
        value = source(graph)
        convs = iter(self.parameters[:13])
        for b, block in enumerate(BLOCKS, 1):
            for c in range(len(block)):
                name = f"block{b}_conv{c + 1}"
                inputs = [graph.weight(f"{name}/{kind}", values.astype(cast), typed)
                          for kind, values in zip("wb", next(convs))]
                value = graph.node("Conv", [value, *inputs], f"{name}/sum", pads=[1] * 4,
                                   kernel_shape=[3, 3], strides=[1, 1])
                value = graph.node("Relu", [value], name)
            value = graph.node("MaxPool", [value], f"pool{b}", kernel_shape=[2, 2], strides=[2, 2])
        top(graph, value)
        return graph

    def dense(self, graph: Graph, value: str, arrays: list[tuple[np.ndarray, np.ndarray]],
              transposed: bool) -> str:
        """MatMul and Add, of [inputs, outputs], or Gemm."""
        for i, (weight, bias) in enumerate(arrays):
            last = i + 1 == len(arrays)
            w, b = graph.weight(f"w{i}", weight), graph.weight(f"b{i}", bias)
            if transposed:
                value = graph.node("Gemm", [value, w, b], f"sum{i}", transB=1, alpha=1.0, beta=1.0)
            else:
                value = graph.node("Add", [graph.node("MatMul", [value, w], f"product{i}"), b],
                                   f"sum{i}")
            value = value if last else graph.node("Relu", [value], f"fc{i}")
        return value

    def write(self, graph: Graph, shape: list[int], producer: str = "") -> None:
        self.out.unlink(missing_ok=True)
        graph.write(self.path, {"x": shape}, {"logits": [0, CLASSES]}, producer)

    def write_beside(self, graph: Graph, name: str, least: int = 256,
                     forget: tuple[str, ...] = ()) -> Path:
        """With all weights of that many bytes in another file, as PyTorch does it from 2.9 on; does
        not say of them what it is to forget."""
        path = self.folder / name
        data = bytearray()

        def put(_: str, values: np.ndarray) -> dict[str, str]:
            if values.nbytes < least:
                return {}
            data.extend(bytes(-len(data) % 64))
            said = {"location": name, "offset": str(len(data)), "length": str(values.nbytes)}
            data.extend(values.tobytes())
            return {key: value for key, value in said.items() if key not in forget}

        self.out.unlink(missing_ok=True)
        graph.write(self.path, {"x": [1, 3, SIDE, SIDE]}, {"logits": [1, CLASSES]}, "pytorch", put)
        path.write_bytes(data)
        return path

    def torch_top(self, graph: Graph, value: str) -> str:
        """torchvision's, as PyTorch exports it from 2.6 on; large weights are not transposed yet."""
        value = graph.node("AveragePool", [value], "mean", kernel_shape=[1, 1], strides=[1, 1],
                           pads=[0] * 4, ceil_mode=0, count_include_pad=1)
        value = graph.node("Reshape", [value, graph.weight("shape", np.int64([1, -1]))], "flat")
        for i, (weight, bias) in enumerate(self.parameters[13:]):
            w = graph.node("Transpose", [graph.weight(f"w{i}", weight)], f"t{i}", perm=[1, 0])
            value = graph.node("Gemm", [value, w, graph.weight(f"b{i}", bias)], f"sum{i}")
            value = value if i == 2 else graph.node("Relu", [value], f"fc{i}")
        return value

    def gemm_top(self, graph: Graph, value: str) -> str:
        value = graph.node("Flatten", [value], "flat")
        return self.dense(graph, value, self.parameters[13:], True)

    def test_onnx_of_tf2onnx(self) -> None:
        """Maps with their channels last, but in convolutions; dense layers as Keras has them."""

        def top(graph: Graph, value: str) -> str:
            value = graph.node("Transpose", [value], "back", perm=[0, 2, 3, 1])
            shape = graph.weight("shape", np.array([-1, WIDTH], np.int64))
            value = graph.node("Reshape", [value, shape], "flat")
            arrays = keras_arrays(self.parameters)[13:]
            return graph.node("Softmax", [self.dense(graph, value, arrays, False)], "p", axis=-1)

        graph = self.graph(top, lambda g: g.node("Transpose", ["x"], "nchw", perm=[0, 3, 1, 2]))
        self.write(graph, [0, SIDE, SIDE, 3], "tf2onnx")
        self.expect_keras(self.path)

    def test_onnx_of_tf2onnx_with_an_average(self) -> None:
        for version in ("attribute", "input", "constant"):
            with self.subTest(version):
                self.parameters = random_parameters(CLASSES, [], averages=True)

                def top(graph: Graph, value: str) -> str:
                    value = graph.node("Transpose", [value], "back", perm=[0, 2, 3, 1])
                    axes = np.array([1, -2], np.int64)
                    if version == "attribute":
                        value = graph.node("ReduceMean", [value], "mean", axes=[1, -2], keepdims=0)
                    elif version == "input":
                        graph.weight("axes", axes, typed=False)
                        value = graph.node("ReduceMean", [value, "axes"], "mean", keepdims=0)
                    else:
                        graph.node("Constant", [], "axes", value=axes)
                        value = graph.node("ReduceMean", [value, "axes"], "mean", keepdims=0)
                    return self.dense(graph, value, keras_arrays(self.parameters)[13:], False)

                graph = self.graph(top, lambda g: g.node("Transpose", ["x"], "a", perm=[0, 3, 1, 2]))
                self.write(graph, [0, 0, 0, 3], "tf2onnx 1.16")
                result = self.run_import(self.path, self.out)
                # 64 pixels are not told, and of an average nothing tells them.
                self.assertEqual(result.returncode, 0, result.stderr)
                self.write(graph, [0, SIDE, SIDE, 3], "tf2onnx 1.16")
                self.import_file(self.path)
                self.expect_answer(self.keras_input(), average_top)

    def test_onnx_batch_normalisation_without_an_epsilon(self) -> None:
        """It is 1e-5 then, as much as a small variance feels."""
        rng = np.random.default_rng(13)
        width = BLOCKS[-1][-1]
        scale, shift, mean = rng.standard_normal((3, width)).astype("f4")
        variance = np.full(width, 1e-4, "f4")

        def top(graph: Graph, value: str) -> str:
            names = [graph.weight(f"norm{i}", values)
                     for i, values in enumerate((scale, shift, mean, variance))]
            return self.gemm_top(graph, graph.node("BatchNormalization", [value, *names], "norm"))

        def answer(x: torch.Tensor, dense: list) -> torch.Tensor:
            s, b, m, v = (torch.from_numpy(t).double() for t in (scale, shift, mean, variance))
            return flatten_top(F.batch_norm(x, m, v, s, b, eps=1e-5), dense)

        self.write(self.graph(top), [1, 3, SIDE, SIDE])
        self.import_file(self.path)
        self.expect_answer(self.torchvision_input(), answer)

    def test_onnx_with_columns_over_channels(self) -> None:
        """MatMul behind a map that was flattened as PyTorch does it."""

        def top(graph: Graph, value: str) -> str:
            value = graph.node("Flatten", [value], "flat", axis=1)
            return self.dense(graph, value, [(w.T, b) for w, b in self.parameters[13:]], False)

        self.write(self.graph(top), [1, 3, SIDE, SIDE])
        self.import_file(self.path)
        self.expect_answer(self.torchvision_input())

    def test_onnx_with_an_average_by_a_window(self) -> None:
        self.parameters = random_parameters(CLASSES, [], averages=True)

        def top(graph: Graph, value: str) -> str:
            value = graph.node("AveragePool", [value], "mean", kernel_shape=[GRID, GRID])
            return self.gemm_top(graph, value)

        self.write(self.graph(top), [1, 3, SIDE, SIDE])
        self.import_file(self.path)
        self.expect_answer(self.torchvision_input(), average_top)

    def test_onnx_numbers(self) -> None:
        for cast, typed, close in ((np.float32, True, 1e-4), (np.float16, False, 2e-2),
                                   (np.float64, False, 1e-4), (np.float64, True, 1e-4)):
            with self.subTest(cast=cast, typed=typed):
                self.write(self.graph(self.gemm_top, cast=cast, typed=typed), [1, 3, SIDE, SIDE])
                self.import_file(self.path)
                self.expect_answer(self.torchvision_input(), close=close)

    def test_onnx_constants_as_operators(self) -> None:
        weight, bias = self.parameters[13]

        def top(graph: Graph, value: str) -> str:
            graph.node("Constant", [], "w", value=weight)
            graph.node("Identity", ["w"], "same")
            graph.weight("b", bias)
            value = graph.node("Gemm", [graph.node("Flatten", [value], "flat"), "same", "b"], "y",
                               transB=1)
            return self.dense(graph, graph.node("Relu", [value], "fc"), self.parameters[14:], True)

        self.write(self.graph(top), [1, 3, SIDE, SIDE])
        self.import_file(self.path)
        self.expect_answer(self.torchvision_input())

    def test_onnx_with_weights_in_another_file(self) -> None:
        for name, least, forget in (("vgg16.onnx.data", 256, ()), ("weights.bin", 0, ("length",))):
            with self.subTest(name):
                self.write_beside(self.graph(self.torch_top), name, least, forget)
                self.import_file(self.path)
                self.expect_answer(self.torchvision_input())

    def test_onnx_weights_are_not_written_over(self) -> None:
        beside = self.write_beside(self.graph(self.torch_top), "vgg16.onnx.data")
        content = beside.read_bytes()
        result = self.run_import(self.path, beside)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("choose another name", result.stderr)
        self.assertEqual(beside.read_bytes(), content)

    def test_onnx_without_the_file_of_its_weights(self) -> None:
        graph = self.graph(self.torch_top)
        path = self.write_beside(graph, "vgg16.onnx.data")
        content = path.read_bytes()
        path.write_bytes(content[:-4])
        self.expect_failure(self.path, "vgg16.onnx.data", f"that file has {len(content) - 4}")
        path.unlink()
        self.expect_failure(self.path, "another file, \"vgg16.onnx.data\", which is to be with it")
        path.mkdir()
        self.expect_failure(self.path, "another file")

        names = iter(range(100))
        for says, said in {
            "several files": lambda: {"location": f"{next(names)}.data"},
            "another file": lambda: {"location": f"../{self.folder.name}/0.data"},
            "is no number": lambda: {"location": "0.data", "offset": "0x10"},
            "shape": lambda: {"location": "0.data", "length": "16"},
            "from byte 18446744073709551615 on": lambda: {"location": "0.data",
                                                          "offset": str(2**64 - 1)},
        }.items():
            with self.subTest(says):
                for i in range(100):
                    (self.folder / f"{i}.data").write_bytes(bytes(100_000))
                self.graph(self.torch_top).write(
                    self.path, {"x": [1, 3, SIDE, SIDE]}, {}, "pytorch",
                    lambda _, values: said() if values.nbytes > 64 else {})
                self.expect_failure(self.path, says)

    def test_onnx_that_is_refused(self) -> None:
        weight, bias = self.parameters[13]

        def gemm(**settings: Any) -> Callable[[Graph, str], str]:
            def top(graph: Graph, value: str) -> str:
                graph.weight("w", weight)
                graph.weight("b", bias)
                flat = graph.node("Flatten", [value], "flat")
                return graph.node("Gemm", [flat, "w", "b"], "y", **{"transB": 1} | settings)

            return top

        def behind(kind: str) -> Callable[[Graph, str], str]:
            def top(graph: Graph, value: str) -> str:
                value = graph.node("Flatten", [value], "flat")
                value = self.dense(graph, value, self.parameters[13:14], True)
                value = graph.node(kind, [value], "activated")
                graph.weight("w1", self.parameters[14][0])
                graph.weight("b1", self.parameters[14][1])
                return graph.node("Gemm", [value, "w1", "b1"], "sum1", transB=1)

            return top

        def complement(graph: Graph, value: str) -> str:
            weight, bias = (values[:1] for values in self.parameters[13])
            value = graph.node("Flatten", [value], "flat")
            value = self.dense(graph, value, [(weight, bias)], True)
            value = graph.node("Reshape", [graph.node("Sigmoid", [value], "p"),
                                           graph.weight("shape", np.int64([-1]))], "flat_p")
            return graph.node("Sub", [graph.weight("one", np.float32([1])), value], "other")

        def branch(graph: Graph, value: str) -> str:
            self.gemm_top(graph, value)
            return graph.node("ReduceMax", [value], "largest")

        def unbiased(graph: Graph, value: str) -> str:
            graph.weight("w", weight.T)
            return graph.node("MatMul", [graph.node("Flatten", [value], "flat"), "w"], "y")

        def pooled(side: int) -> Callable[[Graph, str], str]:
            def top(graph: Graph, value: str) -> str:
                value = graph.node("AveragePool", [value], "mean", kernel_shape=[side, 2])
                return self.gemm_top(graph, value)

            return top

        def quantised(graph: Graph, value: str) -> str:
            graph.weight("w", weight.astype(np.int8))
            graph.weight("b", bias)
            return graph.node("Gemm", [graph.node("Flatten", [value], "f"), "w", "b"], "y", transB=1)

        before = (lambda g: g.node("Div", ["x", g.weight("255", np.float32([255]))], "scaled"))
        int8 = (lambda g: g.node("QuantizeLinear", ["x"], "q"))
        swapped = (lambda g: g.node("Transpose", ["x"], "t", perm=[0, 1, 3, 2]))
        for settings in ({"alpha": 0.5}, {"beta": 0.5}, {"transA": 1}):
            with self.subTest(settings):
                self.write(self.graph(gemm(**settings)), [1, 3, SIDE, SIDE])
                self.expect_failure(self.path, "multiplies in a way")
        for says, graph in {
            "takes 33 inputs": self.graph(gemm(transB=0)),
            "(Gemm) changes probabilities": self.graph(behind("Softmax")),
            "(Sub) changes probabilities": self.graph(complement),
            "more layers": self.graph(behind("ArgMax")),
            "averages parts of a map": self.graph(pooled(1)),
            "several outputs": self.graph(behind("Sigmoid")),
            "Tanh": self.graph(behind("Tanh")),
            "takes, too": self.graph(branch),
            "without a bias": self.graph(unbiased),
            "data type 3": self.graph(quantised),
            "comes before the convolutions": self.graph(self.gemm_top, before),
            "quantised": self.graph(self.gemm_top, int8),
            "another order": self.graph(self.gemm_top, swapped),
        }.items():
            with self.subTest(says):
                self.write(graph, [1, 3, SIDE, SIDE])
                self.expect_failure(self.path, says)
        for says, shape in {"no square": [1, 3, SIDE, 32], "32 pixels": [1, 3, 32, 32]}.items():
            with self.subTest(says):
                self.write(self.graph(self.gemm_top), shape)
                self.expect_failure(self.path, says)
        with self.subTest("inputs"):
            self.graph(self.gemm_top).write(self.path, {"x": [1], "y": [1]}, {})
            self.expect_failure(self.path, "where a VGG16 has one")


if __name__ == "__main__":
    unittest.main()
