"""The VGG16 of the benchmark as ONNX files."""

from pathlib import Path

import numpy as np

from model import DENSE, PLAN, POSITIONS, SIZE, Parameters
from onnx_graph import Graph

MICROSOFT = "com.microsoft"  # the domain of QGemm


def write_vgg16(path: Path, parameters: Parameters, grad_cam: bool) -> None:
    """Input `image` [1, 3, 224, 224]; outputs `logits` [1, classes] and, with `grad_cam`, `map`
    [14, 14]: the Grad-CAM of the most probable class before it is scaled, by the paper's
    definition as nodes of the graph."""
    graph = Graph()
    value = "image"
    for index, name in enumerate(PLAN):
        if name == "pool":
            value = graph.node(
                "MaxPool", [value], f"pool{index}", kernel_shape=[2, 2], strides=[2, 2]
            )
            continue
        weight = graph.weight(f"{name}.weight", parameters[name][0])
        bias = graph.weight(f"{name}.bias", parameters[name][1])
        value = graph.node(
            "Conv", [value, weight, bias], f"{name}.sum", kernel_shape=[3, 3], pads=[1, 1, 1, 1]
        )
        value = graph.node("Relu", [value], name)
    value = graph.node("Flatten", [value], "flatten", axis=1)
    for name in DENSE:
        weight = graph.weight(f"{name}.weight", parameters[name][0])
        bias = graph.weight(f"{name}.bias", parameters[name][1])
        last = name == DENSE[-1]
        total = "logits" if last else f"{name}.sum"
        value = graph.node("Gemm", [value, weight, bias], total, transB=1)
        if not last:
            value = graph.node("Relu", [value], name)
    outputs = {"logits": [1, len(parameters["predictions"][1])]}
    if grad_cam:
        _add_grad_cam(graph, channels=len(parameters["block5_conv3"][1]))
        outputs["map"] = [2 * POSITIONS, 2 * POSITIONS]
    graph.write(path, {"image": [1, 3, SIZE, SIZE]}, outputs)


def _add_grad_cam(graph: Graph, channels: int) -> None:
    """The gradient of the largest logit by hand, back to block5_pool. Max-pool's backward pass
    hands each gradient to one input of its window, so the channel sums at block5_conv3 are those
    at block5_pool."""
    zero = graph.weight("zero", np.zeros(1, np.float32))
    top = graph.node("ArgMax", ["logits"], "top", axis=1, keepdims=0)
    gradient = graph.node("Gather", ["predictions.weight", top], "fc2.gradient", axis=0)
    for layer, name in (("fc2", "fc1.gradient"), ("fc1", "flatten.gradient")):
        alive = graph.node("Greater", [f"{layer}.sum", zero], f"{layer}.alive")
        masked = graph.node("Where", [alive, gradient, zero], f"{layer}.masked")
        gradient = graph.node("MatMul", [masked, f"{layer}.weight"], name)
    cells = graph.weight("cells", np.array([channels, POSITIONS**2], np.int64))
    by_channel = graph.node("Reshape", [gradient, cells], "pool.gradient")
    axis = graph.weight("axis", np.array([1], np.int64))
    sums = graph.node("ReduceSum", [by_channel, axis], "sums", keepdims=0)
    pixels = (2 * POSITIONS) ** 2
    share = graph.weight("share", np.array([1 / pixels], np.float32))
    alpha = graph.node("Mul", [sums, share], "alpha")
    flat = graph.weight("flat", np.array([channels, pixels], np.int64))
    activation = graph.node("Reshape", ["block5_conv3", flat], "activation")
    weighted = graph.node("MatMul", [alpha, activation], "weighted")
    positive = graph.node("Relu", [weighted], "positive")
    square = graph.weight("square", np.array([2 * POSITIONS] * 2, np.int64))
    graph.node("Reshape", [positive, square], "map")


def write_int8_vgg16(path: Path, parameters: Parameters, maxima: dict[str, float]) -> None:
    """Input and `logits` as `write_vgg16`; all layers on 8-bit numbers: weights int8 with a scale
    for each output, activations uint8 from 0 to `maxima`, the largest of each layer on a photo."""
    graph = Graph()

    def scalar(name: str, value: float | int, dtype: type) -> str:
        return graph.weight(name, np.array(value, dtype))

    scale = 10 / 255  # of the input, which is normalised: -5 to 5
    middle = scalar("image.zero", 128, np.uint8)
    zero = scalar("zero", 0, np.uint8)
    image = ["image", scalar("image.scale", scale, np.float32), middle]
    value = [graph.node("QuantizeLinear", image, "image.int8"), *image[1:]]

    def operands(name: str) -> tuple[list[str], str]:
        """The first inputs of the layer's node, and its bias."""
        weight, bias = parameters[name]
        flat = weight.reshape(len(weight), -1)
        scales = (np.abs(flat).max(1) / 127).astype(np.float32)
        rounded = np.rint(flat / scales[:, None]).astype(np.int8).reshape(weight.shape)
        shifted = np.rint(bias / (scales * scale)).astype(np.int32)
        return [
            *value,
            graph.weight(f"{name}.weight", rounded if weight.ndim == 4 else rounded.T),
            graph.weight(f"{name}.scale", scales),
            graph.weight(f"{name}.zero", np.zeros(len(scales), np.int8)),
        ], graph.weight(f"{name}.bias", shifted)

    for index, name in enumerate(PLAN):
        if name == "pool":
            pooled = graph.node(
                "MaxPool", [value[0]], f"pool{index}", kernel_shape=[2, 2], strides=[2, 2]
            )
            value = [pooled, *value[1:]]
            continue
        inputs, bias = operands(name)
        scale = maxima[name] / 255
        after = [scalar(f"{name}.after", scale, np.float32), zero]
        convolved = graph.node(
            "QLinearConv", [*inputs, *after, bias], name, kernel_shape=[3, 3], pads=[1, 1, 1, 1]
        )
        value = [convolved, *after]
    value = [graph.node("Flatten", [value[0]], "flatten", axis=1), *value[1:]]
    for name in DENSE[:-1]:
        inputs, bias = operands(name)
        scale = maxima[name] / 255
        after = [scalar(f"{name}.after", scale, np.float32), zero]
        value = [graph.node("QGemm", [*inputs, bias, *after], name, MICROSOFT), *after]
    inputs, bias = operands(DENSE[-1])
    graph.node("QGemm", [*inputs, bias], "logits", MICROSOFT)
    outputs = {"logits": [1, len(parameters["predictions"][1])]}
    graph.write(path, {"image": [1, 3, SIZE, SIZE]}, outputs)
