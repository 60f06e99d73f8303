"""What tests of the command line have in common. They are called with PATH/TO/gradcam."""
from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

GRADCAM = str(Path(sys.argv.pop(1)).resolve())
TESTS = Path(__file__).resolve().parent.parent
IMAGES = TESTS / "fixtures/images"
MODEL = TESTS / "oracle/fixtures/tiny32.keras.safetensors"  # three classes

Tensors = dict[str, tuple[list[int], list[float]]]  # shape and values, all of F32


def gradcam(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess:
    return subprocess.run([GRADCAM, *map(str, arguments)], input=stdin, capture_output=True,
                          text=True, timeout=120, check=False)


def on_terminal(*arguments: object) -> str:
    """What a terminal is sent of standard error."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        with os.fdopen(theirs, "wb") as terminal:
            subprocess.run([GRADCAM, *map(str, arguments)], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=terminal, timeout=120, check=False)
        sent = b""
        with contextlib.suppress(OSError):  # as Linux says that the other end is closed
            while part := screen.read(4096):
                sent += part
        return sent.decode()


def write_bmp(path: Path, grey: int) -> None:
    side = 40
    pixels = bytes((grey + x % 7 + y % 5) for y in range(side) for x in range(side) for _ in "bgr")
    path.write_bytes(b"BM" + struct.pack("<IIIIiiHHIIiiII", 54 + len(pixels), 0, 54, 40, side, side,
                                         1, 24, 0, len(pixels), 0, 0, 0, 0) + pixels)


def write_png_data(path: Path, width: int, height: int, channels: int, data: bytes) -> None:
    """A PNG file that unpacks to these bytes: those of each row, behind its filter."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(
            ">I", zlib.crc32(name + data))

    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    path.write_bytes(b"\x89PNG\r\n\x1a\n"
                     + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def write_png(path: Path, rows: list[list[tuple[int, ...]]]) -> None:
    """Pixels of 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels."""
    data = b"".join(b"\0" + bytes(value for pixel in row for value in pixel) for row in rows)
    write_png_data(path, len(rows[0]), len(rows), len(rows[0][0]), data)


def read_safetensors(path: Path) -> tuple[dict, bytes]:
    """The header and what is behind it."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


def write_safetensors(path: Path, header: dict, data: bytes) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def read_tensors(path: Path) -> tuple[Tensors, dict[str, str]]:
    header, data = read_safetensors(path)
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = list(struct.unpack(f"<{(end - begin) // 4}f", data[begin:end]))
        tensors[name] = (entry["shape"], values)
    return tensors, metadata


def write_tensors(path: Path, tensors: Tensors, metadata: dict[str, str]) -> None:
    header: dict[str, object] = {"__metadata__": metadata}
    data = b""
    for name, (shape, values) in tensors.items():
        begin = len(data)
        data += struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    write_safetensors(path, header, data)


def write_large_model(path: Path) -> None:
    """MODEL, but with photos of 512 x 512 pixels, so that what is kept of one takes 20 MB."""
    tensors, metadata = read_tensors(MODEL)
    (rows, columns), weight = tensors["fc1.weight"]
    cells = (512 // 32) ** 2
    tensors["fc1.weight"] = ([rows, columns * cells],
                             [value / cells for value in weight for _ in range(cells)])
    preprocess = json.loads(metadata["preprocess"]) | {"size": 512}
    write_tensors(path, tensors, metadata | {"preprocess": json.dumps(preprocess)})


def peak_memory(*arguments: object) -> int:
    """What a call that must succeed needs at most, in a unit that is the system's."""
    run = subprocess.Popen([GRADCAM, *map(str, arguments)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode != 0:
        raise AssertionError(f"{arguments} gave {run.returncode}")
    return used.ru_maxrss


def default_signals() -> None:
    """For `preexec_fn`: a program that was started with these ignored, as by nohup or in the
    background of a script, lets them be ignored."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Case(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
