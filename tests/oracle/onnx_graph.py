"""ONNX files, written without the onnx package: the few messages of its protocol buffers that are
needed here (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto)."""
from __future__ import annotations

import struct
from pathlib import Path
from typing import Callable

import numpy as np

IR_VERSION = 8
OPSET = 13
# TensorProto.DataType, and the field that its numbers may be in, in the place of raw_data.
DATA_TYPES = {"float32": (1, 4), "uint8": (2, 5), "int8": (3, 5), "int32": (6, 5), "int64": (7, 7),
              "float16": (10, 5), "float64": (11, 10)}
RAW_DATA = 9
# AttributeProto.AttributeType
ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_TEXT, ATTRIBUTE_TENSOR, ATTRIBUTE_INTS = 1, 2, 3, 4, 7


def _varint(value: int) -> bytes:
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def _tensor_head(name: str, values: np.ndarray, typed: bool = False) -> bytes:
    """A TensorProto up to its numbers, which are last."""
    data_type, field = DATA_TYPES[values.dtype.name]
    head = b"".join(_number(1, dim) for dim in values.shape)
    head += _number(2, data_type) + _bytes(8, name)
    return head + _varint((field if typed else RAW_DATA) << 3 | 2) + _varint(values.nbytes)


def _external_tensor(name: str, values: np.ndarray, said: dict[str, str]) -> bytes:
    """A TensorProto whose numbers are in another file."""
    head = b"".join(_number(1, dim) for dim in values.shape)
    head += _number(2, DATA_TYPES[values.dtype.name][0]) + _bytes(8, name)
    entries = (_bytes(1, key) + _bytes(2, value) for key, value in said.items())
    return head + b"".join(_bytes(13, entry) for entry in entries) + _number(14, 1)


def _attribute(name: str, value: int | float | str | list[int] | np.ndarray) -> bytes:
    if isinstance(value, int):
        return _bytes(1, name) + _number(3, value) + _number(20, ATTRIBUTE_INT)
    if isinstance(value, float):
        return _bytes(1, name) + b"\x15" + struct.pack("<f", value) + _number(20, ATTRIBUTE_FLOAT)
    if isinstance(value, str):
        return _bytes(1, name) + _bytes(4, value) + _number(20, ATTRIBUTE_TEXT)
    if isinstance(value, np.ndarray):
        tensor = _tensor_head("", value) + value.tobytes()
        return _bytes(1, name) + _bytes(5, tensor) + _number(20, ATTRIBUTE_TENSOR)
    numbers = b"".join(_number(8, number) for number in value)
    return _bytes(1, name) + numbers + _number(20, ATTRIBUTE_INTS)


def _value_info(name: str, shape: list[int]) -> bytes:
    """A side of 0 is left open."""
    dims = b"".join(_bytes(1, _number(1, dim) if dim else _bytes(2, "N")) for dim in shape)
    tensor_type = _number(1, DATA_TYPES["float32"][0]) + _bytes(2, dims)
    return _bytes(1, name) + _bytes(2, _bytes(1, tensor_type))


class Graph:
    """Collects nodes and weights. Weights are kept as arrays until the file is written."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._weights: list[tuple[str, np.ndarray, bool]] = []
        self._domains: set[str] = set()

    def weight(self, name: str, values: np.ndarray, typed: bool = False) -> str:
        """An initializer, in the field of its own type if it is `typed`."""
        values = np.ascontiguousarray(values)
        self._weights.append((name, values, typed))
        return name

    def node(self, operator: str, inputs: list[str], output: str, domain: str = "",
             **attributes) -> str:
        message = b"".join(_bytes(1, name) for name in inputs) + _bytes(2, output)
        message += _bytes(3, output) + _bytes(4, operator) + _bytes(7, domain)
        for name, value in attributes.items():
            message += _bytes(5, _attribute(name, value))
        self._nodes.append(message)
        if domain:
            self._domains.add(domain)
        return output

    def write(self, path: Path, inputs: dict[str, list[int]], outputs: dict[str, list[int]],
              producer: str = "", beside: Callable[[str, np.ndarray], dict[str, str]] | None = None) -> None:
        """What `beside` says of a weight, if something, is where it is in another file."""
        pieces: list[bytes | np.ndarray] = [_bytes(1, node) for node in self._nodes]
        pieces.append(_bytes(2, "vgg16"))
        for name, values, typed in self._weights:
            said = beside(name, values) if beside else {}
            if said:
                pieces.append(_bytes(5, _external_tensor(name, values, said)))
                continue
            head = _tensor_head(name, values, typed)
            pieces += [_varint(5 << 3 | 2) + _varint(len(head) + values.nbytes) + head, values]
        pieces += [_bytes(11, _value_info(*item)) for item in inputs.items()]
        pieces += [_bytes(12, _value_info(*item)) for item in outputs.items()]
        size = sum(p.nbytes if isinstance(p, np.ndarray) else len(p) for p in pieces)
        with path.open("wb") as file:
            file.write(_number(1, IR_VERSION) + _bytes(2, producer) + _bytes(8, _number(2, OPSET)))
            for domain in sorted(self._domains):
                file.write(_bytes(8, _bytes(1, domain) + _number(2, 1)))
            file.write(_varint(7 << 3 | 2) + _varint(size))
            for piece in pieces:
                file.write(piece)
