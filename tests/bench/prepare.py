"""prepare.py FOLDER: from FOLDER/vgg16.safetensors, what the contenders need and what they should
answer. Files that are newer than the model and this script are kept."""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "oracle"))

from model import SIZE, read_parameters  # noqa: E402
from onnx_file import write_int8_vgg16, write_vgg16  # noqa: E402
from vgg16 import Explained, explain  # noqa: E402

# The photo's shorter side is what the network's preprocessing would make of it, so that resampling
# changes nothing and every contender sees the same numbers.
PHOTO_SIZE = 256
BORDER = (PHOTO_SIZE - SIZE) // 2
PHONE_SIZE = (4032, 3024)
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def make_photo() -> np.ndarray:
    """Soft shapes with some noise, as photos have: [256, 256, 3], uint8."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[:PHOTO_SIZE, :PHOTO_SIZE] / PHOTO_SIZE
    photo = np.empty((PHOTO_SIZE, PHOTO_SIZE, 3))
    for channel in range(3):
        waves = sum(
            np.sin(2 * np.pi * (fx * x + fy * y) + phase) / (1 + abs(fx) + abs(fy))
            for fx, fy, phase in random.uniform(-8, 8, (24, 3))
        )
        photo[..., channel] = 120 + 60 * waves / waves.std()
    photo += random.normal(0, 8, photo.shape)
    return np.clip(np.round(photo), 0, 255).astype(np.uint8)


def make_phone_photo(photo: np.ndarray) -> Image.Image:
    """The same, of 12 megapixels, with the noise that a sensor has."""
    large = Image.fromarray(photo).resize(PHONE_SIZE, Image.Resampling.BICUBIC)
    noise = np.random.default_rng(2).normal(0, 4, (*large.size[::-1], 3)).astype(np.float32)
    return Image.fromarray(np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8))


def network_input(photo: np.ndarray) -> np.ndarray:
    """[3, 224, 224], float32."""
    crop = photo[BORDER : BORDER + SIZE, BORDER : BORDER + SIZE].astype(np.float32)
    return np.ascontiguousarray(((crop / np.float32(255) - MEAN) / STD).transpose(2, 0, 1))


def write_expected(path: Path, explained: Explained) -> None:
    """Logits, and the Grad-CAM of every class, by PyTorch's autograd in float64."""
    path.write_text(
        json.dumps(
            {
                "logits": explained.activations["logits"].tolist(),
                "maps": explained.map.reshape(len(explained.map), -1).tolist(),
                "margin": explained.margin,
            }
        )
    )


def main() -> None:
    folder = Path(sys.argv[1])
    model = folder / "vgg16.safetensors"
    newest = max(path.stat().st_mtime for path in (model, *HERE.glob("*.py")))
    products = ["photo.png", "phone.jpg", "input.f32", "vgg16.onnx", "vgg16_gradcam.onnx",
                "vgg16_int8.onnx", "expected.json"]
    paths = {name: folder / name for name in products}
    if all(path.exists() and path.stat().st_mtime > newest for path in paths.values()):
        return
    photo = make_photo()
    image = network_input(photo)
    parameters = read_parameters(model)
    Image.fromarray(photo).save(paths["photo.png"])
    make_phone_photo(photo).save(paths["phone.jpg"], quality=90)
    image.tofile(paths["input.f32"])
    write_vgg16(paths["vgg16.onnx"], parameters, grad_cam=False)
    write_vgg16(paths["vgg16_gradcam.onnx"], parameters, grad_cam=True)
    explained = explain(parameters, image)
    maxima = {name: float(values.max()) for name, values in explained.activations.items()}
    write_int8_vgg16(paths["vgg16_int8.onnx"], parameters, maxima)
    write_expected(paths["expected.json"], explained)


if __name__ == "__main__":
    main()
