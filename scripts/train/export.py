"""Writes a checkpoint as a plain VGG16 in safetensors: batch norm folded in, fc1 at full size.

With --pretrained, the weights are blended with those of the network that finetuning began with
(Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"): long finetuning at 224 pixels makes the
positions around a dog answer too, so that heatmaps spill over; on the way there is a network that is
as often right and looks at the dog.

The temperature that calibrates the probabilities, and the probability below which the model is not
sure, are fitted on the held-out photos.
"""
from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import data
import tensors
import views
from model import Plan, Vgg16, autocast, conv_names
from plain import held_out, log_probabilities, plain_forward, predict
from train import Sampler, log, mix

RECALIBRATION_VIEWS = 1536
SURE_MEANS = 0.99  # the model is sure from the probability on where it is right that often
SOURCE = "trained for gradcam.cpp on ImageNet dogs (Imagewoof, Imagenette, Stanford Dogs), Oxford-IIIT Pet and Caltech-101"
LICENSE = "non-commercial research and education (terms of the ImageNet photos)"


def preprocess(rule: str, size: int) -> dict:
    """The metadata's `preprocess` for a resize rule."""
    sides = {"shorter_side": round(size * 256 / 224), "crop": size} if rule == "shorter_side" else {}
    return {
        "resize": rule, **sides, "size": size, "channels": "RGB", "scale": 1 / 255,
        "mean": list(data.PREPROCESS_MEAN), "std": list(data.PREPROCESS_STD),
    }


def between(finetuned: dict, pretrained: dict, share: float) -> dict[str, torch.Tensor]:
    """The averaged weights at `share` of the way from the pretrained to the finetuned network."""
    rows = [pretrained["breeds"].index(breed) for breed in finetuned["breeds"]]
    state = {}
    for name, goal in finetuned["average"].items():
        begin = pretrained["average"][name]
        begin = begin[rows] if name.startswith("predictions") else begin
        state[name] = torch.lerp(begin, goal, share) if goal.is_floating_point() else goal
    return state


def recalibrate(model: Vgg16, photos: data.Photos, labels: list[str], size: int, seed: int) -> None:
    """Measures the batch-norm statistics anew on training views, which blended weights need."""
    breeds = np.array([photos.breeds.index(label) for label in labels])
    rng = np.random.default_rng(seed)
    pool = rng.permutation(np.flatnonzero(~photos.holdout & np.isin(photos.breed, breeds)))
    photos = photos.only(pool[:RECALIBRATION_VIEWS])
    pool, device = np.arange(len(photos.files)), torch.device("cpu")
    random_views = views.RandomViews(photos, pool, device)
    sampler = Sampler(photos, pool, np.ones(len(photos.breeds)))
    random = torch.Generator().manual_seed(seed)
    for norm in model.norms.values():
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
        norm.train()
    with torch.no_grad(), autocast(device):
        for _ in range(0, RECALIBRATION_VIEWS, 64):
            chosen = torch.from_numpy(sampler.draw(64, rng))
            x = random_views.draw(chosen, torch.zeros_like(chosen, dtype=torch.bool), size, random)
            x = data.standardise(mix(x, random)[0])
            model(x.contiguous(memory_format=torch.channels_last))
    model.eval()


def plain(model: Vgg16, rows: list[int], size: int) -> dict[str, np.ndarray]:
    """Canonical names to float64: convolutions [O,3,3,I], fc1 [O, H*W*C] over the NHWC flatten of
    block5_pool, which has H = W = size / 32."""
    positions = (size // 32) ** 2
    folded = {}
    for name in [*conv_names(), "fc1", "fc2"]:
        norm = model.norms[name]
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        weight = model.convs[name].weight.double()
        weight = weight * scale.view(-1, *[1] * (weight.dim() - 1))
        if weight.dim() == 4:
            weight = weight.permute(0, 2, 3, 1)
        if name == "fc1":  # the mean over all positions of block5_pool
            weight = weight.repeat(1, positions) / positions
        folded[f"{name}.weight"] = weight
        folded[f"{name}.bias"] = norm.bias.double() - norm.running_mean.double() * scale
    folded["predictions.weight"] = model.predictions.weight.double()[rows]
    folded["predictions.bias"] = model.predictions.bias.double()[rows]
    return {name: values.detach().numpy() for name, values in folded.items()}


def stored(folded: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights as float16, biases as float32."""
    return {
        name: values.astype(np.float32 if name.endswith(".bias") else np.float16)
        for name, values in folded.items()
    }


def fit_temperature(logits: np.ndarray, truth: np.ndarray, labels: int) -> tuple[float, float]:
    """The temperature of the least cross entropy, between 1/4 and 4, and that cross entropy. truth:
    a label each, or `labels` for any output behind them."""

    def cross_entropy(temperature: float) -> float:
        p = log_probabilities(logits, temperature, labels)
        return float(-p[np.arange(len(truth)), truth].mean())

    candidates = np.exp(np.linspace(math.log(0.25), math.log(4), 400)).tolist()
    least, best = min((cross_entropy(t), t) for t in candidates)
    return best, least


def fit_threshold(probabilities: np.ndarray, right: np.ndarray, wanted: float) -> float:
    """The least probability from which on the answers are right as often as wanted; 1 if never."""
    order = np.argsort(-probabilities)
    share_right = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share_right >= wanted)
    return float(probabilities[order[enough[-1]]]) if len(enough) else 1.0


@dataclass(frozen=True)
class Calibration:
    loss: float  # cross entropy
    temperature: float
    threshold: float  # the least probability of which the model is sure

    def metadata(self) -> dict[str, str]:
        return {"temperature": f"{self.temperature:.4f}", "unsure_below": f"{self.threshold:.3f}"}


def calibrate(model: dict[str, np.ndarray], photos: data.Photos, labels: list[str],
              chosen: np.ndarray, rule: str, size: int) -> Calibration:
    """Fits to held-out photos, of the labels' breeds and, where the model has `others`, of those."""
    number = {label: i for i, label in enumerate(labels)}
    truth = np.array([number.get(photos.breeds[b], len(labels)) for b in photos.breed[chosen]])
    known, crop = truth < len(labels), photos.crop_view[chosen]
    logits = predict(plain_forward(model), photos, chosen, rule, size, torch.device("cpu"))
    temperature, loss = fit_temperature(logits, truth, len(labels))
    probabilities = np.exp(log_probabilities(logits, temperature, len(labels)))
    best = probabilities[:, : len(labels)].max(1)
    right = logits[:, : len(labels)].argmax(1) == truth
    threshold = fit_threshold(best[known], right[known], SURE_MEANS)
    sure = best >= threshold
    of_views = {"full": known & ~crop, "crop": known & crop}
    log(f"held out, {rule}: "
        + "".join(f"{view} {right[of_view].mean():.3f} of {of_view.sum()}, "
                  for view, of_view in of_views.items() if of_view.any())
        + f"cross entropy {loss:.3f} at temperature {temperature:.3f}, "
        f"sure of {sure[known].mean():.3f} from {threshold:.3f} on"
        + ("" if known.all() else f", and of {sure[~known].mean():.3f} of {(~known).sum()} others"))
    return Calibration(loss, temperature, threshold)


def export(args: argparse.Namespace) -> None:
    saved = torch.load(args.checkpoint, map_location="cpu")
    labels = data.read_labels(args.labels)
    unknown = [label for label in labels if label not in saved["breeds"]]
    if unknown:
        raise data.DataError(f"{args.checkpoint}: was not trained on {', '.join(unknown)}")
    model = Vgg16(Plan.from_dict(saved["plan"]), len(saved["classes"]))
    photos = data.load(args.photos, args.splits, args.run, log)
    if args.pretrained:
        pretrained = torch.load(args.pretrained, map_location="cpu")
        model.load_state_dict(between(saved, pretrained, args.share))
        model = model.to(memory_format=torch.channels_last)
        recalibrate(model, photos, labels, args.size, args.seed)
    else:
        model.load_state_dict(saved["average"])
        model.eval()
    result = stored(plain(model, [saved["breeds"].index(label) for label in labels], args.size))

    chosen = held_out(photos, labels, args.splits[0])
    found = {rule: calibrate(result, photos, labels, chosen, rule, args.size)
             for rule in ("squash", "shorter_side")}
    rule = args.rule or min(found, key=lambda name: found[name].loss)
    metadata = {
        "format": "gradcam.cpp/1", "architecture": "vgg16", "labels": json.dumps(labels),
        "preprocess": json.dumps(preprocess(rule, args.size), separators=(",", ":")),
        "source": SOURCE, "license": LICENSE, **found[rule].metadata(),
    }
    tensors.write(args.out, result, metadata)
    log(f"wrote {args.out}, {args.out.stat().st_size / 1e6:.1f} MB, {rule}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--photos", type=Path, required=True, help="as for train.py")
    parser.add_argument("--splits", nargs="+", default=["train", "pretrain"])
    parser.add_argument("--run", type=Path, required=True, help="folder of train.py's caches")
    parser.add_argument("--labels", type=Path, required=True, help="the breeds to tell, one a line")
    parser.add_argument("--pretrained", type=Path, help="checkpoint to blend the weights with")
    parser.add_argument("--share", type=float, default=0.6, help="of `checkpoint` in that (default: 0.6)")
    parser.add_argument("--rule", choices=("squash", "shorter_side"),
                        help="how photos become squares (default: the better on held-out photos)")
    parser.add_argument("--size", type=int, default=224, choices=range(32, 513, 32),
                        metavar="PIXELS", help="of the network's input (default: 224)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    try:
        export(parser.parse_args())
    except data.DataError as error:
        raise SystemExit(f"export.py: {error}") from None


if __name__ == "__main__":
    main()
