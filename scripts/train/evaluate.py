"""Accuracy of an exported model: plain VGG16 in float32, as any reader of the file computes it."""
from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Callable

import numpy as np
import torch
from torch.nn import functional

import data
import tensors
from data import Photos, normalise, whole_view
from model import CONVS_PER_BLOCK


def predict(forward: Callable[[torch.Tensor], torch.Tensor], photos: Photos, chosen: np.ndarray,
            rule: str, size: int, device: torch.device, batch: int = 32) -> np.ndarray:
    """float32 logits [len(chosen), classes] of the photos' evaluation views."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(chosen), batch):
            part = chosen[start : start + batch]
            views = np.stack([whole_view(photos.image(int(i)), size, rule) for i in part])
            x = normalise(torch.from_numpy(views), device)
            parts.append(forward(x.contiguous(memory_format=torch.channels_last)).float().cpu())
    return torch.cat(parts).numpy()


def held_out(photos: Photos, labels: list[str], split: str) -> np.ndarray:
    """The held-out photos of the labels' breeds in a split."""
    breeds = [photos.breeds.index(label) for label in labels]
    chosen = np.flatnonzero(photos.holdout & np.isin(photos.breed, breeds))
    return chosen[[photos.files[i].startswith(split + "/") for i in chosen]]


def plain_forward(model: dict[str, np.ndarray], last: str = "predictions",
                  ) -> Callable[[torch.Tensor], torch.Tensor]:
    """VGG16 from tensors of the canonical names, without batch norm: NCHW input to the outputs of
    `last`, which is "predictions" for the logits, with those of `others` behind them, or "fc2"."""
    weights = {name: torch.from_numpy(values.astype(np.float32)) for name, values in model.items()}

    def forward(x: torch.Tensor) -> torch.Tensor:
        for block, convs in enumerate(CONVS_PER_BLOCK, 1):
            for conv in range(1, convs + 1):
                name = f"block{block}_conv{conv}"
                kernel = weights[f"{name}.weight"].permute(0, 3, 1, 2)
                x = functional.relu(functional.conv2d(x, kernel, weights[f"{name}.bias"], padding=1))
            x = functional.max_pool2d(x, 2)
        x = x.permute(0, 2, 3, 1).flatten(1)
        for name in ("fc1", "fc2"):
            x = functional.relu(functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"]))
        if last == "fc2":
            return x
        heads = [name for name in ("predictions", "others") if f"{name}.weight" in weights]
        return torch.cat([functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])
                          for name in heads], 1)

    return forward


def log_probabilities(logits: np.ndarray, temperature: float, labels: int) -> np.ndarray:
    """[N, labels], and a last column for all outputs behind the labels together, if there are any."""
    p = (torch.from_numpy(logits) / temperature).log_softmax(1)
    others = [p[:, labels:].logsumexp(1, keepdim=True)] if p.shape[1] > labels else []
    return torch.cat([p[:, :labels], *others], 1).numpy()


def calibration_error(probabilities: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the top class over equal bins (Guo et al. 2017)."""
    confidence = probabilities.max(1)
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[which == b].mean() - right[which == b].mean()) * (which == b).sum()
        for b in range(bins) if (which == b).any()
    ]
    return float(sum(gaps) / len(right))


def evaluate(args: argparse.Namespace) -> dict:
    model, metadata = tensors.read(args.model)
    labels = json.loads(metadata["labels"])
    preprocess = json.loads(metadata["preprocess"])
    with tempfile.TemporaryDirectory() as cache:
        photos = data.load(args.photos, [args.split], Path(cache))
    known = [label for label in labels if label in photos.breeds]
    if not known:
        raise data.DataError(f"{args.photos / args.split}: none of the model's breeds")
    chosen = np.flatnonzero(np.isin(photos.breed, [photos.breeds.index(b) for b in known]))
    truth = np.array([labels.index(photos.breeds[b]) for b in photos.breed[chosen]])
    logits = predict(plain_forward(model), photos, chosen, preprocess["resize"],
                     preprocess["size"], torch.device("cpu"))
    temperature = float(metadata.get("temperature", 1))
    probabilities = np.exp(log_probabilities(logits, temperature, len(labels)))[:, : len(labels)]
    order = (-probabilities).argsort(1)
    right = order[:, 0] == truth
    confusion = np.zeros((len(labels), len(labels)), int)
    np.add.at(confusion, (truth, order[:, 0]), 1)

    def score(mask: np.ndarray) -> dict:
        top5 = (order[mask, :5] == truth[mask, None]).any(1)
        return {"photos": int(mask.sum()), "top1": round(float(right[mask].mean()), 4),
                "top5": round(float(top5.mean()), 4)}

    crop = photos.crop_view[chosen]
    views = {"full": ~crop, "crop": crop}
    return {
        **score(np.ones(len(chosen), bool)),
        "ece": round(calibration_error(probabilities, right), 4),
        "views": {view: score(mask) for view, mask in views.items() if mask.any()},
        "per_class": [
            {"label": label, **{view: score(mask & (truth == i))
                                for view, mask in views.items() if (mask & (truth == i)).any()}}
            for i, label in enumerate(labels)
        ],
        "confusion": confusion.tolist(),
    }


def table(result: dict) -> str:
    """The result as text: a line a breed, then the confusion matrix (rows: truth)."""
    lines = [f"{result['photos']} photos: top-1 {result['top1']:.1%}, top-5 {result['top5']:.1%}, "
             f"expected calibration error {result['ece']:.3f}"]
    for view, s in result["views"].items():
        lines.append(f"{view}: {s['photos']} photos, top-1 {s['top1']:.1%}, top-5 {s['top5']:.1%}")
    lines += ["", "| breed | full | crop |", "|---|---|---|"]
    for entry in result["per_class"]:
        cells = [f"{entry[v]['top1']:.0%} of {entry[v]['photos']}" if v in entry else "-"
                 for v in ("full", "crop")]
        lines.append(f"| {entry['label']} | {cells[0]} | {cells[1]} |")
    labels = [entry["label"] for entry in result["per_class"]]
    lines += ["", "confusion (rows: the breed; columns, in the same order: the answer)"]
    width = max(map(len, labels))
    for label, row in zip(labels, result["confusion"]):
        lines.append(f"{label:{width}} " + "".join(f"{n or '.':>4}" for n in row))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="holds SPLIT/CLASS/*.jpg")
    parser.add_argument("--split", default="test")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    try:
        result = evaluate(args)
    except data.DataError as error:
        raise SystemExit(f"evaluate.py: {error}") from None
    print(json.dumps(result) if args.json else table(result))


if __name__ == "__main__":
    main()
